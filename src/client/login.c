/* memcached's -Y for text clients: a set whose value is `user password` lets the client in, and any other line is refused; protocol/auth.h
 * reads them. Until then nothing of a client reaches the script, statistics or servers. What a client holds meanwhile is one line or
 * one value, LINE_MAX_BYTES + AUTH_VALUE_MAX at most (I6), and each answer is a constant line.
 *
 * memcached sends only the last of its answers to lines that came in one packet. Here each has its own (I1). */
#include "client/login.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "client/entry.h"
#include "client/reply.h"
#include "client/state.h"
#include "net/listener.h"
#include "net/users.h"
#include "protocol/auth.h"

/* A name that a client says may be anything: it is cut, and log_line shows its control bytes. */
enum { NAME_SHOWN = 64 };

static void warn(const struct client *c, const char *name, size_t len)
{
    char address[ADDR_TEXT_MAX];
    const char *listener = client_listener(c);
    if (!log_allows(&c->set->login_lines, c->turn->now)) return;
    log_warn("client %s%s%s: authentication failure: user \"%.*s\"%s: not such a user, or another "
             "password, in --auth-file",
             client_address(c, address), *listener ? " at listener " : "", listener,
             (int)(len < NAME_SHOWN ? len : NAME_SHOWN), name, len > NAME_SHOWN ? "..." : "");
}

bool login_try(struct client *c, const void *name, size_t name_len, const void *password,
               size_t password_len)
{
    struct board_row *row = c->turn->row;
    assert(c->entry >= ENTRY_AUTH && c->set->users);
    row->auth_cmds++;
    if (!users_know(c->set->users, name, name_len, password, password_len)) {
        row->auth_errors++;
        warn(c, name, name_len);
        return false;
    }
    /* What it has asked for before, as another user, is routed as that one's. */
    if (c->entry == ENTRY_IN && c->turn->used > 0) turn_route(c->turn);
    char identity[IDENTITY_MAX];
    snprintf(identity, sizeof identity, IDENTITY_USER "%.*s", (int)name_len, (const char *)name);
    if (!client_identify(c, identity)) {
        client_end(c, "too many connections");
        return false;
    }
    if (c->entry == ENTRY_AUTH) client_passes(c);
    return true;
}

static const char *answer_of(struct client *c, const struct auth_parse *p)
{
    if (p->status != AUTH_TRY) return p->error;
    if (login_try(c, p->user.at, p->user.len, p->password.at, p->password.len)) return AUTH_STORED;
    return c->state == CLIENT_ENDING ? LISTENER_REFUSAL : AUTH_FAILURE;
}

static void answer(struct client *c, const struct auth_parse *p)
{
    const char *line = answer_of(c, p);
    c->requests++;
    c->turn->row->requests++;
    if (line) reply_at_once(c, COMMAND_NONE, line, strlen(line));
    if (c->turn->is_watched) sight_local(c, COMMAND_NONE, NULL);
    if (c->entry != ENTRY_IN) c->turn->row->client_errors++;
    if (p->status == AUTH_CLOSE) client_end(c, "not authenticated");
}

const uint8_t *login_take(struct client *c, const uint8_t *at, const uint8_t *end, bool *cut,
                          size_t *need)
{
    *cut = c->entry < ENTRY_AUTH; /* too few bytes to see which protocol it is */
    while (c->entry == ENTRY_AUTH && at < end && client_takes_requests(c) && client_has_room(c)) {
        struct auth_parse p = auth_parse(at, (size_t)(end - at));
        if (p.status == AUTH_AGAIN) {
            *cut = true;
            *need = p.need;
            return at;
        }
        answer(c, &p);
        at += p.consumed;
    }
    return at;
}
