/* Random first commands, cut at random places: memcached -Y and moongate with the same file of users, in front of a memcached, answer
 * with the same lines. memcached is the oracle.
 *
 * memcached sends only the last of its answers to lines that came in one packet, as long as a client is not a user. So of what it answers before
 * that, each line must be among moongate's, in their order, and the last one must be the same; all that follows is compared byte by byte.
 * From 1.6.40 on it reads lines otherwise: in front of those, streams have only what all versions read in one way.
 *
 * SEED names the first stream, STREAMS how many there are, LONG_SECONDS when to stop.
 */
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USERS[] = "app:secret\nbob:x\nlong-name-of-a-user:and:a:password\n";

enum { PARTS = 12, REPORTS_MAX = 3 };

/* --- streams ---------------------------------------------------------------------------------- */

struct text {
    const char *at;
    size_t n;
};

#define T(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct text lines[] = {T("get k1\r\n"),    T("gets k1 k2\r\n"),  T("version\r\n"),
                                    T("delete k1\r\n"), T("verbosity 1\r\n"), T("touch k1 0\r\n"),
                                    T("flush_all\r\n"), T("gat 0 k1\r\n"),    T("app secret\r\n")};
static const struct text odd_lines[] = {T("\r\n"),
                                        T("\n"),
                                        T("mn\r\n"),
                                        T("quit\r\n"),
                                        T("a\n"),
                                        T("get k1\n"),
                                        T(" \r\n"),
                                        T("set\r\n"),
                                        T("\r\r\n"),
                                        T("stats\r\n"),
                                        T("get\0k1\r\n"),
                                        T("set\tk 0 0 1\r\n"),
                                        T("set k 0 0\r\n"),
                                        T("\x81\n"),
                                        T("set k\0 0 0 3\r\n"),
                                        T("ms k 10\r\n"),
                                        T("mg k v\r\n"),
                                        T("SET k 0 0 3\r\n"),
                                        T("set k 0 0 abc\r\n"),
                                        T("set k 0 0 -1\r\n"),
                                        T("set 0 0 10\r\n"),
                                        T("add k 0 0 10\r\n"),
                                        T("config get cluster\r\n")};
static const struct text values[] = {T("app secret"),
                                     T("app secreT"),
                                     T("app"),
                                     T(""),
                                     T("bob x"),
                                     T("bob y"),
                                     T("x bob"),
                                     T("nobody here"),
                                     T("app app"),
                                     T("secret"),
                                     T("appsecret"),
                                     T("bob"),
                                     T("long-name-of-a-user and:a:password"),
                                     T("long-name-of-a-user and:a:passwor")};
static const struct text odd_values[] = {
    T(" app secret"),  T("app  secret"),  T("app secret "), T("app secret more"),
    T("app\tsecret"),  T("app secret\t"), T(" "),           T("  "),
    T("app secret\r"), T("\napp secret"), T("bob x\0y"),    T("app\0secret")};
static const struct text heads[] = {T("set login 0 0"), T("set k 5 -1")};
static const struct text odd_heads[] = {T(" set  k 0  0"), T("set k a b"), T("set k\t 0 0"),
                                        T("set k\r 0 0")};
static const struct text tails[] = {T("\r\n"), T(" noreply\r\n")};
static const struct text odd_tails[] = {T("\n"), T(" \r\n"), T("\t\r\n"), T(" 1 2 3\r\n")};
static const struct text ends[] = {T("\r\n")};
static const struct text odd_ends[] = {T("\n"), T("XY"), T("")};

#define ANY(table)  (&table[random_below(seed, sizeof(table) / sizeof *(table))])
#define SOME(table) (odd && random_below(seed, 3) == 0 ? ANY(odd_##table) : ANY(table))

static void add(struct octets *to, const struct text *t)
{
    octets_add(to, t->at, t->n);
}

/* A set; where it may be odd, its length may be wrong. */
static void add_try(struct octets *to, unsigned *seed, bool odd)
{
    static const int wrong[] = {-2, -1, 1, 2, 7};
    const struct text *value = SOME(values);
    int n = (int)value->n;
    if (odd && random_below(seed, 6) == 0) n += *ANY(wrong);
    add(to, SOME(heads));
    const char *length = textf(odd && random_below(seed, 6) == 0 ? " +%d" : " %d", n > 0 ? n : 0);
    octets_add(to, length, strlen(length));
    add(to, SOME(tails));
    add(to, value);
    add(to, SOME(ends));
}

/* The last line is long: whatever has swallowed its beginning, its end is no line end alone. */
static const struct text last_line = T("get the-last-line-of-all and-a-second-key\r\n");

static void make(struct octets *to, unsigned *seed, bool odd)
{
    unsigned n = 1 + random_below(seed, PARTS);
    for (unsigned i = 0; i < n; i++) {
        if (random_below(seed, 3) == 0)
            add(to, SOME(lines));
        else
            add_try(to, seed, odd);
    }
    add(to, &last_line);
}

/* --- playing ---------------------------------------------------------------------------------- */

static void play_to(const char *address, const struct octets *bytes, unsigned cuts,
                    struct octets *answer)
{
    struct client *c = client_connects_to(address);
    for (size_t done = 0, n = octets_n(bytes), piece; done < n; done += piece) {
        piece = 1 + random_below(&cuts, random_below(&cuts, 2) ? 20 : 2000);
        if (piece > n - done) piece = n - done;
        client_sends_bytes(c, octets_at(bytes) + done, piece);
    }
    client_half_closes(c);
    client_sees_end(c, answer);
    client_closes(c);
}

/* Where the line behind the first STORED begins; all of it when there is none. */
static size_t login_len(const struct octets *answer)
{
    const char *at = strstr(octets_at(answer), "STORED\r\n");
    return at ? (size_t)(at - octets_at(answer)) + strlen("STORED\r\n") : octets_n(answer);
}

struct line {
    const char *at;
    size_t n;
};

/* The next line of *at .. end; n 0: there is none. */
static struct line next_line(const char **at, const char *end)
{
    const char *from = *at, *newline = memchr(from, '\n', (size_t)(end - from));
    *at = newline ? newline + 1 : end;
    return (struct line){from, (size_t)(*at - from)};
}

static bool are_same(struct line a, struct line b)
{
    return a.n == b.n && memcmp(a.at, b.at, a.n) == 0;
}

/* The lines of a, n bytes, are among those of b, m bytes, and the last ones of both are the same. */
static bool are_among(const char *a, size_t n, const char *b, size_t m)
{
    const char *a_end = a + n, *b_end = b + m;
    struct line last_a = {a, 0}, last_b = {b, 0};
    while (a < a_end) {
        last_a = next_line(&a, a_end);
        do last_b = next_line(&b, b_end);
        while (last_b.n > 0 && !are_same(last_a, last_b));
        if (last_b.n == 0) return false;
    }
    while (b < b_end) last_b = next_line(&b, b_end);
    return are_same(last_a, last_b);
}

/* Behind an odd line, what a user gets is for other tests to compare. */
static bool agree(const struct octets *memcached, const struct octets *moongate, bool odd)
{
    size_t n = login_len(memcached), m = login_len(moongate);
    if (!are_among(octets_at(memcached), n, octets_at(moongate), m)) return false;
    if (odd) return true;
    return octets_n(memcached) - n == octets_n(moongate) - m &&
           memcmp(octets_at(memcached) + n, octets_at(moongate) + m, octets_n(memcached) - n) == 0;
}

static void print(const char *name, const struct octets *bytes)
{
    char *text = octets_escape(octets_at(bytes), octets_n(bytes));
    fprintf(stderr, "  %-9s %s\n", name, text);
    free(text);
}

static unsigned number_from(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void first_commands_are_answered_as_memcached_does(void **state)
{
    unsigned first = number_from("SEED", 20261), streams = number_from("STREAMS", 400), bad = 0;
    const char *users = moongate_script_file(USERS);
    struct memcached *direct = memcached_start("-Y", users, NULL), *behind = memcached_start(NULL);
    struct moongate *m =
        moongate_start(script_of_one(memcached_address(behind), ""), "--auth-file", users, NULL);
    bool may_be_odd = versions_compare(memcached_version(behind), "1.6.40") < 0;
    unsigned seconds = number_from("LONG_SECONDS", 0), i = 0;
    double end = stage_now() + seconds;
    for (; i < streams && bad < REPORTS_MAX && (seconds == 0 || stage_now() < end); i++) {
        struct octets bytes = {0}, wanted = {0}, got = {0};
        unsigned seed = first + i;
        bool odd = may_be_odd && seed % 2;
        make(&bytes, &seed, odd);
        play_to(memcached_address(direct), &bytes, seed, &wanted);
        play_to(moongate_address(m), &bytes, seed, &got);
        if (!agree(&wanted, &got, odd)) {
            fprintf(stderr, "SEED=%u STREAMS=1 differs\n", first + i);
            print("memcached", &wanted);
            print("moongate", &got);
            print("sent", &bytes);
            bad++;
        }
        octets_release(&bytes);
        octets_release(&wanted);
        octets_release(&got);
    }
    printf("SEED=%u STREAMS=%u\n", first, i);
    if (bad > 0) stage_fails("%u streams differ", bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {play(first_commands_are_answered_as_memcached_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
