/* tally: what a worker counts for each command and each listener.
 *
 * Owns nothing: the entries belong to the worker's part of the board. A request counts for its command, as its client sends it, and for
 * the listener that its client came through.
 */
#ifndef MOONGATE_CLIENT_TALLY_H
#define MOONGATE_CLIENT_TALLY_H

#include "client/client.h"

/* What a client is told instead of an answer. */
enum tally_error {
    TALLY_NO_ERROR,
    TALLY_CLIENT_ERROR, /* ERROR, CLIENT_ERROR */
    TALLY_SERVER_ERROR, /* SERVER_ERROR, whatever the reason, but for the script */
    TALLY_SCRIPT_ERROR  /* SERVER_ERROR, because the script raised an error */
};

/* Makes the entry of a command that no client has sent before. */
struct board_command *tally_add_command(struct clients *set, unsigned command);

/* The entry of a command. */
static inline struct board_command *tally_command(struct clients *set, unsigned command)
{
    struct board_command *entry = set->commands[command];
    return entry ? entry : tally_add_command(set, command);
}

/* A request came: a reply is made for it. */
static inline void tally_request(struct client *c, struct board_command *entry)
{
    entry->requests++;
    c->counts->requests++;
}

/* A request came that gets no reply. */
static inline void tally_unanswered(struct client *c, unsigned command)
{
    tally_request(c, tally_command(c->set, command));
}

/* A request came that gets no reply, as it says noreply: it would be this line. NULL: it is refused without a word. */
void tally_silent(struct client *c, unsigned command, const char *line);

/* So many keys of a request were found, or not. */
static inline void tally_keys(struct client *c, struct board_command *entry, bool missed,
                              uint32_t keys)
{
    if (missed) {
        entry->misses += keys;
        c->counts->misses += keys;
    } else {
        entry->hits += keys;
        c->counts->hits += keys;
    }
}

/* A request was answered, which was parsed at that time (as turn.now). */
static inline void tally_time(struct client *c, struct board_command *entry, double began)
{
    struct latency_span *span = &c->set->span;
    latency_measure(span, began, c->turn->now);
    latency_put(&entry->latency, span->us, span->bucket);
    latency_put(&c->counts->latency, span->us, span->bucket);
}

/* A request was answered with an error, or would have been, had it not said noreply. */
void tally_error(struct client *c, struct board_command *entry, enum tally_error error);

/* The kind of error that a line says, if it is one. */
enum tally_error tally_error_of(const void *line, size_t len);

#endif
