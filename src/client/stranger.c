#include "client/stranger.h"

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

/* The budget's second is as long as LINES_EVERY. */
static void tell(const struct client *c, enum foreign protocol)
{
    char address[ADDR_TEXT_MAX];
    struct log_limit *limit = &c->set->foreign_lines[protocol];
    if (log_allows(limit, c->turn->now / LINES_EVERY))
        log_warn("client %s: speaks %s, not memcache's text protocol: %s",
                 client_address(c, address), protocols[protocol].what, protocols[protocol].cure);
}

/* What the others send has lines, or a first byte, that the parser answers as memcached does. A TLS client would wait for an
 * answer that never comes. */
bool stranger_may_go_on(struct client *c, struct span first)
{
    enum foreign protocol = foreign_of(first.at, first.len);
    if (protocol == FOREIGN_UNSURE) return true;
    c->is_known = true;
    if (protocol == FOREIGN_NONE) return true;
    count(c->turn->row, protocol);
    tell(c, protocol);
    if (protocol != FOREIGN_TLS) return true;
    client_end(c, "speaks TLS");
    return false;
}
