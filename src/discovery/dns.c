/* DNS over c-ares (1.18 and later), driven by the loop.
 *
 * There are two channels of c-ares: `hosts` reads /etc/hosts only, and answers before its function returns; `servers` sends
 * queries. c-ares asks for its sockets to be watched (on_socket_state) and has one timeout for all (set_timer). Every query
 * has one answer: c-ares calls back even when its channel is destroyed, and the query is freed there.
 */
#include "discovery/dns.h"

#include <arpa/nameser.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/slab.h"

/* Seconds. /etc/hosts has no times to live: it is read again this often. */
static const double HOSTS_TTL = 10.0;

static const char RESOLV_CONF[] = "/etc/resolv.conf";

/* A socket of c-ares, while c-ares wants to read or write. The watcher is stopped before c-ares closes the socket. */
struct dns_socket {
    struct dns_socket *next;
    ev_io io;
};

/* A query without an answer yet. c-ares holds the pointer, and its callback frees the query. */
struct query {
    struct dns *dns;
    dns_done_fn *done;
    void *owner;
    enum dns_kind kind;
};

/* --- the loop ---------------------------------------------------------------------------------- */

/* One timer, for the next thing that c-ares must do if nothing arrives: to retry, or to give up. */
static void set_timer(struct dns *d)
{
    struct timeval until;
    ev_timer_stop(d->loop, &d->timer);
    if (!d->open || !ares_timeout(d->servers, NULL, &until)) return;
    ev_timer_set(&d->timer, (double)until.tv_sec + (double)until.tv_usec / 1e6, 0);
    ev_timer_start(d->loop, &d->timer);
}

static void on_socket(struct ev_loop *loop, ev_io *io, int events)
{
    struct dns *d = io->data;
    int fd = io->fd; /* the watcher may be freed in the call */
    (void)loop;
    ares_process_fd(d->servers, events & EV_READ ? fd : ARES_SOCKET_BAD,
                    events & EV_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(d);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct dns *d = timer->data;
    (void)loop;
    (void)events;
    ares_process_fd(d->servers, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(d);
}

/* Called by c-ares: what to watch a socket for. Nothing means that c-ares closes it next. */
static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct dns *d = data;
    int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);
    struct dns_socket **at = &d->sockets;
    while (*at && (*at)->io.fd != fd) at = &(*at)->next;
    struct dns_socket *s = *at;
    if (!s && !events) return;
    if (!s) {
        s = slab_borrow(sizeof *s);
        s->next = NULL;
        ev_io_init(&s->io, on_socket, fd, events);
        s->io.data = d;
        *at = s;
    }
    ev_io_stop(d->loop, &s->io);
    if (events) {
        ev_io_set(&s->io, fd, events);
        ev_io_start(d->loop, &s->io);
        return;
    }
    *at = s->next;
    slab_return(s, sizeof *s);
}

/* --- life -------------------------------------------------------------------------------------- */

/* A number that changes with the file; 0: there is none. */
static uint64_t conf_stamp(void)
{
    struct stat s;
    if (stat(RESOLV_CONF, &s) < 0) return 0;
    return (uint64_t)s.st_mtim.tv_sec * 1000000007u + (uint64_t)s.st_mtim.tv_nsec +
           (uint64_t)s.st_ino * 31u + (uint64_t)s.st_size;
}

/* NULL, or why there are no channels. Only `servers` has sockets, so only it gets the callback for them. */
static const char *open_channels(struct dns *d)
{
    char both[] = "b", files[] = "f";
    struct ares_options o = {.timeout = (int)(d->settings.timeout * 1000),
                             .tries = (int)d->settings.tries,
                             .lookups = files};
    d->conf_stamp = conf_stamp();
    int rc = ares_init_options(&d->hosts, &o, ARES_OPT_LOOKUPS);
    if (rc != ARES_SUCCESS) return ares_strerror(rc);
    o.lookups = both;
    o.sock_state_cb = on_socket_state;
    o.sock_state_cb_data = d;
    rc = ares_init_options(&d->servers, &o,
                           ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS |
                               ARES_OPT_TRIES);
    if (rc != ARES_SUCCESS) return ares_strerror(rc);
    if (d->settings.servers) rc = ares_set_servers_ports_csv(d->servers, d->settings.servers);
    return rc == ARES_SUCCESS ? NULL : ares_strerror(rc);
}

static void close_channels(struct dns *d)
{
    if (d->servers) ares_destroy(d->servers);
    if (d->hosts) ares_destroy(d->hosts);
    d->servers = d->hosts = NULL;
}

/* Name servers may change while moongate runs: when /etc/resolv.conf has changed and no query is open, it is read again. */
static void refresh_channels(struct dns *d)
{
    if (d->open || (!d->wrong && d->conf_stamp == conf_stamp())) return;
    close_channels(d);
    d->wrong = open_channels(d);
}

void dns_init(struct dns *d, struct ev_loop *loop, const struct dns_settings *settings)
{
    *d = (struct dns){.loop = loop, .settings = *settings};
    ev_init(&d->timer, on_timer);
    d->timer.data = d;
    ares_library_init(ARES_LIB_INIT_ALL);
    d->wrong = open_channels(d);
    if (d->wrong) log_error("names: cannot be looked up: %s", d->wrong);
}

void dns_release(struct dns *d)
{
    close_channels(d);
    ev_timer_stop(d->loop, &d->timer);
    assert(!d->open && !d->sockets);
    ares_library_cleanup();
}

/* --- answers ----------------------------------------------------------------------------------- */

/* In the words of an operator, for the log and for clients. */
static const char *reason_of(int status)
{
    switch (status) {
    case ARES_ENODATA: return "the name has no such record";
    case ARES_ENOTFOUND: return "no such name";
    case ARES_ETIMEOUT: return "the name servers do not answer";
    case ARES_ECONNREFUSED: return "no name server can be reached, or all fail";
    case ARES_ESERVFAIL: return "the name server failed";
    case ARES_EREFUSED: return "the name server refuses to answer";
    case ARES_EDESTRUCTION: return "moongate is exiting";
    default: return ares_strerror(status);
    }
}

/* An answer without records. Only what a name server said for certain is DNS_EMPTY. */
static struct dns_answer none_of(int status)
{
    bool known = status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_SUCCESS;
    return (struct dns_answer){.status = known ? DNS_EMPTY : DNS_FAILED,
                               .reason = reason_of(status == ARES_SUCCESS ? ARES_ENODATA : status)};
}

/* Ports come with the watch, so that watches with different ports can share a name. */
static void add_node(struct dns_answer *a, const struct ares_addrinfo_node *node)
{
    union dns_record *record = &a->records[a->n];
    struct addr *addr = &record->addr;
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) return;
    memset(record, 0, sizeof *record);
    memcpy(&addr->sa, node->ai_addr, (size_t)node->ai_addrlen);
    addr->len = (socklen_t)node->ai_addrlen;
    addr_set_port(addr, 0);
    if (node->ai_ttl < a->ttl) a->ttl = node->ai_ttl;
    a->n++;
}

/* Answers with the addresses. Their time to live is the least of theirs and of the aliases that led to them. */
static void answer_addresses(const struct query *q, struct ares_addrinfo *found, double ttl)
{
    struct dns_answer a = {.status = DNS_GOOD, .ttl = ttl};
    uint32_t n = 0;
    for (struct ares_addrinfo_node *node = found->nodes; node; node = node->ai_next) n++;
    if (n > DNS_RECORDS_MAX) n = DNS_RECORDS_MAX;
    a.records = calloc(n, sizeof *a.records);
    if (!a.records) abort();
    for (struct ares_addrinfo_node *node = found->nodes; node && a.n < n; node = node->ai_next)
        add_node(&a, node);
    for (struct ares_addrinfo_cname *alias = found->cnames; alias; alias = alias->next)
        if (alias->ttl < a.ttl) a.ttl = alias->ttl;
    q->done(q->owner, q->kind, &a);
    free(a.records);
}

static void answer_none(const struct query *q, int status)
{
    struct dns_answer none = none_of(status);
    q->done(q->owner, q->kind, &none);
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct query *q = arg;
    (void)timeouts;
    assert(q->dns->open > 0);
    q->dns->open--;
    if (status == ARES_SUCCESS && found && found->nodes)
        answer_addresses(q, found, INT32_MAX);
    else
        answer_none(q, status);
    if (found) ares_freeaddrinfo(found);
    slab_return(q, sizeof *q);
}

/* The response comes as bytes: dns_read_srv also reads the times to live. */
static void on_srv(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
    struct query *q = arg;
    struct dns_answer a = {.status = DNS_GOOD};
    (void)timeouts;
    assert(q->dns->open > 0);
    q->dns->open--;
    if (status == ARES_SUCCESS) {
        a.records = calloc(DNS_RECORDS_MAX, sizeof *a.records);
        if (!a.records) abort();
        if (!dns_read_srv(bytes, len, a.records, DNS_RECORDS_MAX, &a.n, &a.ttl))
            status = ARES_EBADRESP;
    }
    if (status == ARES_SUCCESS && a.n)
        q->done(q->owner, q->kind, &a);
    else
        answer_none(q, status);
    free(a.records);
    slab_return(q, sizeof *q);
}

/* --- queries ----------------------------------------------------------------------------------- */

/* c-ares opens sockets to sort addresses, and the resolver sorts them anyway. */
static const struct ares_addrinfo_hints any_address = {
    .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

void dns_query(struct dns *d, const char *name, enum dns_kind kind, dns_done_fn *done, void *owner)
{
    struct ares_addrinfo_hints hints = any_address;
    assert(name[0] && strlen(name) < DNS_NAME_MAX);
    refresh_channels(d);
    if (d->wrong) {
        done(owner, kind, &(struct dns_answer){.status = DNS_FAILED, .reason = d->wrong});
        return;
    }
    struct query *q = slab_borrow(sizeof *q);
    *q = (struct query){d, done, owner, kind};
    d->open++;
    if (kind == DNS_SRV) {
        ares_search(d->servers, name, ns_c_in, ns_t_srv, on_srv, q);
    } else {
        hints.ai_family = kind == DNS_IPV4 ? AF_INET : AF_INET6;
        ares_getaddrinfo(d->servers, name, NULL, &hints, on_addresses, q);
    }
    set_timer(d);
}

struct hosts_look {
    struct query query;
    bool found;
};

static void on_hosts(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct hosts_look *look = arg;
    (void)timeouts;
    look->found = status == ARES_SUCCESS && found && found->nodes;
    if (look->found) {
        for (struct ares_addrinfo_node *node = found->nodes; node; node = node->ai_next)
            node->ai_ttl = (int)HOSTS_TTL;
        answer_addresses(&look->query, found, HOSTS_TTL);
    }
    if (found) ares_freeaddrinfo(found);
}

/* A literal address is its own answer, for ever. */
static bool answer_literal(const char *name, dns_done_fn *done, void *owner)
{
    struct addr_spec spec;
    union dns_record record = {0};
    struct dns_answer a = {.status = DNS_GOOD, .records = &record, .n = 1, .ttl = INT32_MAX};
    if (addr_spec_parse_host(&spec, name, strlen(name))) return false;
    if (!addr_spec_is_literal(&spec, 0, &record.addr)) return false;
    done(owner, DNS_IPV4, &a);
    return true;
}

bool dns_query_hosts(struct dns *d, const char *name, dns_done_fn *done, void *owner)
{
    struct hosts_look look = {{d, done, owner, DNS_IPV4}, false};
    if (answer_literal(name, done, owner)) return true;
    if (d->wrong) return false;
    ares_getaddrinfo(d->hosts, name, NULL, &any_address, on_hosts, &look);
    return look.found;
}
