/* The bytes behind the header belong to TLS or to a request, so the kernel keeps them until their own reader comes: the header is looked
 * at first (MSG_PEEK), and then exactly its bytes are taken. A part of one is taken at once, too, and kept: left in the socket, it
 * would wake the loop again and again until the rest has come. */
#include "client/relayed.h"

#include <string.h>
#include <sys/socket.h>

#include "client/crowd.h"
#include "client/entry.h"
#include "client/state.h"
#include "net/proxy.h"

/* A socket that has no peer any more counts as one of a balancer: the next read finds its end. */
bool relayed_is_awaited(const struct client *c)
{
    struct addr addr = {.len = sizeof addr.sa};
    const struct rules *r = c->rules;
    if (!r || r->proxy_from.n == 0) return false;
    if (getpeername(c->stream.fd, &addr.sa.any, &addr.len) < 0) return true;
    return networks_hold(&r->proxy_from, &addr);
}

static void refuse(struct client *c, const char *wrong)
{
    char address[ADDR_TEXT_MAX];
    c->turn->row->proxy_header_errors++;
    if (log_allows(&c->set->entry_lines, c->turn->now))
        log_warn("client %s at listener %s: closed: PROXY header: %s (its address is in "
                 "proxy-from, proxy_protocol)",
                 client_address(c, address), client_listener(c), wrong);
    client_close(c, "its PROXY header is wrong");
}

/* Of a health check the balancer's own address counts, which is trusted; and where a header tells no address, that of the balancer. */
static bool is_admitted(const struct client *c, const struct proxy_header *h)
{
    const struct networks *allowed = &c->rules->allow_from;
    struct addr addr = h->from;
    if (allowed->n == 0 || h->is_local) return true;
    if (addr.len == 0) {
        addr.len = sizeof addr.sa;
        if (getpeername(c->stream.fd, &addr.sa.any, &addr.len) < 0) return false;
    }
    return networks_hold(allowed, &addr);
}

static void deny(struct client *c)
{
    char address[ADDR_TEXT_MAX];
    c->turn->row->denied_connections++;
    if (log_allows(&c->set->entry_lines, c->turn->now))
        log_warn("client %s: closed: listener %s does not take it (--allow-from, allow_from)",
                 client_address(c, address), client_listener(c));
    client_close(c, "its address is not allowed");
}

static void take(struct client *c, const struct proxy_header *h)
{
    if (!h->is_local) {
        struct who *who = client_who(c);
        who->is_relayed = true;
        who->from = h->from;
    }
    if (!is_admitted(c, h)) {
        deny(c);
        return;
    }
    client_passes(c);
    if (!h->is_local) (void)crowd_takes_address(c, false);
}

static void count(struct client *c, size_t n)
{
    c->turn->row->bytes_read += n;
    c->counts->bytes_read += n;
    c->bytes_read += n;
}

/* bytes has room for a header, and begins with the `had` bytes that came before. */
static enum io_status read_some(struct client *c, uint8_t *bytes, size_t had)
{
    ssize_t n = recv(c->stream.fd, bytes + had, PROXY_HEADER_MAX - had, MSG_PEEK);
    enum io_status status = io_status_of(n);
    struct proxy_header h = proxy_parse(bytes, had + (status == IO_OK ? (size_t)n : 0));
    size_t wanted = status != IO_OK ? 0 : h.status == PROXY_OK ? h.len - had : (size_t)n;
    if (wanted > 0 && recv(c->stream.fd, bytes + had, wanted, 0) != (ssize_t)wanted)
        return IO_ERROR;
    count(c, wanted);
    if (status == IO_OK && h.status == PROXY_BAD) {
        refuse(c, h.wrong);
        return IO_OK;
    }
    bool is_part = status != IO_OK || h.status == PROXY_AGAIN;
    inbuf_keep(&c->in, c->turn->arena, bytes, is_part ? had + wanted : 0, 0);
    client_note_unfinished(c, wanted);
    if (!is_part) take(c, &h);
    return status;
}

enum io_status relayed_read(struct client *c)
{
    uint8_t bytes[PROXY_HEADER_MAX];
    size_t had = 0;
    if (c->in.kept) {
        struct span kept = inbuf_take(&c->in, c->turn->arena);
        memcpy(bytes, kept.at, kept.len);
        had = kept.len;
    }
    return read_some(c, bytes, had);
}
