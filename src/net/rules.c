/* A text of words, and not a struct, is what travels between processes: it may come from another version of moongate at an upgrade,
 * and the same parser reads what an operator has written. */
#include "net/rules.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char sentence[224];

/* --- one word ---------------------------------------------------------------------------------- */

/* The place of the value among the words, which end with NULL; -1: it is none of them. */
static int choose(const char *const *words, const char *value, size_t len)
{
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == len && memcmp(words[i], value, len) == 0) return i;
    return -1;
}

static const char *read_tls(struct rules *r, const char *value, size_t len)
{
    static const char *const words[] = {"off", "on", "mutual", NULL};
    int at = choose(words, value, len);
    if (at < 0) return "takes on, off or mutual";
    r->tls = (enum rules_tls)(RULES_TLS_OFF + at);
    return NULL;
}

static const char *read_protocol(struct rules *r, const char *value, size_t len)
{
    static const char *const words[] = {"auto", "text", "binary", NULL};
    int at = choose(words, value, len);
    if (at < 0) return "takes auto, text or binary";
    r->protocol = (enum rules_protocol)at;
    return NULL;
}

static const char *read_auth(struct rules *r, const char *value, size_t len)
{
    if (len != 3 || memcmp(value, "off", len) != 0) return "takes off alone";
    r->no_auth = true;
    return NULL;
}

static const char *read_allow(struct rules *r, const char *value, size_t len)
{
    return networks_add(&r->allow_from, value, len, '+');
}

static const char *read_proxy(struct rules *r, const char *value, size_t len)
{
    return networks_add(&r->proxy_from, value, len, '+');
}

static const struct {
    const char *name;
    const char *(*read)(struct rules *r, const char *value, size_t len);
} words[] = {
    {"tls", read_tls},          {"protocol", read_protocol}, {"auth", read_auth},
    {"allow-from", read_allow}, {"proxy-from", read_proxy},
};

enum { WORDS = sizeof words / sizeof *words };

/* The place of `name=...` among the words; WORDS: it is none of them. */
static size_t find(const char *text, size_t len)
{
    const char *equals = len ? memchr(text, '=', len) : NULL;
    size_t name = equals ? (size_t)(equals - text) : 0, at = 0;
    while (at < WORDS &&
           (strlen(words[at].name) != name || memcmp(words[at].name, text, name) != 0))
        at++;
    return at;
}

/* One word of len bytes. seen: a bit for each that came. */
static const char *read_word(struct rules *r, const char *text, size_t len, unsigned *seen)
{
    size_t at = find(text, len);
    if (at == WORDS) {
        snprintf(sentence, sizeof sentence, "'%.*s' is not known", (int)(len < 64 ? len : 64),
                 text);
        return sentence;
    }
    const char *name = words[at].name;
    size_t skip = strlen(name) + 1;
    const char *wrong =
        *seen & 1u << at ? "is given twice" : words[at].read(r, text + skip, len - skip);
    *seen |= 1u << at;
    if (!wrong) return NULL;
    char copy[sizeof sentence - 16]; /* it may lie where the sentence goes */
    snprintf(copy, sizeof copy, "%s", wrong);
    snprintf(sentence, sizeof sentence, "%s= %s", name, copy);
    return sentence;
}

/* --- texts ------------------------------------------------------------------------------------- */

const char *rules_parse(struct rules **to, const char *text)
{
    struct rules *r = calloc(1, sizeof *r);
    unsigned seen = 0;
    const char *wrong =
        strlen(text) < RULES_TEXT_MAX ? NULL : "it has too many words: 2047 bytes at most";
    if (!r || !(r->text = strdup(text))) abort();
    r->references = 1;
    for (const char *at = text; !wrong && *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        wrong = read_word(r, at, len, &seen);
        at += len;
        if (!wrong && at[0] == ',' && !at[1]) wrong = "a word is missing behind its last ','";
    }
    *to = wrong ? NULL : r;
    if (wrong) rules_give(r);
    return wrong;
}

static unsigned words_of(const char *text)
{
    unsigned seen = 0;
    for (; *text; text += *text == ',') {
        size_t len = strcspn(text, ","), at = find(text, len);
        if (at < WORDS) seen |= 1u << at;
        text += len;
    }
    return seen;
}

const char *rules_merge(char to[RULES_TEXT_MAX], const char *own, const char *others, bool is_unix)
{
    unsigned named = words_of(own);
    bool relays = (named | words_of(others)) & 1u << find("proxy-from=", 11);
    size_t len = (size_t)snprintf(to, RULES_TEXT_MAX, "%s", own);
    if (is_unix && !relays) named |= 1u << find("allow-from=", 11);
    if (is_unix) named |= 1u << find("tls=", 4);
    for (; *others && len < RULES_TEXT_MAX; others += *others == ',') {
        size_t n = strcspn(others, ","), at = find(others, n);
        if (at < WORDS && !(named & 1u << at))
            len += (size_t)snprintf(to + len, RULES_TEXT_MAX - len, "%s%.*s", len ? "," : "",
                                    (int)n, others);
        others += n;
    }
    return len < RULES_TEXT_MAX ? NULL : "it names too many networks: 2047 bytes at most";
}

/* --- references -------------------------------------------------------------------------------- */

struct rules *rules_take(struct rules *r)
{
    if (r) r->references++;
    return r;
}

void rules_give(struct rules *r)
{
    if (!r) return;
    assert(r->references > 0);
    if (--r->references > 0) return;
    networks_release(&r->allow_from);
    networks_release(&r->proxy_from);
    free(r->text);
    free(r);
}

/* Those that nobody else has go: a listener's words change with each script. */
static void sweep(struct rules_set *set)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        if (set->items[i]->references > 1)
            set->items[kept++] = set->items[i];
        else
            rules_give(set->items[i]);
    }
    set->n = kept;
}

struct rules *rules_of(struct rules_set *set, const char *text)
{
    struct rules *r;
    for (uint32_t i = 0; i < set->n; i++)
        if (strcmp(set->items[i]->text, text) == 0) return rules_take(set->items[i]);
    if (rules_parse(&r, text)) return NULL;
    sweep(set);
    set->items = reallocarray(set->items, set->n + 1, sizeof(struct rules *));
    if (!set->items) abort();
    set->items[set->n++] = r;
    return rules_take(r);
}

void rules_set_release(struct rules_set *set)
{
    for (uint32_t i = 0; i < set->n; i++) rules_give(set->items[i]);
    free(set->items);
    *set = (struct rules_set){NULL, 0};
}
