/* Workers answer the master in this form, and the master trusts no worker: the reader takes any bytes, and shows only names that it could
 * have written itself.
 */
#include "base/records.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char NAME[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

/* --- writing ----------------------------------------------------------------------------------- */

void records_init(struct records *r, size_t most)
{
    *r = (struct records){.most = most};
}

void records_release(struct records *r)
{
    free(r->bytes);
    *r = (struct records){.most = r->most};
}

static void put(struct records *r, const char *bytes, size_t len)
{
    if (r->len + len > r->room) {
        size_t room = r->room ? r->room * 2 : 1024;
        while (room < r->len + len) room *= 2;
        r->bytes = realloc(r->bytes, room);
        if (!r->bytes) abort();
        r->room = room;
    }
    if (len > 0) memcpy(r->bytes + r->len, bytes, len);
    r->len += len;
}

void records_append(struct records *r, const char *text, size_t len)
{
    size_t fits = r->most > r->len ? r->most - r->len : 0;
    r->is_cut |= len > fits;
    put(r, text, len < fits ? len : fits);
}

void record_begin(struct records *r, const char *kind)
{
    r->begun = r->len;
    put(r, kind, strlen(kind));
}

static bool must_escape(unsigned char byte)
{
    return byte == '\\' || byte == '\t' || byte == '\n' || byte == '\0';
}

static void put_name(struct records *r, const char *name, char sign)
{
    assert(name[0] && strlen(name) < RECORD_NAME_MAX && !name[strspn(name, NAME)]);
    put(r, "\t", 1);
    put(r, name, strlen(name));
    put(r, &sign, 1);
}

void record_bytes(struct records *r, const char *name, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    put_name(r, name, '=');
    for (size_t i = 0; i < len; i++) {
        char text[5];
        int n = snprintf(text, sizeof text, "\\x%02x", p[i]);
        if (must_escape(p[i]))
            put(r, text, (size_t)n);
        else
            put(r, (const char *)&p[i], 1);
    }
}

void record_text(struct records *r, const char *name, const char *text)
{
    record_bytes(r, name, text, strlen(text));
}

void record_number(struct records *r, const char *name, uint64_t number)
{
    char text[24];
    put_name(r, name, '#');
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    put(r, text, (size_t)n);
}

/* JSON has no infinity and no NaN. */
void record_real(struct records *r, const char *name, double number)
{
    char text[32];
    put_name(r, name, '#');
    int n = snprintf(text, sizeof text, "%.6g", isfinite(number) ? number : 0);
    put(r, text, (size_t)n);
}

void record_tenths(struct records *r, const char *name, double number)
{
    char text[32];
    bool fits = isfinite(number) && fabs(number) < 1e15;
    put_name(r, name, '#');
    int n = snprintf(text, sizeof text, "%.1f", fits ? number : 0);
    put(r, text, (size_t)n);
}

void record_end(struct records *r)
{
    put(r, "\n", 1);
    if (r->len <= r->most) return;
    r->len = r->begun;
    r->is_cut = true;
}

size_t record_escape(char *to, size_t room, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    size_t at = 0;
    assert(room > 0);
    for (size_t i = 0; i < len; i++) {
        size_t takes = must_escape(p[i]) ? 4 : 1;
        if (at + takes >= room) break;
        if (takes == 1)
            to[at] = (char)p[i];
        else
            snprintf(to + at, room - at, "\\x%02x", p[i]);
        at += takes;
    }
    to[at] = '\0';
    return at;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* A number of JSON's grammar, but that a minus may stand before digits alone. */
static bool is_number(const char *text, size_t len)
{
    char copy[40], *end;
    if (len == 0 || len >= sizeof copy) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (copy[strspn(copy, "0123456789.eE+-")] || copy[0] == '+' || copy[0] == '.') return false;
    if (copy[0] == '0' && copy[1] >= '0' && copy[1] <= '9') return false;
    double number = strtod(copy, &end);
    return *end == '\0' && isfinite(number) && end[-1] >= '0' && end[-1] <= '9';
}

static size_t name_length(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && strchr(NAME, text[n]) && text[n]) n++;
    return n;
}

static void read_field(struct record *to, const char *text, size_t len)
{
    size_t name = name_length(text, len);
    if (name == 0 || name >= RECORD_NAME_MAX || name == len || to->n == RECORD_FIELDS) return;
    if (text[name] != '=' && text[name] != '#') return;
    struct record_field *f = &to->fields[to->n++];
    *f = (struct record_field){text, text + name + 1, name, len - name - 1, false};
    f->is_number = text[name] == '#' && is_number(f->value, f->value_len);
}

/* Behind the end of the part at text: a tab, or the end. */
static const char *part_end(const char *text, const char *end)
{
    const char *tab = memchr(text, '\t', (size_t)(end - text));
    return tab ? tab : end;
}

bool record_next(const char **at, const char *end, struct record *to)
{
    while (*at < end) {
        const char *line = *at;
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        *at = stop < end ? stop + 1 : end;
        const char *part = part_end(line, stop);
        *to = (struct record){.kind = line, .kind_len = (size_t)(part - line)};
        if (to->kind_len == 0 || to->kind_len >= RECORD_NAME_MAX ||
            name_length(line, to->kind_len) < to->kind_len)
            continue;
        while (part < stop) {
            const char *next = part_end(part + 1, stop);
            read_field(to, part + 1, (size_t)(next - part - 1));
            part = next;
        }
        return true;
    }
    return false;
}

const struct record_field *record_find(const struct record *r, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < r->n; i++)
        if (r->fields[i].name_len == len && memcmp(r->fields[i].name, name, len) == 0)
            return &r->fields[i];
    return NULL;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t record_value(const struct record_field *f, char *to, size_t room)
{
    const char *p = f->value, *end = f->value + f->value_len;
    size_t n = 0;
    assert(room > 0);
    while (p < end && n + 1 < room) {
        bool escape =
            end - p >= 4 && p[0] == '\\' && p[1] == 'x' && hex(p[2]) >= 0 && hex(p[3]) >= 0;
        to[n++] = escape ? (char)(hex(p[2]) * 16 + hex(p[3])) : *p;
        p += escape ? 4 : 1;
    }
    to[n] = '\0';
    return n;
}
