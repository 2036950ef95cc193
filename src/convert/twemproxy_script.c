/* The script of a configuration: for each pool mg.pool with the options that stand in the file, and mg.listen. What nutcracker does
 * by default and moongate does not is written out, the rest is left to the defaults. */
#include "convert/twemproxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* nutcracker's defaults, and the bounds of mg.pool and mg.listen. */
enum {
    RETRY_MS = 30000,
    FAILURE_LIMIT = 2,
    TIMEOUT_MAX_MS = 3600 * 1000,
    RETRY_MAX_MS = 3600 * 1000,
    CONNECTIONS_MAX = 1024,
    FAILURE_LIMIT_MAX = 1000000,
    BACKLOG_MAX = 65535,
    CONNECT_MS = 500, /* moongate's own connect_timeout and stall_timeout */
    STALL_MS = 3000,
    CONNECT_MOST_MS = 60 * 1000, /* the kernel alone would try for two minutes */
};

/* --- values -------------------------------------------------------------------------------------- */

/* Milliseconds as seconds: 400 is 0.4. */
static void put_seconds(FILE *to, int32_t ms)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%" PRId32 ".%03" PRId32, ms / 1000, ms % 1000);
    while (n > 0 && text[n - 1] == '0') n--;
    if (n > 0 && text[n - 1] == '.') n--;
    fprintf(to, "%.*s", n, text);
}

/* The number that stands in the file within moongate's bounds, and a note where these change it; `usual` where none stands there. */
static int32_t number_within(const struct twem *t, const struct twem_pool *p,
                             enum twem_option option, int32_t usual, int32_t least, int32_t most)
{
    int32_t given = p->lines[option] ? p->numbers[option] : usual;
    int32_t taken = given < least ? least : given > most ? most : given;
    if (taken != given && p->lines[option])
        convert_note(t->out, t->path, p->lines[option],
                     "\"%s\" becomes %" PRId32 ": moongate takes %" PRId32 " to %" PRId32,
                     twem_option_word(option), taken, least, most);
    return taken;
}

/* --- one pool ------------------------------------------------------------------------------------ */

/* nutcracker waits for ever unless it has a timeout, and a call's timeout counts from before its connection is made. moongate has
 * timeouts of their own for connecting and for a server that is silent, which must not end a call earlier. */
static void put_timeouts(const struct twem *t, const struct twem_pool *p, FILE *to)
{
    int32_t ms = number_within(t, p, TWEM_TIMEOUT, 0, 0, TIMEOUT_MAX_MS);
    fputs("    timeout = ", to);
    put_seconds(to, ms);
    if (ms == 0 || ms > CONNECT_MS) {
        fputs(", connect_timeout = ", to);
        put_seconds(to, ms && ms < CONNECT_MOST_MS ? ms : CONNECT_MOST_MS);
    }
    if (ms == 0 || ms > STALL_MS) {
        fputs(", stall_timeout = ", to);
        put_seconds(to, ms);
    }
    fputs(ms ? ",\n" : ", -- 0: none, as there\n", to);
}

static void put_ejection(const struct twem *t, const struct twem_pool *p, FILE *to)
{
    if (!p->numbers[TWEM_AUTO_EJECT_HOSTS]) {
        fputs("    texts = \"twemproxy\",\n", to);
        return;
    }
    int32_t limit =
        number_within(t, p, TWEM_SERVER_FAILURE_LIMIT, FAILURE_LIMIT, 1, FAILURE_LIMIT_MAX);
    int32_t retry = number_within(t, p, TWEM_SERVER_RETRY_TIMEOUT, RETRY_MS, 1, RETRY_MAX_MS);
    fprintf(to, "    eject = \"twemproxy\", failure_limit = %" PRId32 ", eject_retry = ", limit);
    put_seconds(to, retry);
    fputs(",\n", to);
}

/* A server that is drawn has nothing to do with the key. */
static void put_placement(const struct twem_pool *p, FILE *to)
{
    bool is_drawn = p->distribution && strcmp(p->distribution, "random") == 0;
    if (p->hash && !is_drawn) fprintf(to, "    hash = \"%s\",\n", p->hash);
    if (p->distribution) fprintf(to, "    distribution = \"%s\",\n", p->distribution);
    if (!p->hash_tag[0]) return;
    fputs("    hash_tag = ", to);
    convert_quote(to, p->hash_tag, 2);
    fputs(",\n", to);
}

static void put_pool(const struct twem *t, const struct twem_pool *p, FILE *to)
{
    fprintf(to, "\npools[\"%s\"] = mg.pool {\n    name = \"%s\", like = \"twemproxy\",\n",
            p->called, p->called);
    put_placement(p, to);
    put_timeouts(t, p, to);
    put_ejection(t, p, to);
    if (p->lines[TWEM_SERVER_CONNECTIONS])
        fprintf(to, "    connections = %" PRId32 ",\n",
                number_within(t, p, TWEM_SERVER_CONNECTIONS, 1, 1, CONNECTIONS_MAX));
    for (size_t i = 0; i < p->n; i++) {
        fputs("    ", to);
        convert_quote(to, p->servers[i].shown, strlen(p->servers[i].shown));
        fputs(",\n", to);
    }
    fputs("}\n", to);
}

static void put_listener(const struct twem *t, const struct twem_pool *p, FILE *to)
{
    fputs("mg.listen { ", to);
    convert_quote(to, p->address, strlen(p->address));
    fprintf(to, ", pools[\"%s\"], name = \"%s\"", p->called, p->called);
    if (p->lines[TWEM_BACKLOG])
        fprintf(to, ", backlog = %" PRId32, number_within(t, p, TWEM_BACKLOG, 1, 1, BACKLOG_MAX));
    if (p->mode) fprintf(to, ", mode = \"%04o\"", p->mode);
    fputs(" }\n", to);
}

static bool ejects(const struct twem *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->pools[i].numbers[TWEM_AUTO_EJECT_HOSTS]) return true;
    return false;
}

void twem_write(const struct twem *t, FILE *to)
{
    fputs("-- nutcracker's pools, each with its listener. Keys are where nutcracker puts them. "
          "Made from ",
          to);
    convert_quote(to, t->path, strlen(t->path));
    fputs("\n", to);
    if (ejects(t))
        fputs("--\n-- With eject = \"twemproxy\" a server returns without a probe, and all servers "
              "of a pool may go. "
              "Better, if nutcracker's\n-- own way is not needed: on_failure = \"rehash\" in place "
              "of eject and eject_retry. "
              "It probes a server first, and keeps half.\n",
              to);
    fputs("local mg = require \"moongate\"\nlocal pools = {}\n", to);
    for (size_t i = 0; i < t->n; i++) {
        put_pool(t, &t->pools[i], to);
        put_listener(t, &t->pools[i], to);
    }
}
