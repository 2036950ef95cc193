/* JSON as mcrouter reads it: comments, and a comma behind the last item. What holds the values together (brackets, commas, colons) is
 * read here, because each value must keep its line, and of two members with one name both must be seen: no JSON library of Debian gives
 * that. What a value says (its escapes, its number) is read by json-c. */
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert/tree_build.h"

enum {
    TEXT_MAX = 16 * 1024 * 1024, /* bytes of a file */
    NESTED_MAX = 100             /* lists and objects in each other, as in mcrouter */
};

struct reader {
    struct tree *tree;
    struct convert_output *out;
    struct json_tokener *tokener;
    const char *path; /* the tree's copy */
    const char *at, *end, *line_start;
    uint32_t line, nested;
};

static struct tree_place here(const struct reader *r)
{
    return (struct tree_place){r->path, r->line, (uint32_t)(r->at - r->line_start) + 1};
}

/* Fails at r->at, which is shown. */
static const struct tree_node *wrong(struct reader *r, const char *what)
{
    struct tree_place at = here(r);
    char seen[16];
    size_t n = 0;
    for (const char *p = r->at; p < r->end && n < sizeof seen - 1 && *p > ' ' && *p < 0x7f; p++)
        seen[n++] = *p;
    seen[n] = '\0';
    if (r->at == r->end)
        return tree_fail(r->tree, &at, "%s, but the text ends here (column %u)", what, at.column);
    if (!n)
        return tree_fail(r->tree, &at, "%s, but the byte 0x%02x is here (column %u)", what,
                         (unsigned char)*r->at, at.column);
    return tree_fail(r->tree, &at, "%s, but `%s` is here (column %u)", what, seen, at.column);
}

static void step(struct reader *r)
{
    if (*r->at++ != '\n') return;
    r->line++;
    r->line_start = r->at;
}

static bool is_next(const struct reader *r, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

/* One that never ends is taken as mcrouter takes it: it is the rest of the file. */
static void skip_comment(struct reader *r)
{
    uint32_t began = r->line;
    bool block = r->at[1] == '*';
    r->at += 2;
    while (r->at < r->end && !(block ? is_next(r, "*/") : *r->at == '\n')) step(r);
    if (!block) return;
    if (r->at < r->end)
        r->at += 2;
    else
        convert_note(r->out, r->path, began, "this comment has no end: close it with */");
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end) {
        if (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n')
            step(r);
        else if (is_next(r, "//") || is_next(r, "/*"))
            skip_comment(r);
        else
            return;
    }
}

/* --- strings and numbers: json-c reads what they say ------------------------------------------------ */

/* What the bytes say, or NULL: they are no JSON value. The caller puts it. */
static struct json_object *say(struct reader *r, const char *bytes, size_t len)
{
    json_tokener_reset(r->tokener);
    struct json_object *value = json_tokener_parse_ex(r->tokener, bytes, (int)len);
    /* A number has no end of its own: a zero byte gives it one. */
    if (!value && json_tokener_get_error(r->tokener) == json_tokener_continue)
        value = json_tokener_parse_ex(r->tokener, "", 1);
    else if (value && json_tokener_get_parse_end(r->tokener) != len) {
        json_object_put(value);
        value = NULL;
    }
    return value;
}

/* json-c gives another character for half a surrogate pair; mcrouter refuses it. */
static bool has_half_pair(const char *p, const char *end)
{
    bool high = false;
    while (p < end) {
        if (*p != '\\') {
            if (high) return true;
            p++;
            continue;
        }
        unsigned code = 0;
        if (end - p >= 6 && p[1] == 'u') {
            char digits[5] = {p[2], p[3], p[4], p[5], 0};
            code = (unsigned)strtoul(digits, NULL, 16);
        }
        bool low = code >= 0xdc00 && code < 0xe000;
        if (low != high) return true;
        high = code >= 0xd800 && code < 0xdc00;
        p += end - p >= 6 && p[1] == 'u' ? 6 : 2;
    }
    return high;
}

/* Moves behind the string at r->at and gives what it says. */
static bool read_text(struct reader *r, struct tree_text *text)
{
    struct tree_place at = here(r);
    const char *start = r->at;
    step(r);
    while (r->at < r->end && *r->at != '"') {
        if (*r->at == '\0') {
            wrong(r, "a string cannot hold a zero byte: write \\u0000");
            return false;
        }
        if (*r->at == '\\' && r->at + 1 < r->end) step(r);
        step(r);
    }
    if (r->at == r->end) {
        tree_fail(r->tree, &at, "this string has no end: close it with \" (column %u)", at.column);
        return false;
    }
    r->at++;
    struct json_object *value = say(r, start, (size_t)(r->at - start));
    bool good = value && !has_half_pair(start + 1, r->at - 1);
    if (good) {
        size_t len = (size_t)json_object_get_string_len(value);
        text->bytes = tree_copy(r->tree, &at, json_object_get_string(value), len);
        text->len = len;
    } else {
        tree_fail(r->tree, &at,
                  "this string has an escape that JSON does not know: write a backslash as \\\\ "
                  "(column %u)",
                  at.column);
    }
    json_object_put(value);
    return good && text->bytes;
}

static const struct tree_node *read_string(struct reader *r)
{
    struct tree_place at = here(r);
    struct tree_text text;
    if (!read_text(r, &text)) return NULL;
    return tree_string(r->tree, &at, text.bytes, text.len);
}

static bool is_of_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* json-c cuts a whole number that is too large. */
static bool fits(struct json_object *value, const char *text)
{
    if (json_object_get_uint64(value) > INT64_MAX) return false;
    return json_object_get_int64(value) != INT64_MIN ||
           strncmp(text, "-9223372036854775808", 20) == 0;
}

static const struct tree_node *read_number(struct reader *r)
{
    struct tree_place at = here(r);
    const char *start = r->at;
    char text[64]; /* json-c reads what is behind the end, up to a NUL */
    while (r->at < r->end && is_of_number(*r->at)) r->at++;
    size_t len = (size_t)(r->at - start);
    if (len >= sizeof text)
        return tree_fail(r->tree, &at, "this number has more than %zu digits: make it shorter",
                         sizeof text - 1);
    memcpy(text, start, len);
    text[len] = '\0';
    struct json_object *value = say(r, text, len);
    const struct tree_node *made = NULL;
    if (value && json_object_get_type(value) == json_type_double &&
        !isfinite(json_object_get_double(value)))
        tree_fail(r->tree, &at, "%s is too large for a number: write a smaller one", text);
    else if (value && json_object_get_type(value) == json_type_double)
        made = tree_double(r->tree, &at, json_object_get_double(value));
    else if (!value || json_object_get_type(value) != json_type_int)
        tree_fail(r->tree, &at,
                  "`%s` is no number: write it as 10, -1 or 0.5, or in quotes (column %u)", text,
                  at.column);
    else if (!fits(value, text))
        tree_fail(r->tree, &at, "%s is too large for 64 bits: write a smaller number", text);
    else
        made = tree_int(r->tree, &at, json_object_get_int64(value));
    json_object_put(value);
    return made;
}

/* --- lists and objects ------------------------------------------------------------------------------ */

static const struct tree_node *read_value(struct reader *r);

/* Behind an item: true, and another one or the bracket follows. */
static bool read_comma(struct reader *r, char bracket, const char *what)
{
    skip_blanks(r);
    if (r->at < r->end && *r->at == ',') {
        r->at++;
        skip_blanks(r);
        return true;
    }
    if (r->at < r->end && *r->at == bracket) return true;
    wrong(r, what);
    return false;
}

static const struct tree_node *read_list(struct reader *r)
{
    struct tree_place at = here(r);
    struct tree_items items = {0};
    r->at++;
    skip_blanks(r);
    while (r->at == r->end || *r->at != ']') {
        const struct tree_node *item = read_value(r);
        if (!item || !tree_add(r->tree, &items, item) ||
            !read_comma(r, ']', "a list goes on with a comma or ends with ]"))
            return NULL;
    }
    r->at++;
    return tree_list(r->tree, &at, &items);
}

static bool read_member(struct reader *r, struct tree_members *members)
{
    struct tree_place at = here(r);
    struct tree_text name;
    struct tree_member was;
    if (r->at == r->end || *r->at != '"') {
        wrong(r, "a member begins with its name in double quotes");
        return false;
    }
    if (!read_text(r, &name)) return false;
    skip_blanks(r);
    if (r->at == r->end || *r->at != ':') {
        wrong(r, "a colon follows the name of a member");
        return false;
    }
    r->at++;
    skip_blanks(r);
    const struct tree_node *value = read_value(r);
    if (!value || !tree_put(r->tree, members, name, &at, value, &was)) return false;
    if (was.value)
        convert_note(r->out, r->path, at.line,
                     "\"%.60s\" stands twice in one object, first in line %u: the last one counts",
                     name.bytes, was.place.line);
    return true;
}

static const struct tree_node *read_object(struct reader *r)
{
    struct tree_place at = here(r);
    struct tree_members members = {0};
    r->at++;
    skip_blanks(r);
    while (r->at == r->end || *r->at != '}') {
        if (!read_member(r, &members) ||
            !read_comma(r, '}', "an object goes on with a comma or ends with }"))
            return NULL;
    }
    r->at++;
    return tree_object(r->tree, &at, &members);
}

static const struct tree_node *read_nested(struct reader *r)
{
    const struct tree_node *made;
    if (r->nested == NESTED_MAX)
        return wrong(r, "more than 100 lists and objects lie in each other: make it flatter");
    r->nested++;
    made = *r->at == '[' ? read_list(r) : read_object(r);
    r->nested--;
    return made;
}

static const struct tree_node *read_value(struct reader *r)
{
    struct tree_place at = here(r);
    if (r->at == r->end) return wrong(r, "a value belongs here");
    if (*r->at == '[' || *r->at == '{') return read_nested(r);
    if (*r->at == '"') return read_string(r);
    if (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')) return read_number(r);
    static const char *const words[] = {"true", "false", "null"};
    for (unsigned i = 0; i < 3; i++) {
        if (!is_next(r, words[i])) continue;
        r->at += strlen(words[i]);
        return i == 2 ? tree_null(r->tree, &at) : tree_bool(r->tree, &at, i == 0);
    }
    return wrong(
        r, "a value belongs here: text in double quotes, a number, true, false, null, [ or {");
}

static const struct tree_node *read_all(struct reader *r)
{
    if (is_next(r, "\xef\xbb\xbf"))
        return wrong(r, "the file begins with a byte order mark: save it without one");
    skip_blanks(r);
    const struct tree_node *root = read_value(r);
    if (!root) return NULL;
    skip_blanks(r);
    return r->at == r->end ? root
                           : wrong(r, "the configuration ended before this: take the rest out");
}

const struct tree_node *tree_of_json(struct tree *t, const char *path, const char *bytes,
                                     size_t len, struct convert_output *out)
{
    struct tree_place at = {path, 0, 0};
    struct reader r = {.tree = t, .out = out, .line = 1};
    const struct tree_node *root = NULL;
    tree_begin(t, out);
    if (len > TEXT_MAX)
        return tree_fail(t, &at, "the file is larger than %d MiB: make it smaller", TEXT_MAX >> 20);
    r.path = tree_copy(t, &at, path, strlen(path));
    r.tokener = json_tokener_new_ex(2);
    r.at = r.line_start = bytes;
    r.end = bytes + len;
    if (!r.tokener)
        tree_fail(t, &at, "there is no memory to read it");
    else if (r.path) {
        json_tokener_set_flags(r.tokener, JSON_TOKENER_STRICT);
        root = read_all(&r);
    }
    if (r.tokener) json_tokener_free(r.tokener);
    return root;
}
