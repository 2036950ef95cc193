/* played_request: a request as a played server reads it, word by word, and the promise that its line is canonical.
 *
 * Words point into the line, which belongs to the caller and is cut in pieces. Owns nothing.
 */
#ifndef TESTS_FUZZ_PLAYED_REQUEST_H
#define TESTS_FUZZ_PLAYED_REQUEST_H

#include "fuzz/played.h"

enum { WORDS_MAX = 4096 };

struct words {
    char *word[WORDS_MAX];
    size_t n;
};

static bool key_is_valid(const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++) {
        if (key[i] == ' ' || key[i] == '\r' || key[i] == '\n') return false;
    }
    return len > 0 && len <= 250;
}

/* Words are parted by one space each. */
static void split(struct words *w, char *line)
{
    w->n = 0;
    for (char *at = line; at; w->n++) {
        char *space = strchr(at, ' ');
        check(w->n < WORDS_MAX);
        w->word[w->n] = at;
        check(*at && *at != ' ');
        if (space) *space++ = 0;
        at = space;
    }
}

static bool is_one_of(const char *word, const char *list)
{
    char padded[32];
    snprintf(padded, sizeof padded, " %.20s ", word);
    return strstr(list, padded) != NULL;
}

#define STORES " set add replace append prepend cas "
#define META   " mg ms md ma me "

/* The bytes of the value that follows, or -1. */
static long value_follows(const struct words *w)
{
    bool meta = strcmp(w->word[0], "ms") == 0;
    char *end;
    if (!meta && !is_one_of(w->word[0], STORES)) return -1;
    size_t at = meta ? 2 : 4;
    check(w->n > at);
    long len = strtol(w->word[at], &end, 10);
    check(*end == 0 && len >= 0 && len <= VALUE_LIMIT);
    return len;
}

/* The worker promises canonical lines. */
static void check_request(const struct words *w)
{
    const char *name = w->word[0];
    if (is_one_of(name, META)) {
        check(w->n >= 2 && key_is_valid(w->word[1]));
        for (size_t i = 2; i < w->n; i++) check(w->word[i][0] != 'q');
    } else if (is_one_of(name, " get gets ")) {
        check(w->n >= 2);
        for (size_t i = 1; i < w->n; i++) check(key_is_valid(w->word[i]));
    } else if (is_one_of(name, " gat gats ")) {
        check(w->n >= 3);
        for (size_t i = 2; i < w->n; i++) check(key_is_valid(w->word[i]));
    } else if (is_one_of(name, " flush_all version stats mn ")) {
        check(strcmp(w->word[w->n - 1], "noreply") != 0);
    } else {
        size_t n = is_one_of(name, STORES) ? 5 : is_one_of(name, " incr decr touch ") ? 3 : 2;
        if (strcmp(name, "cas") == 0) n = 6;
        if (n == 2) check(strcmp(name, "delete") == 0);
        if (n == 2 && w->n > 1 && strcmp(w->word[1], "noreply") == 0) {
            check(w->n == 3 && strcmp(w->word[2], "0") == 0); /* not the option */
            n = 3;
        }
        check(w->n == n && key_is_valid(w->word[1]));
    }
}

#endif
