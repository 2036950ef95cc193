/* Answers to commands that are not about a key. An application that talks to one memcached gets from moongate what it would get
 * there, as far as that makes sense for many servers: what needs no server (version, verbosity, most statistics) is answered
 * here; what is about items (flush_all, stats items, slabs, sizes, conns) goes to all servers; what is about one server's
 * inside (cachedump, lru_crawler, watch and their like) is refused with the advice to use that server. Errors are memcached's
 * own texts where it has one. */
#include "client/local.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "client/explain_stats.h"
#include "client/gather.h"
#include "client/reply.h"
#include "client/state.h"
#include "client/tally.h"
#include "protocol/text.h"

#define ERROR_UNKNOWN "ERROR\r\n"
#define ERROR_FORMAT  "CLIENT_ERROR bad command line format\r\n"
#define ERROR_EXPTIME "CLIENT_ERROR invalid exptime argument\r\n"
#define ERROR_FLUSH                                                                                \
    "CLIENT_ERROR flush_all is not allowed on this listener: start moongate with --allow-flush "   \
    "yes\r\n"
#define ERROR_DETAIL  "CLIENT_ERROR usage: stats detail on|off|dump\r\n"
#define ERROR_EXPLAIN "CLIENT_ERROR usage: stats explain <command> <key>\r\n"
#define ERROR_SERVER                                                                               \
    "CLIENT_ERROR this command is for a single server: send it to the server itself\r\n"

enum { WORDS = 4, VERSION_ROOM = 256 };

/* The words behind a command, without a `noreply` at their end. */
struct words {
    struct span word[WORDS];
    size_t n; /* all of them, also those that did not fit */
};

static struct words split(const struct request *r)
{
    struct words w = {.n = 0};
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *word;
    size_t len;
    while (request_next_flag(&at, end, &word, &len)) {
        if (w.n < WORDS) w.word[w.n] = (struct span){word, len};
        w.n++;
    }
    if (r->noreply) w.n--;
    return w;
}

static bool is(const struct span *word, const char *text)
{
    return word->len == strlen(text) && memcmp(word->at, text, word->len) == 0;
}

static void answer(struct client *c, const struct request *r, const char *line)
{
    if (r->noreply)
        tally_silent(c, r->command_id, line);
    else
        reply_at_once(c, r->command_id, line, strlen(line));
}

/* --- flush_all --------------------------------------------------------------------------------- */

/* Whether the client came over loopback or a unix socket: by our end of the connection, which a client cannot choose. */
static bool is_near(const struct client *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
    socklen_t len = sizeof name;
    memset(&name, 0, sizeof name);
    if (getsockname(c->fd, &name.any, &len) < 0) return false;
    if (name.any.sa_family == AF_UNIX) return true;
    if (name.any.sa_family == AF_INET) return ntohl(name.v4.sin_addr.s_addr) >> 24 == 127;
    return name.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&name.v6.sin6_addr);
}

static bool may_flush(const struct client *c)
{
    switch (c->set->limits.allow_flush) {
    case FLUSH_YES: return true;
    case FLUSH_NO: return false;
    default: return is_near(c);
    }
}

/* The delay is written from the number that was read: what a client sent is never passed on as it came. */
static void flush_all(struct client *c, const struct request *r)
{
    struct words w = split(r);
    struct request to_all = *r;
    int64_t delay;
    c->turn->row->cmd_flush++;
    if (w.n > 2 || (w.n == 2 && r->noreply)) {
        reply_at_once(c, r->command_id, ERROR_UNKNOWN, strlen(ERROR_UNKNOWN));
    } else if (w.n > 0 && !text_read_signed(w.word[0].at, w.word[0].len, &delay)) {
        answer(c, r, ERROR_EXPTIME);
    } else if (!may_flush(c)) {
        answer(c, r, ERROR_FLUSH);
    } else {
        uint8_t number[TEXT_NUMBER_ROOM + 1];
        to_all.args_at = (uintptr_t)number;
        to_all.args_len = w.n ? (uint16_t)text_write_signed(number, delay) : 0;
        gather_send(c, &to_all, GATHER_OK);
    }
}

/* --- stats ------------------------------------------------------------------------------------- */

/* moongate keeps no statistics by prefix, so there is nothing to turn on: accepted, as clients expect, with an empty dump. */
static void stats_detail(struct client *c, const struct request *r, const struct words *w)
{
    if (w->n >= 2 && is(&w->word[1], "dump"))
        answer(c, r, "END\r\n");
    else if (w->n >= 2 && (is(&w->word[1], "on") || is(&w->word[1], "off")))
        answer(c, r, "OK\r\n");
    else
        answer(c, r, ERROR_DETAIL);
}

/* Connections belong to one server each, so their lines keep its name; the others are combined. */
static void stats_of_servers(struct client *c, const struct request *r, const struct span *what)
{
    struct request to_all = *r;
    to_all.args_at = (uintptr_t)what->at;
    to_all.args_len = (uint16_t)what->len;
    gather_send(c, &to_all, is(what, "conns") ? GATHER_NAMED : GATHER_SUM);
}

/* What is not named here is for the worker, which answers for the whole service, at its place in the client's order. */
static void stats(struct client *c, const struct request *r)
{
    struct request loud = *r; /* stats has no noreply: that is a word like others */
    loud.noreply = 0;
    r = &loud;
    struct words w = split(r);
    struct span what = w.n ? w.word[0] : (struct span){(const uint8_t *)"", 0};
    if (is(&what, "items") || is(&what, "slabs") || is(&what, "sizes") || is(&what, "conns")) {
        stats_of_servers(c, r, &what);
    } else if (is(&what, "detail")) {
        stats_detail(c, r, &w);
    } else if (is(&what, "explain")) {
        if (w.n == 3)
            explain_stats(c, &w.word[1], &w.word[2]);
        else
            answer(c, r, ERROR_EXPLAIN);
    } else if (is(&what, "cachedump")) {
        answer(c, r, ERROR_SERVER);
    } else {
        reply_stats(c, r, (const char *)what.at, what.len);
    }
}

/* --- the rest ---------------------------------------------------------------------------------- */

/* Accepted and without effect: moongate's own verbosity is an option. */
static void verbosity(struct client *c, const struct request *r)
{
    struct words w = split(r);
    uint64_t level;
    if (w.n + r->noreply == 0 || w.n + r->noreply > 2)
        reply_at_once(c, r->command_id, ERROR_UNKNOWN, strlen(ERROR_UNKNOWN));
    else if (w.n > 0 && !text_read_unsigned(w.word[0].at, w.word[0].len, &level))
        answer(c, r, ERROR_FORMAT);
    else
        answer(c, r, "OK\r\n");
}

const char *local_version(const struct clients *set)
{
    const char *lowest = backends_lowest_version(set->turn->backends);
    if (set->limits.version_answer) return set->limits.version_answer;
    return lowest ? lowest : LOCAL_VERSION;
}

/* A version that does not fit is cut. */
static void version(struct client *c)
{
    char line[VERSION_ROOM];
    int n = snprintf(line, sizeof line - 2, "VERSION %s", local_version(c->set));
    size_t len = (size_t)n < sizeof line - 2 ? (size_t)n : sizeof line - 3;
    memcpy(line + len, "\r\n", 2);
    reply_at_once(c, COMMAND_VERSION, line, len + 2);
}

void local_answer(struct client *c, const struct request *r)
{
    switch (r->command_id) {
    case COMMAND_FLUSH_ALL: flush_all(c, r); break;
    case COMMAND_STATS: stats(c, r); break;
    case COMMAND_VERBOSITY: verbosity(c, r); break;
    case COMMAND_VERSION: version(c); break;
    case COMMAND_META_NOOP: reply_at_once(c, COMMAND_META_NOOP, "MN\r\n", 4); break;
    case COMMAND_QUIT:
        tally_unanswered(c, COMMAND_QUIT);
        client_end(c, "quit");
        break;
    case COMMAND_SHUTDOWN: answer(c, r, "ERROR: shutdown not enabled\r\n"); break;
    default: answer(c, r, ERROR_SERVER); break;
    }
}
