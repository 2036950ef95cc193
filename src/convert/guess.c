/* What a file is, as a person would see it: by the end of its name, else by how it begins. A script must never be taken for something else,
 * so each other kind has to look like nothing that Lua would take: `{` or `name:` and a new line begin no Lua program, and a script of
 * moongate returns a route, or requires moongate. */
#include "convert/convert.h"

#include <string.h>

#include "convert/program_words.h"

/* --- by its name ------------------------------------------------------------------------------- */

static bool ends_in(const char *path, const char *end)
{
    size_t len = strlen(path), end_len = strlen(end);
    return len > end_len && strcmp(path + len - end_len, end) == 0;
}

/* --- by its bytes ------------------------------------------------------------------------------ */

struct bytes {
    const char *at, *end;
};

static void skip_blanks(struct bytes *b)
{
    while (b->at < b->end && strchr(" \t\r\n", *b->at) && *b->at) b->at++;
}

static void skip_line(struct bytes *b)
{
    while (b->at < b->end && *b->at != '\n') b->at++;
}

static bool begins(const struct bytes *b, const char *with)
{
    size_t len = strlen(with);
    return (size_t)(b->end - b->at) >= len && memcmp(b->at, with, len) == 0;
}

static void skip_block(struct bytes *b)
{
    for (b->at += 2; b->at < b->end && !begins(b, "*/");) b->at++;
    b->at += begins(b, "*/") ? 2 : 0;
}

/* Goes to the first byte that is neither blank nor in a comment of JSON or YAML. */
static void skip_comments(struct bytes *b)
{
    if (begins(b, "\xef\xbb\xbf")) b->at += 3;
    for (;;) {
        skip_blanks(b);
        if (begins(b, "//") || begins(b, "#"))
            skip_line(b);
        else if (begins(b, "/*"))
            skip_block(b);
        else
            return;
    }
}

static bool is_json(struct bytes b)
{
    skip_comments(&b);
    return begins(&b, "{");
}

/* A line that is a name and a colon, and below it an indented one that begins with `listen:`. */
static bool is_pool(struct bytes b)
{
    skip_comments(&b);
    const char *line = b.at;
    skip_line(&b);
    while (b.at > line && strchr(" \t\r", b.at[-1])) b.at--;
    if (b.at - line < 2 || b.at[-1] != ':') return false;
    for (const char *c = line; c < b.at - 1; c++)
        if (*c == '(' || *c == '=' || *c == '{' || *c == ' ') return false;
    while (b.at < b.end) {
        skip_line(&b);
        if (b.at < b.end) b.at++;
        const char *begin = b.at;
        while (b.at < b.end && *b.at == ' ') b.at++;
        if (b.at > begin && begins(&b, "listen:")) return true;
    }
    return false;
}

/* `pools {` or `routes {` outside of functions, as a whole statement. */
static bool is_routelib(const char *bytes, size_t len)
{
    struct program_words w = program_words_begin(bytes, len);
    bool calls = false, was_name = false;
    while (program_words_next(&w)) {
        bool is_outside = w.depth == 0 && w.nesting == 0;
        if (program_word_is(&w, "require") || (is_outside && program_word_is(&w, "return")))
            return false;
        if (is_outside && was_name && (program_word_is(&w, "{") || program_word_is(&w, "(")))
            calls = true;
        was_name = is_outside && (program_word_is(&w, "pools") || program_word_is(&w, "routes")) &&
                   w.before != '.' && w.before != ':';
    }
    return calls;
}

enum convert_kind convert_guess(const char *path, const char *bytes, size_t len)
{
    struct bytes all = {bytes, bytes + len};
    if (ends_in(path, ".yml") || ends_in(path, ".yaml")) return CONVERT_TWEMPROXY;
    if (ends_in(path, ".json")) return CONVERT_MCROUTER;
    if (ends_in(path, ".lua")) return is_routelib(bytes, len) ? CONVERT_ROUTELIB : CONVERT_SCRIPT;
    if (is_json(all)) return CONVERT_MCROUTER;
    if (is_pool(all)) return CONVERT_TWEMPROXY;
    return is_routelib(bytes, len) ? CONVERT_ROUTELIB : CONVERT_SCRIPT;
}
