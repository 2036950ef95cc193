/* What nutcracker accepts and refuses, we accept and refuse: `nutcracker -t` reads random files beside us, valid ones and broken ones.
 *
 * Listeners have addresses that need no look-up, since neither may wait for a name server here. SEED names the first file, FILES how
 * many there are, LONG_SECONDS when to stop. */
#include "unit/convert/twemproxy_host.h"

#include <unistd.h>

#include "lib/program.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define PICK(table)  (table)[below(COUNT(table))]

static unsigned seed;

static unsigned below(unsigned n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % n;
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

/* --- files --------------------------------------------------------------------------------------- */

/* The first few of each are right. */
enum { RIGHT = 3 };

static const char *const listens[] = {
    "127.0.0.1:%u",      "/tmp/l%u 0660", "0.0.0.0:%u",
    "/tmp/l%u",          "::1:%u",        "127.1:%u",
    "\"127.0.0.1:%u\"",  "/tmp/l%u 1777", "/tmp/l%u rw",
    "/tmp/l%u  7",       "'/tmp/l %u '",  "0:%u",
    "11211:%u",          "127.0.0.1:0%u", "127.0.0.1:%u9",
    "[::1]:%u",          "':%u'",         "/tmp/l:%u",
    "127.0.0.1:-%u",     "127.0.0.1 %u",  "%u",
    "127.0.0.1::%u",     "'*:%u'",        "/tmp/l%u 4000000%u",
    "127.0.0.1:42949%u", "0x7f000001:%u", "\"/tmp/\\x41%u\"",
    "/tmp/l%u 0660abc",
};
static const char *const numbers[] = {
    "1",        "400",        "30000",      "0",          "\"400\"",    "'400'",
    "0400",     "2147483647", "2147483648", "4294967296", "4294967696", "9999999999",
    "-1",       "+1",         "1.5",        "0x10",       "1_000",      "true",
    "",         "400 # ms",   "400#",       "|-\n    4",  "|\n    4",   ">-\n    4",
    "4\n    5", "\"\\x34\"",  "!!int 4",    "[4]",        "*a",         "4: 5",
};
static const char *const flags[] = {
    "true", "false",    "true",    "yes",     "on",           "True",         "FALSE",
    "1",    "\"true\"", "'false'", "'true '", "|-\n    true", "\"\\x74rue\"", "",
};
static const char *const hashes[] = {
    "md5",     "fnv1a_64", "one_at_a_time", "crc16", "crc32",  "crc32a",
    "fnv1_64", "fnv1_32",  "fnv1a_32",      "hsieh", "murmur", "jenkins",
    "MD5",     "\"md5\"",  "sha1",          "md5 x", "",       "crc",
};
static const char *const distributions[] = {"ketama",   "modula", "random", "Ketama",
                                            "'modula'", "jump",   ""};
static const char *const tags[] = {"\"{}\"",   "'{}'", "$$",         "{}", "ab",   "a", "abc",
                                   "\xc3\xa9", "'  '", "\"\\t\\t\"", "[]", "''''", "#{"};
static const char *const servers[] = {
    "10.0.0.%u:11211:1",
    "10.0.0.%u:11212:2 n%u",
    "/tmp/s%u:1",
    "10.0.%u.1:11211:1 \"q%u\"",
    "srv%u.example:11211:1",
    "::%u:11211:1",
    "[::%u]:11211:1",
    "127.%u:11211:1",
    "10.0.0.%u:011211:1",
    "10.0.0.%u:80:01",
    "10.0.0.%u:11211:0",
    "10.0.0.%u:11211",
    "10.0.0.%u:0:1",
    "10.0.0.%u:65536:1",
    "10.0.0.%u:11211:1  n%u",
    "10.0.0.%u:11211:1 a b",
    "10.0.0.%u:11211:x",
    "/tmp/s%u",
    "/tmp/s%u:1 n:%u",
    "/tmp/s:%u:1",
    "10.0.0.1:11211:%u",
    "10.0.0.1:11211:1 n%u",
    "'10.0.0.%u:11211:1 '",
    "\"10.0.0.%u:11211:1\"",
    "$X%u:11211:1",
    ":%u:1",
    "10.0.0.%u:11211:1000001",
    "10.0.0.%u:11211:4294967297",
    "*:%u:1",
    "|-\n     10.0.0.%u:1:1",
    "10.0.0.%u: 11211:1",
    "a;%u:1:1",
};
static const char *const names[] = {"alpha", "beta", "gamma",   "two words", "\"q\"",
                                    "a.b",   "1",    "true",    "? alpha",   "\"\"",
                                    "a: b",  "*x",   "\xc3\xa9"};

/* A value of the table: mostly one of the right ones, unless all is to be tried. */
#define VALUE(table, any) (table)[(any) ? below(COUNT(table)) : below(RIGHT)]

static void put_value(FILE *to, const char *form)
{
    unsigned number = 1024 + below(60000);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    fprintf(to, form, strstr(form, "10.0") ? number % 250 : number, number % 1000);
#pragma GCC diagnostic pop
}

static void put_servers(FILE *to, bool any)
{
    unsigned n = 1 + below(4);
    fputs("  servers:\n", to);
    for (unsigned i = 0; i < n; i++) {
        fputs("   - ", to);
        put_value(to, VALUE(servers, any && one_in(2)));
        fputs("\n", to);
    }
}

static void put_option(FILE *to, bool any)
{
    static const char *const number_words[] = {"timeout",
                                               "backlog",
                                               "server_connections",
                                               "server_retry_timeout",
                                               "server_failure_limit",
                                               "client_connections",
                                               "redis_db"};
    static const char *const flag_words[] = {"preconnect", "auto_eject_hosts", "tcpkeepalive"};
    switch (below(any ? 7 : 5)) {
    case 0: fprintf(to, "  hash: %s\n", VALUE(hashes, any)); break;
    case 1: fprintf(to, "  distribution: %s\n", VALUE(distributions, any)); break;
    case 2: fprintf(to, "  hash_tag: %s\n", VALUE(tags, any)); break;
    case 3: fprintf(to, "  %s: %s\n", PICK(number_words), VALUE(numbers, any)); break;
    case 4: fprintf(to, "  %s: %s\n", PICK(flag_words), VALUE(flags, any)); break;
    case 5:
        fprintf(to, "  redis: %s\n%s", PICK(flags), one_in(2) ? "  redis_auth: x\n" : "");
        break;
    default: fprintf(to, "  %s:\n    - %s\n", PICK(number_words), PICK(numbers));
    }
}

static void put_pool(FILE *to, bool any)
{
    unsigned before = below(3), behind = below(3);
    fprintf(to, any && one_in(3) ? "%s:\n" : "%s%u:\n", VALUE(names, any), below(1000));
    for (unsigned i = 0; i < before; i++) put_option(to, any);
    if (!any || !one_in(9)) {
        fputs("  listen: ", to);
        put_value(to, VALUE(listens, any));
        fputs("\n", to);
    }
    if (!any || !one_in(9)) put_servers(to, any);
    for (unsigned i = 0; i < behind; i++) put_option(to, any);
}

/* One byte more, less or another, but in no listener, which would get a name. */
static void damage(char *text, size_t *len)
{
    static const char bytes[] = " \t\n:-#\"'{}[]&*!|>%@?,0a\\~\x7f\xc3";
    size_t at = below((unsigned)*len), line = at, end = at;
    while (line > 0 && text[line - 1] != '\n') line--;
    while (end < *len && text[end] != '\n') end++;
    if (memmem(text + line, end - line, "listen", 6) || at == end) return;
    if (one_in(2)) {
        text[at] = bytes[below(sizeof bytes - 1)];
    } else {
        memmove(text + at, text + at + 1, *len - at - 1);
        --*len;
    }
}

/* A line to another place. */
static void move_line(char *text, size_t len)
{
    size_t at = below((unsigned)len), n;
    char line[512];
    while (at > 0 && text[at - 1] != '\n') at--;
    const char *end = memchr(text + at, '\n', len - at);
    n = end ? (size_t)(end + 1 - text) - at : 0;
    if (n == 0 || n > sizeof line) return;
    memcpy(line, text + at, n);
    memmove(text + at, text + at + n, len - at - n);
    size_t to = below((unsigned)(len - n + 1));
    while (to > 0 && text[to - 1] != '\n') to--;
    memmove(text + to + n, text + to, len - n - to);
    memcpy(text + to, line, n);
}

static char *make_file(size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);
    unsigned pools = 1 + below(3);
    bool any = one_in(2);
    assert_non_null(to);
    for (unsigned i = 0; i < pools; i++) put_pool(to, any && one_in(2));
    fclose(to);
    if (one_in(4)) damage(text, len);
    if (one_in(8)) move_line(text, *len);
    if (one_in(8)) *len = below((unsigned)*len + 1);
    return text;
}

/* --- both ------------------------------------------------------------------------------------------ */

static bool nutcracker_accepts(const char *path)
{
    static const char debian[] = "/usr/sbin/nutcracker"; /* not in everyone's PATH */
    const char *const argv[] = {access(debian, X_OK) == 0 ? debian : "nutcracker", "-t", "-c", path,
                                NULL};
    struct run r = program_run(argv);
    bool is_accepted = strstr(r.err, "syntax is ok") != NULL;
    if (!is_accepted && !strstr(r.err, "syntax is invalid"))
        stage_fails("nutcracker -t: exit %d: %s%s", r.code, r.out, r.err);
    return is_accepted;
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static unsigned number_from(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void nutcracker_and_we_agree_on_random_files(void **state)
{
    enum { ACT = 50 };
    unsigned files = number_from("FILES", 300), seconds = number_from("LONG_SECONDS", 0);
    unsigned accepted = 0, own = 0, i = 0;
    double end = stage_now() + seconds;
    seed = number_from("SEED", 14);
    const char *folder = NULL;
    for (; i < files && (seconds == 0 || stage_now() < end); i++) {
        if (i % ACT == 0) {
            if (i) stage_clears();
            folder = program_folder();
        }
        size_t len;
        unsigned before = seed;
        char *text = make_file(&len);
        const char *path = textf("%s/%u.yml", folder, i);
        write_file(path, text, len);
        struct reading r = reading_of(text, len);
        bool theirs = nutcracker_accepts(path),
             is_own = strstr(r.error, "nutcracker accepts") != NULL;
        if (theirs != (r.is_accepted || is_own))
            stage_fails("SEED=%u: nutcracker %s, and we say: %s\n%.*s", before,
                        theirs ? "accepts" : "refuses", r.is_accepted ? "accepted" : r.error,
                        (int)len, text);
        accepted += r.is_accepted;
        own += is_own;
        free(text);
    }
    printf("%u files, %u accepted, %u more by nutcracker alone\n", i, accepted, own);
    assert_in_range(accepted, i / 5, i * 4 / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nutcracker_and_we_agree_on_random_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
