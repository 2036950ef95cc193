/* The meta commands of 1.6.6, as far as they are known from 1.6.9, which has the same form of ms: its length is a flag, `ms key
 * S2`. */
#include "lib/oldwords.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { FLAGS_MAX = 17 };

static bool is_flag(const char *known, const char *flag)
{
    return strchr(known, flag[0]) != NULL;
}

static const char *flag_of(char letter, char **flags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (flags[i][0] == letter) return flags[i];
    return NULL;
}

static bool has_doubled(char **flags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (flag_of(flags[i][0], flags, i)) return true;
    return false;
}

static bool has_unknown(const char *known, char **flags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_flag(known, flags[i])) return true;
    return false;
}

/* What a refusal says; NULL: all is well. */
static const char *wrong_flags(const char *known, char **flags, size_t n)
{
    if (has_unknown(known, flags, n)) return "CLIENT_ERROR invalid flag";
    if (has_doubled(flags, n)) return "CLIENT_ERROR duplicate flag";
    return NULL;
}

/* Adds the flags that say something of the item or come back as they came; `lead` is what stands before the first. */
static void add_returned(char *text, size_t room, const char *key, const struct olditem *item,
                         char **flags, size_t n)
{
    size_t at = strlen(text);
    for (size_t i = 0; i < n; i++) {
        char letter = flags[i][0];
        if (letter == 'k')
            at += (size_t)snprintf(text + at, room - at, " k%s", key);
        else if (letter == 'O')
            at += (size_t)snprintf(text + at, room - at, " %.40s", flags[i]);
        else if (item && letter == 'f')
            at += (size_t)snprintf(text + at, room - at, " f%" PRIu32, item->flags);
        else if (item && letter == 's')
            at += (size_t)snprintf(text + at, room - at, " s%zu", item->n);
        else if (item && letter == 'c')
            at += (size_t)snprintf(text + at, room - at, " c%" PRIu64, item->cas);
    }
}

static void execute_mg(struct oldsession *s, const char *key, char **flags, size_t n)
{
    char text[64 + OLDWORDS_RETURNED] = "OK";
    const char *wrong = wrong_flags("vkOfscqT", flags, n), *touch = flag_of('T', flags, n);
    struct olditem *item = olditems_find(s->items, key);
    int64_t exptime;
    if (touch && !wrong && !oldwords_number(touch + 1, &exptime))
        wrong = "CLIENT_ERROR bad token in command line format";
    if (wrong || !item) {
        if (wrong || !flag_of('q', flags, n)) oldwords_answer(s, wrong ? wrong : "EN");
        return;
    }
    if (touch) olditems_touch(item, exptime);
    bool with_value = flag_of('v', flags, n) != NULL;
    if (with_value) snprintf(text, sizeof text, "VA %zu", item->n);
    add_returned(text, sizeof text, key, item, flags, n);
    oldwords_answer(s, text);
    if (!with_value) return;
    octets_add(s->out, item->data, item->n);
    octets_add(s->out, "\r\n", 2);
}

static void execute_md(struct oldsession *s, const char *key, char **flags, size_t n)
{
    char text[64 + OLDWORDS_RETURNED] = "OK ";
    struct olditem *item = olditems_find(s->items, key);
    if (wrong_flags("kOqC", flags, n)) {
        oldwords_answer(s, "CLIENT_ERROR invalid or duplicate flag");
        return;
    }
    const char *cas = flag_of('C', flags, n);
    int64_t number = 0;
    bool differs =
        cas && item && oldwords_number(cas + 1, &number) && (uint64_t)number != item->cas;
    if (!item || differs) memcpy(text, item ? "EX " : "NF ", 3);
    add_returned(text, sizeof text, key, NULL, flags, n);
    s->is_noreply = item && !differs && flag_of('q', flags, n);
    if (item && !differs) olditems_remove(s->items, item);
    oldwords_answer(s, text);
}

/* The length that stands in S; what is wrong with it, or NULL. */
static const char *read_length(const char *flag, size_t *length)
{
    int64_t n;
    if (!flag) {
        *length = 0;
        return "SERVER_ERROR object too large for cache";
    }
    if (!oldwords_number(flag + 1, &n)) return "CLIENT_ERROR bad command line format";
    if ((int32_t)n < 0 || (int32_t)n > INT_MAX - 2) return "CLIENT_ERROR invalid length";
    *length = (size_t)(int32_t)n;
    return NULL;
}

static const char *read_mode(const char *flag, enum oldstore_mode *mode)
{
    static const char letters[] = "SERAP"; /* in no order of enum oldstore_mode */
    static const enum oldstore_mode modes[] = {STORE_SET, STORE_ADD, STORE_REPLACE, STORE_APPEND,
                                               STORE_PREPEND};
    if (!flag) return NULL;
    if (strlen(flag) != 2) return "CLIENT_ERROR incorrect length for M token";
    const char *at = strchr(letters, flag[1]);
    if (!at) return "CLIENT_ERROR invalid mode for ms M token";
    *mode = modes[at - letters];
    return NULL;
}

/* Numbers of the flags of an ms. */
static const char *read_numbers(struct oldstore *store, char **flags, size_t n)
{
    static const char BAD_TOKEN[] = "CLIENT_ERROR bad token in command line format";
    const char *time = flag_of('T', flags, n), *client = flag_of('F', flags, n);
    const char *cas = flag_of('C', flags, n);
    int64_t number;
    if (time && !oldwords_number(time + 1, &store->exptime)) return BAD_TOKEN;
    if (client && !oldwords_number(client + 1, &number))
        return "CLIENT_ERROR bad command line format";
    if (client) store->flags = (uint32_t)number;
    if (cas && !oldwords_number(cas + 1, &number)) return BAD_TOKEN;
    if (cas) store->cas = (uint64_t)number;
    if (cas) store->mode = STORE_CAS;
    return NULL;
}

/* Flags that it does not know are looked for before the length is read where they stand first: today's `ms key 2` runs its
 * value, while what is wrong behind a good S is thrown away with its value. */
static void execute_ms(struct oldsession *s, const char *key, char **flags, size_t n)
{
    const char *length = flag_of('S', flags, n), *wrong;
    s->store = (struct oldstore){.mode = STORE_SET};
    strcpy(s->store.key, key);
    if (!length && (wrong = wrong_flags("STFCIkOqMcsN", flags, n))) {
        oldwords_answer(s, wrong);
        return;
    }
    if ((wrong = read_length(length, &s->store.n))) {
        oldwords_answer(s, wrong);
        return;
    }
    wrong = wrong_flags("STFCIkOqMcsN", flags, n);
    if (!wrong) wrong = read_mode(flag_of('M', flags, n), &s->store.mode);
    if (!wrong) wrong = read_numbers(&s->store, flags, n);
    if (!wrong && s->store.n > 1024 * 1024 - 100) wrong = "SERVER_ERROR object too large for cache";
    s->rest_n = s->store.n + 2;
    s->rest = wrong ? REST_THROWN_AWAY : REST_VALUE;
    s->is_meta = true;
    s->returned[0] = '\0';
    add_returned(s->returned, sizeof s->returned, key, NULL, flags, n);
    if (wrong)
        oldwords_answer(s, wrong);
    else
        s->is_noreply = flag_of('q', flags, n) != NULL;
}

void oldmeta_execute(struct oldsession *s, char *tokens[OLDWORDS_TOKENS], size_t n)
{
    const char letter = tokens[0][1], *key = n > 1 ? tokens[1] : "";
    if (letter == 'n')
        oldwords_answer(s, "MN");
    else if (letter == 'a')
        oldwords_answer(s, "ERROR"); /* came later */
    else if (letter == 'e')
        oldwords_answer(s, "EN");
    else if (n < 2)
        oldwords_answer(s, "ERROR");
    else if (strlen(key) > OLDITEMS_KEY || (n == 2 && letter != 'd'))
        oldwords_answer(s, "CLIENT_ERROR bad command line format");
    else if (n - 2 > FLAGS_MAX)
        oldwords_answer(s, letter == 'g' ? "CLIENT_ERROR options flags are too long"
                                         : "CLIENT_ERROR options flags too long");
    else if (letter == 'g')
        execute_mg(s, key, tokens + 2, n - 2);
    else if (letter == 's')
        execute_ms(s, key, tokens + 2, n - 2);
    else
        execute_md(s, key, tokens + 2, n - 2);
}
