#include "client/state.h"

#include <stdio.h>
#include <sys/socket.h>

#include "net/addr.h"

bool client_sane(const struct client *c)
{
    return (c->state == CLIENT_CLOSED) == (c->fd < 0) && (c->head == NULL) == (c->owed == 0);
}

void client_set_state(struct client *c, enum client_state state, const char *reason)
{
    c->state = state;
    c->reason = reason;
}

void client_end(struct client *c, const char *reason)
{
    client_set_state(c, CLIENT_ENDING, reason);
    client_mark_dirty(c);
}

void client_mark_dirty(struct client *c)
{
    if (c->dirty || c->state == CLIENT_CLOSED) return;
    c->dirty = true;
    c->next_dirty = c->set->dirty;
    c->set->dirty = c;
}

/* --- what it holds ----------------------------------------------------------------------------- */

void client_note_reply(struct client *c, size_t n)
{
    size_t less = c->usual - c->usual / 64;
    c->usual = n > less ? n : less;
}

void client_check_held(struct client *c)
{
    if (client_holds_too_much(c)) client_mark_dirty(c);
}

/* Bytes that make a client busy: less than these now and then is no progress. */
enum { PROGRESS = 4096 };

void client_note_unfinished(struct client *c, size_t came)
{
    struct clients *set = c->set;
    size_t held = inbuf_held(&c->in);
    if (held == 0 && c->unfinished == 0) return;
    c->progress += came;
    if (c->unfinished == 0 || c->progress >= PROGRESS) {
        c->busy_at = c->turn->now;
        c->progress = 0;
    }
    set->unfinished += held - c->unfinished;
    c->turn->row->unfinished_bytes = set->unfinished;
    c->unfinished = held;
}

const char *client_address(const struct client *c, char *text)
{
    struct addr addr = {.len = sizeof addr.sa};
    if (getpeername(c->fd, &addr.sa.any, &addr.len) < 0)
        snprintf(text, ADDR_TEXT_MAX, "(gone)");
    else if (addr_is_unix(&addr))
        snprintf(text, ADDR_TEXT_MAX, "unix"); /* clients have no path */
    else
        addr_print(&addr, text);
    return text;
}
