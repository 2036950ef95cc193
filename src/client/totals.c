/* A server may have many statistics, and all servers have them in about the same order. So a search begins behind the statistic
 * found last (hint), and mostly ends there.
 *
 * A sum is kept as a number. All else is kept as the text that a server sent, so that a decimal fraction is shown as it came. */
#include "client/totals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "client/stat_rule.h"
#include "protocol/text.h"

enum { NAME_MAX_BYTES = 255, VALUES_MAX = 1024 };

struct totals_row {
    struct totals_row *next;
    enum stat_rule rule; /* STAT_SUM: it is in `number`; else in `value` */
    uint64_t number;
    uint32_t class; /* see stat_class_of */
    char *value;    /* value_len bytes */
    uint32_t value_len;
    uint16_t name_len;
    char name[];
};

void totals_init(struct totals *t, uint32_t most)
{
    *t = (struct totals){.most = most};
}

void totals_release(struct totals *t)
{
    while (t->first) {
        struct totals_row *s = t->first;
        t->first = s->next;
        free(s->value);
        slab_return(s, sizeof *s + s->name_len);
    }
    totals_init(t, t->most);
}

void totals_replace(struct totals *t, struct totals *from)
{
    totals_release(t);
    *t = *from;
    totals_init(from, from->most);
}

/* --- values ------------------------------------------------------------------------------------ */

/* Numbers, and most versions, in their order: the shorter one first. */
static int compare_values(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len != b_len ? (a_len > b_len) - (a_len < b_len) : memcmp(a, b, a_len);
}

/* Where in the list a value belongs; *found: where it is already. */
static size_t place_of(const struct totals_row *s, const char *value, size_t len, bool *found)
{
    size_t at = 0;
    *found = false;
    while (at <= s->value_len) {
        const char *here = s->value + at, *comma = memchr(here, ',', s->value_len - at);
        size_t n = comma ? (size_t)(comma - here) : s->value_len - at;
        int order = compare_values(value, len, here, n);
        *found = order == 0;
        if (order <= 0) break;
        at += n + 1;
    }
    return at;
}

/* Sorted, because servers answer in any order and the answer should not depend on it. I6: values that do not fit into
 * VALUES_MAX bytes are left out. */
static void add_value(struct totals_row *s, const char *value, size_t len)
{
    bool is_first = !s->value, found = false;
    size_t at = is_first ? 0 : place_of(s, value, len, &found), had = s->value_len;
    if (found || (!is_first && had + len + 1 > VALUES_MAX)) return;
    s->value = realloc(s->value, had + len + 2);
    if (!s->value) abort();
    s->value_len += (uint32_t)(len + !is_first);
    if (at > had) {
        s->value[had] = ','; /* behind all others */
    } else if (!is_first) {
        memmove(s->value + at + len + 1, s->value + at, had - at);
        s->value[at + len] = ',';
    }
    memcpy(s->value + at, value, len);
}

static void set_value(struct totals_row *s, const char *value, size_t len)
{
    free(s->value);
    s->value = NULL;
    s->value_len = 0;
    add_value(s, value, len);
}

/* --- numbers ----------------------------------------------------------------------------------- */

/* A number as servers write it: digits, and a fraction or none. */
struct decimal {
    const char *whole, *fraction;
    size_t whole_len, fraction_len; /* without zeros before it */
};

static size_t count_digits(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && *p >= '0' && *p <= '9') p++;
    return (size_t)(p - at);
}

static bool read_decimal(const char *at, size_t len, struct decimal *d)
{
    const char *end = at + len;
    size_t digits = count_digits(at, end);
    *d = (struct decimal){.whole = at, .whole_len = digits, .fraction = end};
    if (digits == 0) return false;
    at += digits;
    while (d->whole_len > 1 && *d->whole == '0') d->whole++, d->whole_len--;
    if (at == end) return true;
    d->fraction = at + 1;
    d->fraction_len = count_digits(at + 1, end);
    return *at == '.' && d->fraction_len > 0 && d->fraction + d->fraction_len == end;
}

/* Exact for any number of digits. */
static int compare_decimals(const struct decimal *a, const struct decimal *b)
{
    int whole = compare_values(a->whole, a->whole_len, b->whole, b->whole_len);
    size_t n = a->fraction_len < b->fraction_len ? a->fraction_len : b->fraction_len;
    int fraction = memcmp(a->fraction, b->fraction, n);
    if (whole) return whole;
    if (fraction) return fraction;
    return (a->fraction_len > b->fraction_len) - (a->fraction_len < b->fraction_len);
}

/* --- combining --------------------------------------------------------------------------------- */

static bool is_word(const char *value, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(value, word, len) == 0;
}

/* Whether the rule can be used on that value. */
static bool rule_fits(enum stat_rule rule, const char *value, size_t len)
{
    struct decimal d;
    uint64_t number;
    switch (rule) {
    case STAT_SUM: return text_read_digits((const uint8_t *)value, len, &number);
    case STAT_MOST:
    case STAT_LEAST: return read_decimal(value, len, &d);
    case STAT_ALL: return is_word(value, len, "yes") || is_word(value, len, "no");
    default: return true;
    }
}

/* Where one server has text for a statistic that is a number elsewhere, all values are shown as text. */
static void become_text(struct totals_row *s)
{
    uint8_t number[TEXT_NUMBER_ROOM];
    if (s->rule == STAT_SUM)
        add_value(s, (const char *)number, text_write_unsigned(number, s->number));
    s->rule = STAT_EACH;
}

/* The lower or the higher one stays. */
static void keep_one(struct totals_row *s, const char *value, size_t len)
{
    struct decimal had, comes;
    (void)read_decimal(s->value, s->value_len, &had);
    (void)read_decimal(value, len, &comes);
    int order = compare_decimals(&comes, &had);
    if (s->rule == STAT_MOST ? order > 0 : order < 0) set_value(s, value, len);
}

static void combine(struct totals_row *s, const char *value, size_t len)
{
    uint64_t number = 0;
    switch (s->rule) {
    case STAT_EACH: add_value(s, value, len); break;
    case STAT_SUM:
        (void)text_read_digits((const uint8_t *)value, len, &number);
        s->number += number;
        break;
    case STAT_MOST:
    case STAT_LEAST: keep_one(s, value, len); break;
    case STAT_ALL:
        if (is_word(value, len, "no")) set_value(s, value, len);
        break;
    }
}

/* --- rows -------------------------------------------------------------------------------------- */

static bool has_name(const struct totals_row *s, const char *name, size_t len)
{
    return s->name_len == len && memcmp(s->name, name, len) == 0;
}

/* From behind the hint to the end, then from the beginning up to it. */
static struct totals_row *find(const struct totals *t, const char *name, size_t len)
{
    struct totals_row *from = t->hint ? t->hint->next : NULL;
    for (struct totals_row *s = from; s; s = s->next) {
        if (has_name(s, name, len)) return s;
    }
    for (struct totals_row *s = t->first; s != from; s = s->next) {
        if (has_name(s, name, len)) return s;
    }
    return NULL;
}

/* Where a row of that class belongs: behind this one; NULL: it is the first. Mostly that is the end, or soon behind the hint. */
static struct totals_row *place_for(const struct totals *t, uint32_t class)
{
    struct totals_row *at = NULL, *next = t->first;
    if (t->last && t->last->class <= class) return t->last;
    if (t->hint && t->hint->class <= class) at = t->hint, next = at->next;
    while (next && next->class <= class) at = next, next = next->next;
    return at;
}

/* With its first value. A value that the rule cannot be used on makes it text. */
static struct totals_row *append(struct totals *t, const char *name, size_t len, const char *value,
                                 size_t value_len)
{
    struct totals_row *s = slab_borrow(sizeof *s + len);
    enum stat_rule rule = stat_rule_of(name, len, NULL);
    if (!rule_fits(rule, value, value_len)) rule = STAT_EACH;
    *s = (struct totals_row){
        .rule = rule, .class = stat_class_of(name, len), .name_len = (uint16_t)len};
    memcpy(s->name, name, len);
    if (rule == STAT_SUM)
        (void)text_read_digits((const uint8_t *)value, value_len, &s->number);
    else
        add_value(s, value, value_len);
    struct totals_row *before = place_for(t, s->class),
                      **place = before ? &before->next : &t->first;
    s->next = *place;
    *place = s;
    if (!s->next) t->last = s;
    t->n++;
    return s;
}

void totals_add(struct totals *t, const char *name, size_t name_len, const char *value,
                size_t value_len)
{
    if (name_len > NAME_MAX_BYTES || value_len > VALUES_MAX) return; /* I6 */
    struct totals_row *s = find(t, name, name_len);
    assert(t->n <= t->most);
    if (s) {
        if (!rule_fits(s->rule, value, value_len)) become_text(s);
        combine(s, value, value_len);
    } else if (t->n < t->most) {
        s = append(t, name, name_len, value, value_len);
    } else {
        return;
    }
    t->hint = s;
}

void totals_add_all(struct totals *t, const struct totals *from)
{
    uint8_t number[TEXT_NUMBER_ROOM];
    for (const struct totals_row *s = from->first; s; s = s->next) {
        if (s->rule == STAT_SUM)
            totals_add(t, s->name, s->name_len, (const char *)number,
                       text_write_unsigned(number, s->number));
        else
            totals_add(t, s->name, s->name_len, s->value, s->value_len);
    }
}

uint64_t totals_number(const struct totals *t, const char *name, uint64_t otherwise)
{
    const struct totals_row *s = find(t, name, strlen(name));
    uint64_t number;
    if (!s) return otherwise;
    if (s->rule == STAT_SUM) return s->number;
    return text_read_digits((const uint8_t *)s->value, s->value_len, &number) ? number : otherwise;
}

void totals_print(const struct totals *t, totals_skip_fn *skip, struct outq *to)
{
    uint8_t number[TEXT_NUMBER_ROOM];
    for (const struct totals_row *s = t->first; s; s = s->next) {
        if (skip && skip(s->name, s->name_len)) continue;
        outq_append(to, "STAT ", 5);
        outq_append(to, s->name, s->name_len);
        outq_append(to, " ", 1);
        if (s->rule == STAT_SUM)
            outq_append(to, number, text_write_unsigned(number, s->number));
        else
            outq_append(to, s->value, s->value_len);
        outq_append(to, "\r\n", 2);
    }
}
