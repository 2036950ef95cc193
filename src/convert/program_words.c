#include "convert/program_words.h"

#include <string.h>

struct program_words program_words_begin(const char *bytes, size_t len)
{
    return (struct program_words){.at = bytes, .end = bytes + len, .line = 1, .word = bytes};
}

static bool is_name(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_here(const struct program_words *w, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(w->end - w->at) >= len && memcmp(w->at, text, len) == 0;
}

/* The number of `=` in `[==[`, which begins here; -1: it does not. */
static int long_bracket(const struct program_words *w)
{
    const char *at = w->at + 1;
    if (w->at == w->end || *w->at != '[') return -1;
    while (at < w->end && *at == '=') at++;
    return at < w->end && *at == '[' ? (int)(at - w->at - 1) : -1;
}

/* Goes behind the `]==]` that ends what begins here, or to the end. */
static void skip_long(struct program_words *w, int level)
{
    for (w->at += level + 2; w->at < w->end; w->at++) {
        if (*w->at == '\n') w->line++;
        if (*w->at != ']') continue;
        const char *at = w->at + 1;
        while (at < w->end && *at == '=' && at - w->at - 1 < level) at++;
        if (at - w->at - 1 != level || at == w->end || *at != ']') continue;
        w->at = at + 1;
        return;
    }
}

static void skip_comment(struct program_words *w)
{
    w->at += 2;
    int level = long_bracket(w);
    if (level >= 0) {
        skip_long(w, level);
        return;
    }
    while (w->at < w->end && *w->at != '\n') w->at++;
}

static void skip_between(struct program_words *w)
{
    if (w->line == 1 && !w->before && is_here(w, "#")) /* the first line may be for a shell */
        while (w->at < w->end && *w->at != '\n') w->at++;
    while (w->at < w->end) {
        if (is_here(w, "--")) {
            skip_comment(w);
        } else if (*w->at && strchr(" \t\r\n\f\v", *w->at)) {
            w->line += *w->at == '\n';
            w->at++;
        } else {
            return;
        }
    }
}

/* A string ends with its line, at the latest. */
static void skip_string(struct program_words *w)
{
    char quote = *w->at++;
    while (w->at < w->end && *w->at != quote && *w->at != '\n') {
        bool is_escaped = *w->at == '\\' && w->end - w->at > 1;
        if (is_escaped && w->at[1] == '\n') w->line++;
        w->at += is_escaped ? 2 : 1;
    }
    if (w->at < w->end && *w->at == quote) w->at++;
}

/* What the word does to the words behind it, or, where it closes, to itself too. */
static void note_depth(struct program_words *w)
{
    static const char *const opening[] = {"function", "do", "if", "repeat"};
    w->opens = w->nests = 0;
    char one = w->len == 1 ? *w->word : '\0';
    if (one == '{' || one == '(' || one == '[') w->nests = 1;
    if ((one == '}' || one == ')' || one == ']') && w->nesting > 0) w->nesting--;
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++)
        if (program_word_is(w, opening[i])) w->opens = 1;
    if ((program_word_is(w, "end") || program_word_is(w, "until")) && w->depth > 0) w->depth--;
}

bool program_words_next(struct program_words *w)
{
    if (w->len) w->before = w->word[w->len - 1];
    w->depth += w->opens;
    w->nesting += w->nests;
    w->opens = w->nests = 0;
    skip_between(w);
    w->word = w->at;
    w->len = 0;
    if (w->at >= w->end) return false;
    int level = long_bracket(w);
    if (level >= 0)
        skip_long(w, level);
    else if (*w->at == '"' || *w->at == '\'')
        skip_string(w);
    else if (is_name(*w->at))
        while (w->at < w->end && is_name(*w->at)) w->at++;
    else
        w->at++;
    if (w->at > w->end) w->at = w->end;
    w->len = (size_t)(w->at - w->word);
    note_depth(w);
    return true;
}

bool program_word_is(const struct program_words *w, const char *text)
{
    return w->len == strlen(text) && memcmp(w->word, text, w->len) == 0;
}
