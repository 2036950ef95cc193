/* A client that speaks another protocol is mostly a mistake in a configuration: a health check, a Redis client, TLS where there
 * is none. memcached's answer to such bytes does not help to find it, so the log names the protocol and what to change. Each
 * such client is counted; the log gets a line in a while, because they tend to connect again at once. */
#include "client/stranger.h"

#include "client/entry.h"
#include "client/state.h"
#include "net/addr.h"
#include "protocol/foreign.h"

static const double LINES_EVERY = 10; /* seconds: one line of the log a protocol and worker */

static const struct {
    const char *what, *cure;
} protocols[FOREIGN_COUNT] = {
#define X(name, counter, what, cure) [FOREIGN_##name] = {what, cure},
    FOREIGN_PROTOCOLS(X)
#undef X
};

static void count(struct board_row *row, enum foreign protocol)
{
    switch (protocol) {
#define X(name, counter, what, cure)                                                               \
    case FOREIGN_##name: row->counter++; break;
        FOREIGN_PROTOCOLS(X)
#undef X
    default: break;
    }
}

/* The log limit counts in seconds; time is scaled, so that its second is as long as LINES_EVERY. */
static void warn(const struct client *c, enum foreign protocol)
{
    char address[ADDR_TEXT_MAX];
    struct log_limit *limit = &c->set->foreign_lines[protocol];
    const char *listener = client_listener(c);
    if (log_allows(limit, c->turn->now / LINES_EVERY))
        log_warn("client %s%s%s: speaks %s, not memcache's text protocol: %s",
                 client_address(c, address), *listener ? " at listener " : "", listener,
                 protocols[protocol].what, protocols[protocol].cure);
}

static bool speaks_binary(const struct client *c)
{
    return !c->rules || c->rules->protocol != RULES_PROTOCOL_TEXT;
}

/* The parser answers the other protocols as memcached does: by an error, or by closing. A TLS client would wait for an answer
 * that never comes, so it is closed here. */
bool stranger_may_go_on(struct client *c, struct span first)
{
    enum foreign protocol = foreign_of(first.at, first.len);
    if (c->rules && c->rules->protocol == RULES_PROTOCOL_BINARY) protocol = FOREIGN_BINARY;
    if (protocol == FOREIGN_UNSURE) return true;
    c->front = protocol == FOREIGN_BINARY && speaks_binary(c) ? FRONT_BINARY : FRONT_TEXT;
    client_passes(c);
    if (protocol == FOREIGN_NONE || c->front == FRONT_BINARY) return true;
    count(c->turn->row, protocol);
    warn(c, protocol);
    if (protocol != FOREIGN_TLS) return true;
    client_end(c, "speaks TLS");
    return false;
}
