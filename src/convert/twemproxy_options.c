/* The options of a pool, each with what nutcracker takes as its value. Its code takes any option as a list, too, and then each
 * item as a value; only servers may come several times. */
#include "convert/twemproxy.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    twem_take_fn *take;
} options[TWEM_OPTIONS_N] = {
#define X(name, word, take) {word, take},
    TWEM_OPTIONS(X)
#undef X
};

const char *twem_option_word(enum twem_option option)
{
    return options[option].word;
}

/* "a, b and c" of words until NULL. */
static void list_words(char *to, size_t room, const char *const words[])
{
    size_t used = 0;
    to[0] = 0;
    for (size_t i = 0; words[i] && used < room; i++) {
        const char *before = i == 0 ? "" : words[i + 1] ? ", " : " and ";
        int n = snprintf(to + used, room - used, "%s%s", before, words[i]);
        used += n < 0 ? 0 : (size_t)n;
    }
}

/* --- values ------------------------------------------------------------------------------------- */

/* nutcracker computes in int, and a sum that is too large wraps on every machine for which it is built. A file with such a number
 * runs there, so it runs here, with the same number. */
bool twem_read_number(struct twem *t, uint32_t line, const char *text, size_t len, int32_t *number)
{
    uint32_t wrapped = 0;
    bool is_wrapped = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        uint64_t next = (uint64_t)wrapped * 10 + (uint32_t)(text[i] - '0');
        if (next > INT32_MAX) is_wrapped = true;
        wrapped = (uint32_t)next;
    }
    if (len == 0 || wrapped > INT32_MAX) return false;
    *number = (int32_t)wrapped;
    if (is_wrapped)
        convert_note(t->out, t->path, line,
                     "nutcracker reads %.*s as %d, since its numbers end at 2147483647: write the "
                     "number that is meant",
                     len < 40 ? (int)len : 40, text, *number);
    return true;
}

bool twem_take_number(struct twem *t, struct twem_pool *p, enum twem_option option,
                      const struct twem_text *value)
{
    if (twem_read_number(t, value->line, value->at, value->len, &p->numbers[option])) return true;
    return convert_fail(
        t->out, t->path, value->line,
        "\"%.100s\" is not a number for nutcracker: write digits alone, up to 2147483647",
        options[option].word);
}

bool twem_take_flag(struct twem *t, struct twem_pool *p, enum twem_option option,
                    const struct twem_text *value)
{
    bool is_true = strcmp(value->at, "true") == 0;
    p->numbers[option] = is_true;
    if (is_true || strcmp(value->at, "false") == 0) return true;
    return convert_fail(
        t->out, t->path, value->line,
        "\"%.100s\" is neither true nor false: write one of these, in small letters",
        options[option].word);
}

/* The word of the list that the value is; NULL, with an error: none. */
static const char *take_word(struct twem *t, enum twem_option option, const struct twem_text *value,
                             const char *const words[])
{
    char all[200];
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], value->at) == 0) return words[i];
    list_words(all, sizeof all, words);
    convert_fail(t->out, t->path, value->line, "\"%.100s\" is no %s of nutcracker: it has %s",
                 value->at, options[option].word, all);
    return NULL;
}

bool twem_take_hash(struct twem *t, struct twem_pool *p, enum twem_option option,
                    const struct twem_text *value)
{
    static const char *const words[] = {
        "one_at_a_time", "md5",      "crc16", "crc32",  "crc32a",  "fnv1_64", "fnv1a_64",
        "fnv1_32",       "fnv1a_32", "hsieh", "murmur", "jenkins", NULL};
    p->hash = take_word(t, option, value, words);
    return p->hash;
}

bool twem_take_distribution(struct twem *t, struct twem_pool *p, enum twem_option option,
                            const struct twem_text *value)
{
    static const char *const words[] = {"ketama", "modula", "random", NULL};
    p->distribution = take_word(t, option, value, words);
    return p->distribution;
}

bool twem_take_hash_tag(struct twem *t, struct twem_pool *p, enum twem_option option,
                        const struct twem_text *value)
{
    if (value->len != 2)
        return convert_fail(
            t->out, t->path, value->line,
            "\"%.100s\" is not two bytes: write the byte before and the byte behind the "
            "tag, such as \"{}\"",
            options[option].word);
    memcpy(p->hash_tag, value->at, 2);
    return true;
}

bool twem_take_text(struct twem *t, struct twem_pool *p, enum twem_option option,
                    const struct twem_text *value)
{
    return true;
}

/* --- one option --------------------------------------------------------------------------------- */

bool twem_take(struct twem *t, struct twem_pool *p, const struct twem_text *name,
               const struct twem_text *value)
{
    enum twem_option option = 0;
    while (option < TWEM_OPTIONS_N && strcmp(options[option].word, name->at) != 0) option++;
    if (option == TWEM_OPTIONS_N) {
        const char *words[TWEM_OPTIONS_N + 1] = {NULL};
        char all[400];
        for (size_t i = 0; i < TWEM_OPTIONS_N; i++) words[i] = options[i].word;
        list_words(all, sizeof all, words);
        return convert_fail(t->out, t->path, name->line,
                            "\"%.64s\" is no option of nutcracker: it has %s", name->at, all);
    }
    if (p->lines[option] && option != TWEM_SERVERS)
        return convert_fail(
            t->out, t->path, value->line,
            "\"%.100s\" stands in line %u already, which nutcracker refuses: take one of "
            "them out",
            name->at, p->lines[option]);
    if (!p->lines[option]) p->lines[option] = value->line;
    return options[option].take(t, p, option, value);
}
