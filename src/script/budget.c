/* Finds the places of checks with a tokenizer that reads as LuaJIT's does. A check goes
 *
 *   - behind each `do` and `repeat`, and behind a function's parameters;
 *   - before each `goto`, not behind the label: a label at the end of a block must stay there, for it may be reached from
 *     before a local.
 *
 * `goto` is a keyword only where a statement may begin, and only before a name. */
#include "script/budget.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/job.h"

enum token { T_END_OF_TEXT, T_BROKEN, T_NAME, T_GOTO, T_KEYWORD, T_VALUE, T_SIGN };

/* Where the reader is. The token that was read last is text[begin..at). */
struct reader {
    const char *text;
    size_t len, begin, at;
    uint32_t line;
    bool ends_in_comment; /* what was skipped before the token ends without a new line */
};

enum { NAME_MAX_BYTES = 32, NAMES = 1000, CHECK_MAX_BYTES = 160 };

struct rewriter {
    struct reader in;
    const struct budget_source *source;
    char *to;
    size_t written, copied; /* bytes of `to`; bytes of the text that are in it */
    char cell[NAME_MAX_BYTES], halt[NAME_MAX_BYTES], check[CHECK_MAX_BYTES];
    size_t checks;
    uint32_t depth, spared; /* blocks that are open; the depth of a function that is spared, or 0 */
    bool in_head;           /* between `function` and its parameters' end */
    bool may_begin;         /* a statement may begin behind the last token */
};

/* --- reading ----------------------------------------------------------------------------------- */

static int look(const struct reader *r, size_t ahead)
{
    return ahead < r->len - r->at ? (unsigned char)r->text[r->at + ahead] : -1;
}

static bool is_of_name(int c)
{
    return isalnum(c) || c == '_' || c >= 0x80;
}

static bool is_line_end(int c)
{
    return c == '\n' || c == '\r';
}

/* \r\n and \n\r are one end of a line. */
static void step(struct reader *r)
{
    int c = look(r, 0), next = look(r, 1);
    r->at++;
    if (!is_line_end(c)) return;
    r->line++;
    if (is_line_end(next) && next != c) r->at++;
}

static void skip_line(struct reader *r)
{
    while (r->at < r->len && !is_line_end(look(r, 0))) r->at++;
}

/* How many = stand in a long bracket that begins here; -1: none begins. */
static int long_bracket(const struct reader *r)
{
    size_t n = 1;
    if (look(r, 0) != '[') return -1;
    while (look(r, n) == '=') n++;
    return look(r, n) == '[' ? (int)n - 1 : -1;
}

static bool skip_long(struct reader *r, int level)
{
    r->at += (size_t)level + 2;
    while (r->at < r->len) {
        int n = 0;
        if (look(r, 0) != ']') {
            step(r);
            continue;
        }
        while (look(r, (size_t)n + 1) == '=') n++;
        if (n == level && look(r, (size_t)n + 1) == ']') {
            r->at += (size_t)level + 2;
            return true;
        }
        r->at += (size_t)n + 1;
    }
    return false;
}

/* False: a long comment does not end. */
static bool skip_blank(struct reader *r)
{
    r->ends_in_comment = false;
    for (int c; (c = look(r, 0)) >= 0;) {
        if (c == '-' && look(r, 1) == '-') {
            r->at += 2;
            int level = long_bracket(r);
            if (level >= 0 && !skip_long(r, level)) return false;
            if (level >= 0) continue;
            skip_line(r);
            r->ends_in_comment = true;
        } else if (c == ' ' || (c >= '\t' && c <= '\r')) {
            if (is_line_end(c)) r->ends_in_comment = false;
            step(r);
        } else {
            break;
        }
    }
    return true;
}

static bool skip_string(struct reader *r)
{
    int quote = look(r, 0);
    for (r->at++; look(r, 0) >= 0 && look(r, 0) != quote;) {
        if (look(r, 0) == '\\') r->at++;
        if (r->at < r->len) step(r);
    }
    if (r->at >= r->len) return false;
    r->at++;
    return true;
}

/* As LuaJIT does: 5.., 0x1p+4 and 12ULL are one token each, be they numbers or not. */
static void skip_number(struct reader *r)
{
    bool is_hex = look(r, 0) == '0' && (look(r, 1) | 0x20) == 'x';
    int before = look(r, 0), exponent = is_hex ? 'p' : 'e';
    if (is_hex) r->at++;
    for (int c; (c = look(r, 0)) >= 0; r->at++) {
        bool is_sign = (c == '-' || c == '+') && (before | 0x20) == exponent;
        if (!is_of_name(c) && c != '.' && !is_sign) break;
        before = c;
    }
}

static bool is_word(const struct reader *r, const char *word)
{
    size_t n = r->at - r->begin;
    return strlen(word) == n && memcmp(r->text + r->begin, word, n) == 0;
}

static enum token name_or_keyword(const struct reader *r)
{
    static const char *const keywords[] = {
        "and",   "break", "do", "else",   "elseif", "end",  "for",   "if",    "in",
        "local", "not",   "or", "repeat", "return", "then", "until", "while", "function"};
    static const char *const values[] = {"nil", "true", "false"};
    if (r->at - r->begin < 2 || r->at - r->begin > 8)
        return T_NAME; /* no word is so short or long */
    if (is_word(r, "goto")) return T_GOTO;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (is_word(r, values[i])) return T_VALUE;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (is_word(r, keywords[i])) return T_KEYWORD;
    return T_NAME;
}

static void skip_sign(struct reader *r)
{
    if (look(r, 0) == ':' && look(r, 1) == ':')
        r->at += 2;
    else if (look(r, 0) == '.' && look(r, 1) == '.')
        r->at += look(r, 2) == '.' ? 3 : 2;
    else
        r->at++;
}

static enum token next(struct reader *r)
{
    job_rest_often(); /* a long text is read while a worker serves */
    if (!skip_blank(r)) return T_BROKEN;
    int c = look(r, 0), level = long_bracket(r);
    r->begin = r->at;
    if (c < 0) return T_END_OF_TEXT;
    if (c == '"' || c == '\'') return skip_string(r) ? T_VALUE : T_BROKEN;
    if (level >= 0) return skip_long(r, level) ? T_VALUE : T_BROKEN;
    if (isdigit(c) || (c == '.' && isdigit(look(r, 1)))) {
        skip_number(r);
        return T_VALUE;
    }
    if (!is_of_name(c)) {
        skip_sign(r);
        return T_SIGN;
    }
    while (is_of_name(look(r, 0))) r->at++;
    return name_or_keyword(r);
}

/* --- names ------------------------------------------------------------------------------------- */

/* A name that the text has nowhere, not even in a string. */
static bool find_name(const struct budget_source *source, const char *stem, char *name)
{
    for (int i = 0; i < NAMES; i++) {
        int n = i ? snprintf(name, NAME_MAX_BYTES, "%s%d", stem, i)
                  : snprintf(name, NAME_MAX_BYTES, "%s", stem);
        if (!memmem(source->text, source->len, name, (size_t)n)) return true;
    }
    return false;
}

/* --- writing ----------------------------------------------------------------------------------- */

static void put(struct rewriter *w, const char *bytes, size_t len)
{
    if (w->to) memcpy(w->to + w->written, bytes, len);
    w->written += len;
}

static void copy_up_to(struct rewriter *w, size_t at)
{
    assert(at >= w->copied && at <= w->in.len);
    put(w, w->in.text + w->copied, at - w->copied);
    w->copied = at;
}

static void add_check(struct rewriter *w, size_t at)
{
    if (w->spared) return;
    copy_up_to(w, at);
    put(w, w->check, strlen(w->check));
    w->checks++;
}

/* --- rewriting --------------------------------------------------------------------------------- */

static bool is_spared(const struct budget_source *source, uint32_t line)
{
    for (size_t i = 0; i < source->spared_n; i++)
        if (source->spared[i] == line) return true;
    return false;
}

/* for and while have a `do`, elseif and else the `end` of their `if`. */
static void count_block(struct rewriter *w)
{
    const struct reader *r = &w->in;
    if (is_word(r, "end") || is_word(r, "until")) {
        if (w->spared == w->depth) w->spared = 0;
        if (w->depth) w->depth--;
    } else if (is_word(r, "do") || is_word(r, "repeat") || is_word(r, "if") ||
               is_word(r, "function")) {
        w->depth++;
    }
}

static void take_keyword(struct rewriter *w)
{
    static const char *const before_statements[] = {"do", "repeat", "then", "else", "end", "break"};
    const struct reader *r = &w->in;
    count_block(w);
    if (is_word(r, "function")) {
        w->in_head = true;
        if (!w->spared && is_spared(w->source, r->line)) w->spared = w->depth;
    } else if (is_word(r, "do") || is_word(r, "repeat")) {
        add_check(w, r->at);
    }
    w->may_begin = false;
    for (size_t i = 0; i < sizeof before_statements / sizeof *before_statements; i++)
        if (is_word(r, before_statements[i])) w->may_begin = true;
}

static void take_sign(struct rewriter *w)
{
    const struct reader *r = &w->in;
    if (w->in_head && is_word(r, ")")) {
        w->in_head = false;
        add_check(w, r->at);
    }
    w->may_begin = is_word(r, ")") || is_word(r, "]") || is_word(r, "}") || is_word(r, ";") ||
                   is_word(r, "::") || is_word(r, "...");
}

static void take_goto(struct rewriter *w)
{
    struct reader ahead = w->in;
    if (w->may_begin && next(&ahead) == T_NAME) add_check(w, w->in.begin);
    w->may_begin = true; /* as behind any name */
}

/* A mark of UTF-8 and a first line that begins with # are no Lua. What is added goes behind them. */
static void skip_top(struct rewriter *w)
{
    struct reader *r = &w->in;
    if (r->len >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0) r->at = 3;
    if (look(r, 0) == '#') {
        skip_line(r);
        if (r->at < r->len) step(r);
    }
    copy_up_to(w, r->at);
}

static bool take_all(struct rewriter *w)
{
    w->may_begin = true;
    for (;;) {
        switch (next(&w->in)) {
        case T_END_OF_TEXT: return true;
        case T_BROKEN: return false;
        case T_KEYWORD: take_keyword(w); break;
        case T_SIGN: take_sign(w); break;
        case T_GOTO: take_goto(w); break;
        case T_NAME:
        case T_VALUE: w->may_begin = true; break;
        }
    }
}

size_t budget_rewrite(const struct budget_source *source, char *to)
{
    static const char END[] = " end";
    struct rewriter w = {.in = {.text = source->text, .len = source->len, .line = 1},
                         .source = source};
    char head[CHECK_MAX_BYTES];
    w.to = to;
    if (!find_name(source, "checks_left", w.cell) || !find_name(source, "check_time", w.halt))
        return BUDGET_NEVER;
    snprintf(w.check, sizeof w.check, " %s[0]=%s[0]-1 if %s[0]<0 then %s()end ", w.cell, w.cell,
             w.cell, w.halt);
    int n = snprintf(head, sizeof head, "local %s,%s=... return function(...) ", w.cell, w.halt);
    skip_top(&w);
    put(&w, head, (size_t)n);
    if (!take_all(&w)) return BUDGET_NEVER;
    copy_up_to(&w, w.in.len);
    if (w.in.ends_in_comment) put(&w, "\n", 1);
    put(&w, END, sizeof END - 1);
    return w.checks ? w.written : 0;
}
