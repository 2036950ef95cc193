#include "lib/versions.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAD_LINE "CLIENT_ERROR bad command line format"

/* clang-format off */
const struct difference versions_differences[] = {
    {NULL, "1.6.9", "m[agdse]*", NULL, NULL, BY_DESIGN,
     "an early form of meta: OK in place of HD, the length of ms as a flag; moongate answers ERROR and sends nothing"},

    /* From 1.6.40 on there is another parser. What follows was seen on 1.6.45. */
    {"1.6.40", NULL, NULL, BAD_LINE, "ERROR", BY_DESIGN,
     "an empty line, one letter, too few tokens, what is left of a bad block: ERROR, as 1.6.18 has it"},
    {"1.6.40", NULL, "mn", BAD_LINE, "MN", BY_DESIGN, "1.6.45 knows no mn that ends without a CR"},
    {"1.6.40", NULL, " get #0", NULL, NULL, BY_DESIGN, "1.6.45 knows no command behind a blank; moongate reads it as 1.6.18 does"},
    {"1.6.40", NULL, "gat*", BAD_LINE, "END", BY_DESIGN, "no key: moongate answers as 1.6.18 does"},
    {"1.6.40", NULL, "gat #0", BAD_LINE, "CLIENT_ERROR invalid exptime argument", BY_DESIGN, "no key: moongate answers as 1.6.18 does"},
    {"1.6.40", NULL, "md * q q", "CLIENT_ERROR duplicate flag", "CLIENT_ERROR invalid or duplicate flag", BY_DESIGN,
     "doubled flags are refused here, in the words of 1.6.18"},
    {"1.6.40", NULL, "shutdown", "SERVER_ERROR: shutdown not enabled", "ERROR: shutdown not enabled", BY_DESIGN, "the words of 1.6.18"},
    {"1.6.40", NULL, "* +1", NULL, NULL, BY_DESIGN, "moongate reads the length, and sends it in digits alone"},
    {"1.6.40", NULL, "get*<251\\*k>", NULL, NULL, BY_DESIGN, "1.6.45 ends its refusal with an empty line too many; moongate refuses such a key itself"},
    {"1.6.40", NULL, "set a 0 0 x noreply", NULL, NULL, BY_DESIGN, "1.6.45 says that the length is bad in spite of noreply"},
    {"1.6.40", NULL, "add k 0 0 1 noreply", NULL, NULL, BY_DESIGN, "1.6.45 keeps back the answer behind a bad block with noreply"},
    {"1.6.40", NULL, "delete noreply", NULL, NULL, BY_DESIGN, "1.6.45 takes the key for the option and does not answer; moongate does"},
    {"1.6.40", NULL, "delete [k#]* 10", NULL, NULL, BY_DESIGN, "1.6.45 deletes, whatever follows the key; moongate refuses what older versions refuse"},
    {"1.6.40", NULL, "delete #0 #1", NULL, NULL, BY_DESIGN, "likewise"},
    {"1.6.40", NULL, "delete #0 [nx]* noreply", NULL, NULL, BY_DESIGN, "likewise"},
    {"1.6.40", NULL, "decr #0 1 2 3", NULL, NULL, BY_DESIGN, "1.6.45 takes surplus tokens; moongate refuses what older versions refuse"},
    {"1.6.40", NULL, "ms #0 1 T+5 *", NULL, NULL, BY_DESIGN, "1.6.45 refuses the sign; moongate reads numbers, and sends them in digits alone"},
    {.why = NULL},
};
/* clang-format on */

int versions_compare(const char *a, const char *b)
{
    int of_a[3] = {0}, of_b[3] = {0};
    sscanf(a, "%d.%d.%d", &of_a[0], &of_a[1], &of_a[2]);
    sscanf(b, "%d.%d.%d", &of_b[0], &of_b[1], &of_b[2]);
    for (int i = 0; i < 3; i++)
        if (of_a[i] != of_b[i]) return of_a[i] - of_b[i];
    return 0;
}

static bool is_about_version(const struct difference *d, const char *version)
{
    return (!d->from || versions_compare(d->from, version) <= 0) &&
           (!d->to || versions_compare(version, d->to) <= 0);
}

/* The first n bytes are a line of this pattern. */
static bool line_is(const char *bytes, size_t n, const char *pattern)
{
    char line[1024];
    while (n > 0 && (bytes[n - 1] == '\r' || bytes[n - 1] == '\n')) n--;
    snprintf(line, sizeof line, "%.*s", (int)n, bytes);
    return fnmatch(pattern, line, 0) == 0;
}

static bool is_about_exchange(const struct difference *d, const struct exchange *e)
{
    if (!is_about_version(d, e->version)) return false;
    for (size_t i = 0; d->line && i < e->n; i++)
        if (line_is(e->lines[i], strcspn(e->lines[i], "\r\n"), d->line)) return true;
    return !d->line;
}

static size_t line_length(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? (size_t)(newline + 1 - at) : (size_t)(end - at);
}

/* The row by which a line of the server stands for one of moongate, or -1. */
static int row_for(const struct exchange *e, const char *server, size_t n, const char *moongate,
                   size_t m)
{
    for (int i = 0; versions_differences[i].why; i++) {
        const struct difference *d = &versions_differences[i];
        if (d->server && is_about_exchange(d, e) && line_is(server, n, d->server) &&
            line_is(moongate, m, d->moongate))
            return i;
    }
    return -1;
}

bool versions_agree(const struct exchange *e, const struct octets *server,
                    const struct octets *moongate)
{
    const char *at = octets_at(server), *end = at + octets_n(server);
    const char *other = octets_at(moongate), *other_end = other + octets_n(moongate);
    while (at < end && other < other_end) {
        size_t n = line_length(at, end), m = line_length(other, other_end);
        if (n != m || memcmp(at, other, n) != 0) {
            int row = row_for(e, at, n, other, m);
            if (row < 0) return false;
            if (e->is_used) e->is_used[row] = true;
        }
        at += n;
        other += m;
    }
    return at == end && other == other_end;
}

int versions_row_that_leaves_out(const char *version, const char *line)
{
    for (int i = 0; versions_differences[i].why; i++) {
        const struct difference *d = &versions_differences[i];
        if (!d->server && is_about_version(d, version) &&
            line_is(line, strcspn(line, "\r\n"), d->line))
            return i;
    }
    return -1;
}

static bool is_about_one_of(const struct difference *d, const char *const lines[])
{
    for (; d->line && *lines; lines++)
        if (fnmatch(d->line, *lines, 0) == 0) return true;
    return false;
}

unsigned versions_rows_unused(const char *version, const char *const lines[], const bool *is_used)
{
    unsigned have_to_go = 0;
    for (int i = 0; versions_differences[i].why; i++) {
        const struct difference *d = &versions_differences[i];
        if (is_used[i] || !is_about_version(d, version) || !is_about_one_of(d, lines)) continue;
        printf("%s: no answer needs this row of versions_differences: %s | %s | %s\n", version,
               d->line, d->server ? d->server : "not compared", d->why);
        have_to_go += d->kind == BY_DESIGN;
    }
    return have_to_go;
}

bool versions_is_new(void)
{
    const char *said = getenv("MEMCACHED_IS_NEW");
    return said && *said;
}
