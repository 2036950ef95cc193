/* The rogue's requests with values, and its meta requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rogue.h"
#include "lib/scene.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* --- the length ------------------------------------------------------------------------------- */

/* Says a length that is not the value's; from here on all may be run. */
static const char *wrong_length(struct rogue *r, size_t n)
{
    switch (rogue_below(r, 4)) {
    case 0: return rogue_text("%zu", n + 1 + rogue_below(r, 30));
    case 1:
        return rogue_text("%zu", n > 0 ? n - 1 - rogue_below(r, (unsigned)(n > 30 ? 30 : n)) : 1);
    default: return rogue_number(r);
    }
}

/* Decided before the value is made: a harmless one needs no right line. */
static bool becomes_wrong(struct rogue *r)
{
    if (rogue_once_in(r, 12)) r->is_harmless = true;
    return r->is_harmless && rogue_once_in(r, 2);
}

/* A number that stands where the length should be, because a word too many is before it, may be what memcached takes for the length:
 * the value does not bear it out, and what comes later must not matter. */
static void ends_once(struct rogue *r, const struct rogue_line *l, char *value, size_t n)
{
    bool is_meta = strcmp(l->word[0], "ms") == 0;
    size_t first = is_meta ? 2 : 4, last = is_meta ? 2 : 5;
    for (size_t i = first; i <= last && i < l->n; i++) {
        long at = strtol(l->word[i], NULL, 10);
        if (at >= 0 && (size_t)at < n && value[at] == '\r') value[at] = 'z';
        if (at >= 0 && (size_t)at > n) r->is_harmless = true;
    }
}

static void add_value(struct rogue *r, const struct rogue_line *l, char *value, size_t n)
{
    static const char *const wrong_ends[] = {"\n", "", "\r", "x\r\n", "\r\r\n", "\n\n"};
    ends_once(r, l, value, n);
    rogue_add_line(r, l);
    rogue_add(r, value, n);
    if (!rogue_once_in(r, 30)) {
        rogue_add(r, "\r\n", 2);
        return;
    }
    const char *end = wrong_ends[rogue_below(r, COUNT(wrong_ends))];
    rogue_add(r, end, strlen(end));
    r->is_harmless = true;
}

/* --- set and its like ------------------------------------------------------------------------- */

enum { KEY = 1, FLAGS, EXPTIME, LENGTH, CAS };

static void make_empty_key(struct rogue_line *l)
{
    rogue_set_word(l, KEY, "");
}

/* Any of them leaves a length where it may be looked for. */
static void spoil_store(struct rogue *r, struct rogue_line *l)
{
    switch (rogue_below(r, 8)) {
    case 0:
    case 1: rogue_word(l, l->n, rogue_any_word(r)); break;
    case 2: rogue_word(l, KEY + rogue_below(r, 2), rogue_any_word(r)); break;
    case 3: rogue_set_word(l, FLAGS, rogue_number(r)); break;
    case 4: rogue_set_word(l, EXPTIME, rogue_number(r)); break;
    case 5:
        for (unsigned n = 2 + rogue_below(r, 8); n > 0; n--) rogue_word(l, l->n, rogue_any_word(r));
        break;
    case 6: rogue_word(l, l->n, "noreply"); break;
    default: rogue_key(r, l, KEY); break;
    }
}

static void spoil_once_and_for_all(struct rogue *r, struct rogue_line *l, bool is_cas)
{
    if (is_cas && rogue_once_in(r, 2))
        rogue_drop_word(l, CAS);
    else
        make_empty_key(l);
}

/* Here nothing is promised. */
static void spoil_length(struct rogue *r, struct rogue_line *l, size_t n)
{
    switch (rogue_below(r, 4)) {
    case 0: rogue_drop_word(l, rogue_below(r, (unsigned)l->n)); break;
    case 1: rogue_set_word(l, 0, rogue_once_in(r, 2) ? "SET" : "sett"); break;
    default: rogue_set_word(l, LENGTH, wrong_length(r, n)); break;
    }
}

static void fill_store(struct rogue *r, struct rogue_line *l, const char *verb, size_t n)
{
    rogue_word(l, 0, verb);
    rogue_key(r, l, KEY);
    rogue_word(l, FLAGS, rogue_once_in(r, 3) ? "7" : "0");
    rogue_word(l, EXPTIME, rogue_once_in(r, 3) ? "100" : "0");
    rogue_word(l, LENGTH, rogue_text("%zu", n));
    if (strcmp(verb, "cas") != 0) return;
    rogue_word(l, CAS, rogue_once_in(r, 2) ? "999999999" : rogue_number(r));
}

void rogue_makes_store(struct rogue *r, struct rogue_line *l)
{
    static const char *const verbs[] = {"set",     "set",    "set",     "add",
                                        "replace", "append", "prepend", "cas"};
    const char *verb = verbs[rogue_below(r, COUNT(verbs))];
    bool is_cas = strcmp(verb, "cas") == 0, is_wrong = becomes_wrong(r);
    size_t n;
    char *value = rogue_value(r, &n);
    fill_store(r, l, verb, n);
    if (is_wrong)
        spoil_length(r, l, n);
    else if (rogue_once_in(r, 12))
        spoil_once_and_for_all(r, l, is_cas);
    else if (rogue_once_in(r, 2))
        for (unsigned times = 1 + rogue_below(r, 3); times > 0; times--) spoil_store(r, l);
    if (rogue_once_in(r, 5)) rogue_word(l, l->n, "noreply");
    add_value(r, l, value, n);
}

/* --- flags of meta commands ------------------------------------------------------------------- */

static const char *flag_token(struct rogue *r, char letter)
{
    static const char *const modes[] = {"S", "E", "A", "P",   "R", "I",
                                        "D", "+", "-", "SET", "x", ""};
    switch (letter) {
    case 'M': return modes[rogue_below(r, COUNT(modes))];
    case 'O':
        return rogue_once_in(r, 4) ? rogue_text("%0*u", 1 + (int)rogue_below(r, 40), 1)
                                   : rogue_any_word(r);
    case 'T':
    case 'N':
    case 'R':
    case 'F':
    case 'D':
    case 'J':
    case 'C':
    case 'E':
        return rogue_once_in(r, 4)   ? rogue_any_word(r)
               : rogue_once_in(r, 2) ? "30"
                                     : rogue_number(r);
    default: return rogue_once_in(r, 12) ? rogue_any_word(r) : "";
    }
}

/* Of the letters that the command knows, of all letters, or of all bytes. */
static char flag_letter(struct rogue *r, const char *known)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*-+";
    if (rogue_once_in(r, 120)) return (char)(1 + rogue_below(r, 255));
    if (rogue_once_in(r, 12)) return letters[rogue_below(r, sizeof letters - 1)];
    return known[rogue_below(r, (unsigned)strlen(known))];
}

static void add_flag(struct rogue *r, struct rogue_line *l, size_t first, const char *known)
{
    char letter = flag_letter(r, known);
    if (letter == '\n' || letter == ' ') letter = 'v';
    const char *flag = rogue_text("%c%s", letter, flag_token(r, letter));
    rogue_word(l, first + rogue_below(r, (unsigned)(l->n - first) + 1), flag);
}

/* Flags may be twice there, by chance. */
static void add_flags(struct rogue *r, struct rogue_line *l, size_t first, const char *known)
{
    unsigned n = rogue_once_in(r, 30) ? 14 + rogue_below(r, 10) : rogue_below(r, 5);
    for (; n > 0; n--) add_flag(r, l, first, known);
}

static bool has_flag(const struct rogue_line *l, size_t first, char letter)
{
    for (size_t i = first; i < l->n; i++)
        if (l->len[i] > 0 && l->word[i][0] == letter) return true;
    return false;
}

/* A flag b makes the key one in base64, mostly. */
static void add_meta_key(struct rogue *r, struct rogue_line *l)
{
    bool is_base64 = has_flag(l, 1, 'b') ? !rogue_once_in(r, 8) : rogue_once_in(r, 20);
    if (is_base64)
        rogue_base64_key(r, l, 1);
    else
        rogue_key(r, l, 1);
}

/* --- ms, and those without a value ------------------------------------------------------------ */

static void spoil_meta_store(struct rogue *r, struct rogue_line *l, size_t n)
{
    switch (rogue_below(r, 4)) {
    case 0: rogue_key(r, l, 1); break;
    case 1: rogue_set_word(l, 2, rogue_text("S%zu", n)); break;
    case 2: rogue_word(l, 2, rogue_once_in(r, 2) ? "T0" : rogue_any_word(r)); break;
    default: rogue_word(l, l->n, rogue_any_word(r)); break;
    }
}

void rogue_makes_meta_store(struct rogue *r, struct rogue_line *l)
{
    bool is_wrong = becomes_wrong(r);
    size_t n;
    char *value = rogue_value(r, &n);
    rogue_word(l, 0, "ms");
    add_flags(r, l, 1, rogue_once_in(r, 2) ? "bkOqTFMCIcfst" : "bbkkOOqTTFFFMMMCDEIJLNPRSXhlvxu");
    rogue_word(l, 1, is_wrong ? wrong_length(r, n) : rogue_text("%zu", n));
    add_meta_key(r, l);
    if (!is_wrong && rogue_once_in(r, 12)) spoil_meta_store(r, l, n);
    add_value(r, l, value, n);
}

void rogue_makes_meta(struct rogue *r, struct rogue_line *l)
{
    static const struct {
        const char *verb, *flags;
    } commands[] = {
        {"mg", "bkOqvfcstvTNREhl"}, {"mg", "bkOqvfcstvhl"}, {"mg", "bbkkOvq"}, {"md", "bkOqCETIx"},
        {"ma", "bkOqvtcNJDTMCE"},   {"ma", "bkNJv"},        {"me", "b"}};
    unsigned which = rogue_below(r, COUNT(commands));
    rogue_word(l, 0, commands[which].verb);
    add_flags(r, l, 1, commands[which].flags);
    add_meta_key(r, l);
    if (rogue_once_in(r, 25)) rogue_drop_any_word(r, l);
    rogue_add_line(r, l);
}
