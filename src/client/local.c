/* Answers to commands that are not about a key. An application that talks to one memcached gets from moongate what it would get
 * there, as far as that makes sense for many servers: what needs no server (version, verbosity, most statistics) is answered
 * here; what is about items (flush_all, stats items, slabs, sizes, conns, dumps of keys) goes to all servers; what is about one
 * server's inside (watch, slabs, lru and their like) is refused with the advice to use that server, or answered for stores where there
 * is no server. Errors are memcached's own texts where it has one. */
#include "client/local.h"

#include <stdio.h>
#include <string.h>

#include "client/arguments.h"
#include "client/cluster.h"
#include "client/dumps.h"
#include "client/explain_stats.h"
#include "client/gather.h"
#include "client/reply.h"
#include "client/state.h"
#include "client/tally.h"
#include "client/tuning.h"
#include "protocol/dialect.h"
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

enum {
    VERSION_ROOM = 256,
    DUMPS_SAY_OK_FROM =
        10643, /* 1.6.43: the first version that begins a dump by lru_crawler with OK */
};

static void answer(struct client *c, const struct request *r, const char *line)
{
    if (r->noreply)
        tally_silent(c, r->command_id, line);
    else
        reply_at_once(c, r->command_id, line, strlen(line));
}

/* --- flush_all --------------------------------------------------------------------------------- */

/* The delay is written from the number that was read: what a client sent is never passed on as it came. */
static void flush_all(struct client *c, const struct request *r)
{
    struct arguments w = arguments_split(r);
    struct request to_all = *r;
    int64_t delay;
    c->turn->row->cmd_flush++;
    if (w.n > 2 || (w.n == 2 && r->noreply)) {
        reply_at_once(c, r->command_id, ERROR_UNKNOWN, strlen(ERROR_UNKNOWN));
    } else if (w.n > 0 && !text_read_signed(w.word[0].at, w.word[0].len, &delay)) {
        answer(c, r, ERROR_EXPTIME);
    } else if (!client_is_allowed(c, c->set->limits.allow_flush)) {
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
static void stats_detail(struct client *c, const struct request *r, const struct arguments *w)
{
    if (w->n >= 2 && argument_is(&w->word[1], "dump"))
        answer(c, r, "END\r\n");
    else if (w->n >= 2 && (argument_is(&w->word[1], "on") || argument_is(&w->word[1], "off")))
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
    gather_send(c, &to_all, argument_is(what, "conns") ? GATHER_NAMED : GATHER_SUM);
}

static bool is_gathered(const struct span *what)
{
    return argument_is(what, "items") || argument_is(what, "slabs") || argument_is(what, "sizes") ||
           argument_is(what, "conns");
}

/* What is not named here is for the worker, which answers for the whole service, at its place in the client's order. */
static void stats(struct client *c, const struct request *r)
{
    struct request loud = *r; /* stats has no noreply: that is a word like others */
    loud.noreply = 0;
    r = &loud;
    struct arguments w = arguments_split(r);
    struct span what = w.n ? w.word[0] : (struct span){(const uint8_t *)"", 0};
    if (is_gathered(&what)) {
        stats_of_servers(c, r, &what);
    } else if (argument_is(&what, "detail")) {
        stats_detail(c, r, &w);
    } else if (argument_is(&what, "explain")) {
        if (w.n == 3)
            explain_stats(c, &w.word[1], &w.word[2]);
        else
            answer(c, r, ERROR_EXPLAIN);
    } else if (argument_is(&what, "cachedump")) {
        dumps_take(c, r, DUMP_CACHE, &w, false);
    } else if (argument_is(&what, "")) {
        tier_answer(c, r, TIER_STATS);
    } else if (argument_is(&what, "settings")) {
        tier_answer(c, r, TIER_SETTINGS);
    } else {
        struct outq nothing = {0};
        reply_finish(reply_stats(c, r, (const char *)what.at, what.len), &nothing);
    }
}

/* --- the rest ---------------------------------------------------------------------------------- */

/* Accepted and without effect: moongate's own verbosity is an option. */
static void verbosity(struct client *c, const struct request *r)
{
    struct arguments w = arguments_split(r);
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

static void tune(struct client *c, const struct request *r)
{
    bool is_loud;
    struct request as = *r;
    const char *line = ERROR_SERVER;
    if (tuning_is_for_stores(c->turn)) {
        line = tuning_answer(c->turn, r, &is_loud);
        if (is_loud) as.noreply = 0;
    }
    answer(c, &as, line);
}

/* A client expects one form: that of the version which it is told. What is not a dump is about one server's inside. */
static void lru_crawler(struct client *c, const struct request *r)
{
    struct arguments w = arguments_split(r);
    const char *version = local_version(c->set);
    bool says_ok = dialect_number(version, strlen(version)) >= DUMPS_SAY_OK_FROM;
    bool is_meta = w.n > 0 && argument_is(&w.word[0], "metadump");
    if (!is_meta && !(w.n > 0 && argument_is(&w.word[0], "mgdump")))
        tune(c, r);
    else if (!r->noreply)
        dumps_take(c, r, is_meta ? DUMP_META : DUMP_MG, &w, says_ok);
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
    case COMMAND_LRU_CRAWLER: lru_crawler(c, r); break;
    case COMMAND_CONFIG: cluster_answer(c, r); break;
    case COMMAND_SHUTDOWN: answer(c, r, "ERROR: shutdown not enabled\r\n"); break;
    default: tune(c, r); break;
    }
}
