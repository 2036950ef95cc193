#include "lib/oldwords.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char BAD_LINE[] = "CLIENT_ERROR bad command line format";

enum { VALUE_MAX = 1024 * 1024 - 100 };

void oldwords_answer(struct oldsession *s, const char *text)
{
    if (!s->is_noreply) {
        octets_add(s->out, text, strlen(text));
        octets_add(s->out, "\r\n", 2);
    }
    s->is_noreply = false;
}

/* --- numbers, as the old parser reads them ---------------------------------------------------- */

bool oldwords_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static bool unsigned_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') return false;
    return (int64_t)*number >= 0 || !strchr(text, '-');
}

static bool flags_number(const char *text, uint32_t *flags)
{
    uint64_t number;
    bool is_one = unsigned_number(text, &number);
    *flags = (uint32_t)number;
    return is_one;
}

static bool is_long(const char *key)
{
    return strlen(key) > OLDITEMS_KEY;
}

/* --- stores ---------------------------------------------------------------------------------- */

static bool read_store(struct oldstore *store, char *const *tokens, bool has_cas)
{
    int64_t n;
    if (is_long(tokens[1]) || !flags_number(tokens[2], &store->flags) ||
        !oldwords_number(tokens[3], &store->exptime) || !oldwords_number(tokens[4], &n))
        return false;
    int32_t length = (int32_t)n;
    if (length < 0 || length > INT_MAX - 2) return false;
    if (has_cas && !unsigned_number(tokens[5], &store->cas)) return false;
    strcpy(store->key, tokens[1]);
    store->n = (size_t)length;
    return true;
}

static void drop_key(struct oldsession *s, const char *key)
{
    struct olditem *item = olditems_find(s->items, key);
    if (item) olditems_remove(s->items, item);
}

static void execute_store(struct oldsession *s, enum oldstore_mode mode, char **tokens, size_t n)
{
    size_t least = mode == STORE_CAS ? 6 : 5;
    if (n != least && n != least + 1) {
        oldwords_answer(s, "ERROR");
        return;
    }
    s->store = (struct oldstore){.mode = mode};
    s->is_noreply = strcmp(tokens[n - 1], "noreply") == 0;
    if (s->traits->meta == META_CLOSES && tokens[3][0] == '-') {
        s->wants_end = true;
        return;
    }
    if (!read_store(&s->store, tokens, mode == STORE_CAS)) {
        oldwords_answer(s, BAD_LINE); /* and what follows is not thrown away */
        return;
    }
    s->rest_n = s->store.n + 2;
    s->is_meta = false;
    s->rest = s->store.n > VALUE_MAX ? REST_THROWN_AWAY : REST_VALUE;
    if (s->rest == REST_VALUE) return;
    oldwords_answer(s, "SERVER_ERROR object too large for cache");
    drop_key(s, s->store.key);
}

void oldwords_take_value(struct oldsession *s, const char *data)
{
    static const char *const ends[] = {"STORED", "NOT_STORED", "EXISTS", "NOT_FOUND"};
    static const char *const meta_ends[] = {"OK", "NS", "EX", "NF"};
    char text[16 + OLDWORDS_RETURNED];
    s->rest = REST_NONE;
    if (memcmp(data + s->store.n, "\r\n", 2) != 0) {
        if (s->is_meta) s->is_noreply = false;
        oldwords_answer(s, "CLIENT_ERROR bad data chunk");
        return;
    }
    enum oldstore_end end = olditems_store(s->items, &s->store, data);
    if (s->is_meta && end != STORED) s->is_noreply = false;
    if (s->is_meta)
        snprintf(text, sizeof text, "%s %s", meta_ends[end], s->returned);
    else
        snprintf(text, sizeof text, "%s", ends[end]);
    oldwords_answer(s, text);
}

/* --- reads ----------------------------------------------------------------------------------- */

static void show_item(struct oldsession *s, const struct olditem *item, bool with_cas)
{
    char head[OLDITEMS_KEY + 80], cas[24] = "";
    if (with_cas) snprintf(cas, sizeof cas, " %" PRIu64, item->cas);
    int n = snprintf(head, sizeof head, "VALUE %s %" PRIu32 " %zu%s\r\n", item->key, item->flags,
                     item->n, cas);
    octets_add(s->out, head, (size_t)n);
    octets_add(s->out, item->data, item->n);
    octets_add(s->out, "\r\n", 2);
}

/* `get` and `gets`, and with an exptime `gat` and `gats`. */
static void execute_get(struct oldsession *s, const char *keys, bool with_cas,
                        const int64_t *exptime)
{
    char key[2048];
    size_t n;
    for (keys += strspn(keys, " "); *keys; keys += strspn(keys, " ")) {
        n = strcspn(keys, " ");
        if (n > OLDITEMS_KEY) {
            oldwords_answer(s, BAD_LINE);
            return;
        }
        snprintf(key, sizeof key, "%.*s", (int)n, keys);
        keys += n;
        struct olditem *item = olditems_find(s->items, key);
        if (item) show_item(s, item, with_cas);
        if (item && exptime) olditems_touch(item, *exptime);
    }
    oldwords_answer(s, "END");
}

/* Behind the word at the line's start, and one more. */
static const char *behind_words(const char *line, int words)
{
    while (words-- > 0) {
        line += strspn(line, " ");
        line += strcspn(line, " ");
    }
    return line;
}

static void execute_gat(struct oldsession *s, const char *line, char **tokens, size_t n)
{
    int64_t exptime;
    bool with_cas = tokens[0][3] == 's';
    if (n < 2)
        oldwords_answer(s, "ERROR");
    else if (!oldwords_number(tokens[1], &exptime))
        oldwords_answer(s, "CLIENT_ERROR invalid exptime argument");
    else
        execute_get(s, behind_words(line, 2), with_cas, &exptime);
}

/* --- changes --------------------------------------------------------------------------------- */

static void execute_delete(struct oldsession *s, char **tokens, size_t n)
{
    if (s->traits->meta == META_CLOSES && n > 2 && strcmp(tokens[2], "noreply") != 0) {
        s->wants_end = true;
        return;
    }
    if (n > 2) {
        bool is_zero = strcmp(tokens[2], "0") == 0;
        s->is_noreply = strcmp(tokens[n - 1], "noreply") == 0;
        if (n == 3 ? !is_zero && !s->is_noreply : n > 4 || !is_zero || !s->is_noreply) {
            oldwords_answer(s,
                            "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]");
            return;
        }
    }
    if (is_long(tokens[1])) {
        oldwords_answer(s, BAD_LINE);
        return;
    }
    struct olditem *item = olditems_find(s->items, tokens[1]);
    if (item) olditems_remove(s->items, item);
    oldwords_answer(s, item ? "DELETED" : "NOT_FOUND");
}

static void count(struct oldsession *s, struct olditem *item, uint64_t delta, bool is_incr)
{
    char text[32];
    uint64_t number;
    if (item->n > 20 || !unsigned_number(item->data, &number)) {
        oldwords_answer(s, "CLIENT_ERROR cannot increment or decrement non-numeric value");
        return;
    }
    number = is_incr ? number + delta : (delta > number ? 0 : number - delta);
    snprintf(text, sizeof text, "%" PRIu64, number);
    char padded[64];
    int width = item->n > strlen(text) ? (int)item->n : 0;
    int n = snprintf(padded, sizeof padded, "%-*s", width, text);
    olditems_change(s->items, item, padded, (size_t)n);
    oldwords_answer(s, text);
}

static void execute_count(struct oldsession *s, char **tokens, size_t n)
{
    uint64_t delta;
    s->is_noreply = strcmp(tokens[n - 1], "noreply") == 0;
    if (is_long(tokens[1])) {
        oldwords_answer(s, BAD_LINE);
    } else if (!unsigned_number(tokens[2], &delta)) {
        oldwords_answer(s, "CLIENT_ERROR invalid numeric delta argument");
    } else {
        struct olditem *item = olditems_find(s->items, tokens[1]);
        if (item)
            count(s, item, delta, tokens[0][0] == 'i');
        else
            oldwords_answer(s, "NOT_FOUND");
    }
}

static void execute_touch(struct oldsession *s, char **tokens, size_t n)
{
    int64_t exptime;
    s->is_noreply = strcmp(tokens[n - 1], "noreply") == 0;
    if (is_long(tokens[1])) {
        oldwords_answer(s, BAD_LINE);
    } else if (!oldwords_number(tokens[2], &exptime)) {
        oldwords_answer(s, "CLIENT_ERROR invalid exptime argument");
    } else {
        struct olditem *item = olditems_find(s->items, tokens[1]);
        if (item) olditems_touch(item, exptime);
        oldwords_answer(s, item ? "TOUCHED" : "NOT_FOUND");
    }
}

/* All go at once, also with a time. */
static void execute_flush(struct oldsession *s, char **tokens, size_t n)
{
    int64_t when;
    s->is_noreply = strcmp(tokens[n - 1], "noreply") == 0;
    if (n > (size_t)(s->is_noreply ? 2 : 1) && !oldwords_number(tokens[1], &when)) {
        oldwords_answer(s, "CLIENT_ERROR invalid exptime argument");
        return;
    }
    olditems_clear(s->items);
    oldwords_answer(s, "OK");
}

/* --- a line ---------------------------------------------------------------------------------- */

static size_t split(char *line, char *tokens[OLDWORDS_TOKENS])
{
    size_t n = 0;
    char *state = NULL;
    for (char *t = strtok_r(line, " ", &state); t; t = strtok_r(NULL, " ", &state))
        if (n < OLDWORDS_TOKENS) tokens[n++] = t;
    return n;
}

static int store_mode(const char *word)
{
    static const char *const words[] = {"set", "add", "replace", "append", "prepend", "cas"};
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++)
        if (strcmp(words[i], word) == 0) return i;
    return -1;
}

static bool is_meta_word(const char *word)
{
    return word[0] == 'm' && word[1] && strchr("gsdnea", word[1]) && !word[2];
}

/* Words with a key that are no stores; false when there is none of these, or with another number of tokens. */
static bool execute_change(struct oldsession *s, char **tokens, size_t n)
{
    bool is_count = strcmp(tokens[0], "incr") == 0 || strcmp(tokens[0], "decr") == 0;
    if (is_count && (n == 3 || n == 4))
        execute_count(s, tokens, n);
    else if (strcmp(tokens[0], "touch") == 0 && (n == 3 || n == 4))
        execute_touch(s, tokens, n);
    else if (strcmp(tokens[0], "delete") == 0 && n >= 2 && n <= 4)
        execute_delete(s, tokens, n);
    else
        return false;
    return true;
}

/* What has no key; false when there is none of these. */
static bool execute_keyless(struct oldsession *s, char **tokens, size_t n)
{
    if (strcmp(tokens[0], "version") == 0)
        octets_add(s->out, s->traits->version, strlen(s->traits->version));
    else if (strcmp(tokens[0], "quit") == 0)
        s->wants_end = true;
    else if (s->traits->meta == META_CLOSES)
        return false;
    else if (strcmp(tokens[0], "flush_all") == 0 && n <= 3)
        execute_flush(s, tokens, n);
    else if (strcmp(tokens[0], "stats") == 0)
        oldwords_answer(s, "END");
    else
        return false;
    return true;
}

static void execute_unknown(struct oldsession *s)
{
    if (s->traits->meta == META_CLOSES)
        s->wants_end = true;
    else
        oldwords_answer(s, "ERROR");
}

void oldwords_execute(struct oldsession *s, const char *line)
{
    char *copy = strdup(line), *tokens[OLDWORDS_TOKENS];
    if (!copy) abort();
    size_t n = split(copy, tokens);
    const char *word = n > 0 ? tokens[0] : "";
    int mode = store_mode(word);
    bool is_get = strcmp(word, "get") == 0 || strcmp(word, "gets") == 0;
    bool is_gat = strcmp(word, "gat") == 0 || strcmp(word, "gats") == 0;
    s->is_noreply = false;
    if (mode >= 0)
        execute_store(s, (enum oldstore_mode)mode, tokens, n);
    else if (is_get && n > 1)
        execute_get(s, behind_words(line, 1), word[3] == 's', NULL);
    else if (is_gat && s->traits->has_gat)
        execute_gat(s, line, tokens, n);
    else if (is_meta_word(word) && s->traits->meta == META_EARLY)
        oldmeta_execute(s, tokens, n);
    else if (n == 0 || (!execute_change(s, tokens, n) && !execute_keyless(s, tokens, n)))
        execute_unknown(s);
    free(copy);
}
