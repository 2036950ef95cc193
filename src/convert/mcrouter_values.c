#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "convert/mcrouter.h"

/* Options of mcrouter's objects: what they may be, and what is said where they are not. */

enum { NOTES_MOST = 100 };

static uint32_t line_of(const struct tree_node *at)
{
    return at ? at->place.line : 0;
}

static const char *path_of(const struct mc *m, const struct tree_node *at)
{
    return at && at->place.path ? at->place.path : m->in->path;
}

bool mc_fail(struct mc *m, const struct tree_node *at, const char *form, ...)
{
    char text[CONVERT_ERROR_MAX];
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(text, sizeof text, form, arguments);
    va_end(arguments);
    convert_show(text);
    return convert_fail(m->out, path_of(m, at), line_of(at), "%s", text);
}

/* Each one once, also as a comment at the script's head. Of a file with very many only the first are told. */
void mc_note(struct mc *m, const struct tree_node *at, const char *form, ...)
{
    char text[CONVERT_ERROR_MAX];
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(text, sizeof text, form, arguments);
    va_end(arguments);
    convert_show(text);
    for (struct mc_said *s = m->said; s; s = s->next)
        if (s->line == line_of(at) && strcmp(s->text, text) == 0) return;
    if (m->notes_n++ >= NOTES_MOST) return;
    struct mc_said *said = mc_alloc(m, sizeof *said);
    *said = (struct mc_said){m->said, line_of(at), mc_text(m, "%s", text)};
    m->said = said;
    convert_note(m->out, path_of(m, at), line_of(at), "%s", text);
    fprintf(m->notes, line_of(at) ? "-- line %u: " : "-- ", line_of(at));
    fprintf(m->notes, "%s\n", text);
}

/* --- kinds ----------------------------------------------------------------------------------------- */

bool mc_is_number(const struct tree_node *node)
{
    return node && (node->kind == TREE_INT || node->kind == TREE_DOUBLE);
}

double mc_real(const struct tree_node *node)
{
    return node->kind == TREE_INT ? (double)node->whole : node->fraction;
}

static bool is_wrong(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                     const char *wanted)
{
    return mc_fail(m, node, "%s: '%s' is %s: write %s", of, name, tree_kind_name(node->kind),
                   wanted);
}

bool mc_get_whole(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                  int64_t least, int64_t most, int64_t *to)
{
    const struct tree_node *value = tree_get(node, name);
    if (!value) return true;
    if (value->kind != TREE_INT) return is_wrong(m, value, of, name, "a whole number");
    if (value->whole < least || value->whole > most)
        return mc_fail(m, value, "%s: '%s' is %lld: write a number from %lld to %lld", of, name,
                       (long long)value->whole, (long long)least, (long long)most);
    *to = value->whole;
    return true;
}

bool mc_get_real(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 double *to)
{
    const struct tree_node *value = tree_get(node, name);
    if (!value) return true;
    if (!mc_is_number(value)) return is_wrong(m, value, of, name, "a number");
    *to = mc_real(value);
    return true;
}

bool mc_get_truth(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                  bool *to)
{
    const struct tree_node *value = tree_get(node, name);
    if (!value) return true;
    if (value->kind != TREE_BOOL) return is_wrong(m, value, of, name, "true or false");
    *to = value->truth;
    return true;
}

bool mc_get_text(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 struct tree_text *to)
{
    const struct tree_node *value = tree_get(node, name);
    if (!value) return true;
    if (value->kind != TREE_STRING) return is_wrong(m, value, of, name, "a string");
    *to = value->text;
    return true;
}

bool mc_get_name(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 struct tree_text *to)
{
    if (!mc_get_text(m, node, of, name, to)) return false;
    if (!tree_get(node, name) || to->len <= MC_NAME_MAX) return true;
    return mc_fail(m, tree_get(node, name), "%s: '%s' has %zu bytes: write up to %d", of, name,
                   to->len, MC_NAME_MAX);
}

bool mc_get_list(struct mc *m, const struct tree_node *node, const char *of, const char *name,
                 const struct tree_node **to)
{
    const struct tree_node *value = tree_get(node, name);
    if (!value) return true;
    if (value->kind != TREE_LIST) return is_wrong(m, value, of, name, "a list");
    *to = value;
    return true;
}

const struct tree_node *mc_want(struct mc *m, const struct tree_node *node, const char *of,
                                const char *name)
{
    const struct tree_node *value = tree_get(node, name);
    if (value) return value;
    if (node->kind == TREE_OBJECT)
        mc_fail(m, node, "%s has no '%s': give it one", of, name);
    else
        mc_fail(m, node, "%s is %s: write an object with '%s'", of, tree_kind_name(node->kind),
                name);
    return NULL;
}

/* --- names of options ------------------------------------------------------------------------------ */

/* The next word of a list, with its mark. Returns where the list goes on; NULL: there is none. */
static const char *next_word(const char *list, struct tree_text *word, char *mark)
{
    while (*list == ' ') list++;
    if (!*list) return NULL;
    *mark = *list == '~' || *list == '!' || *list == '^' ? *list++ : 0;
    size_t n = strcspn(list, " ");
    *word = (struct tree_text){list, n};
    return list + n;
}

/* How many bytes are to be changed, added or taken away; at most 3 matter. */
static unsigned distance(struct tree_text a, struct tree_text b)
{
    enum { MOST = 64 };
    unsigned row[MOST + 1];
    if (a.len > MOST || b.len > MOST) return MOST;
    for (size_t j = 0; j <= b.len; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned changed = corner + (a.bytes[i - 1] != b.bytes[j - 1]);
            unsigned moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = changed < moved ? changed : moved;
        }
    }
    return row[b.len];
}

const char *mc_nearest(struct mc *m, struct tree_text word, const char *words)
{
    struct tree_text best = {NULL, 0}, at;
    unsigned least = 4;
    char mark;
    while ((words = next_word(words, &at, &mark))) {
        unsigned d = distance(word, at);
        if (d >= least || d >= at.len) continue;
        least = d;
        best = at;
    }
    return best.bytes ? mc_text(m, "%.*s", (int)best.len, best.bytes) : NULL;
}

static bool is_off(const struct tree_node *value)
{
    return value->kind == TREE_NULL || (value->kind == TREE_BOOL && !value->truth) ||
           (value->kind == TREE_INT && value->whole == 0);
}

static bool check_option(struct mc *m, const struct tree_member *member, const char *of,
                         const char *options)
{
    struct tree_text word;
    char mark;
    for (const char *at = options; (at = next_word(at, &word, &mark));) {
        if (word.len != member->name.len || memcmp(word.bytes, member->name.bytes, word.len) != 0)
            continue;
        bool is_vain = mark == '~' || (mark == '^' && !m->flags->async_dir);
        if (is_vain && !is_off(member->value))
            mc_note(m, member->value, "%s: '%s' has no meaning here", of, member->name.bytes);
        if (mark == '!' && !is_off(member->value))
            return mc_fail(m, member->value, "%s: '%s' is not built yet: leave it out", of,
                           member->name.bytes);
        return true;
    }
    const char *nearest = mc_nearest(m, member->name, options);
    if (nearest)
        mc_note(m, member->value, "%s has no option '%s', which is ignored; there is '%s'", of,
                member->name.bytes, nearest);
    else
        mc_note(m, member->value, "%s has no option '%s', which is ignored", of,
                member->name.bytes);
    return true;
}

bool mc_check_options(struct mc *m, const struct tree_node *node, const char *of,
                      const char *options)
{
    if (node->kind != TREE_OBJECT) return true;
    for (uint32_t i = 0; i < node->n; i++)
        if (!check_option(m, &node->members[i], of, options)) return false;
    return true;
}
