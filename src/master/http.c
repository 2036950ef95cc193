/* libmicrohttpd without threads: it has an epoll descriptor of its own, which is readable when one of its sockets has news. Then, and when
 * its time limit says so, MHD_run does what can be done without waiting.
 *
 * A fork copies the daemon with that descriptor, which is still the master's: the child must not call MHD_stop_daemon, since that takes the
 * sockets out of the set that both share. So it only closes what it has copies of: the epoll descriptor, and the clients' sockets, of
 * which a table is kept here. A client whose socket stayed open in a worker would not see the end of the connection. */
#include "master/http.h"

#include "base/log.h"
#include <assert.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const char TEXT[] = "text/plain; charset=utf-8";

/* --- answers ---------------------------------------------------------------------------------- */

void http_say(struct http_answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->type = TEXT;
    answer->body = strdup(text);
    answer->len = strlen(text);
}

const char *http_parameter(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->parameters_n; i++)
        if (strcmp(request->parameters[i].name, name) == 0) return request->parameters[i].value;
    return NULL;
}

static enum MHD_Result take_parameter(void *to, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    struct http_request *r = to;
    if (r->parameters_n == HTTP_PARAMETERS) return MHD_NO;
    r->parameters[r->parameters_n++] = (struct http_parameter){name, value ? value : ""};
    return MHD_YES;
}

/* Whether a Host is an address or localhost, with or without a port. NULL: there was none.
 *
 * A browser on this machine may be made to ask for http://some.example/ with a name that stands for 127.0.0.1, and would show the answer
 * to that page's script. It names the Host that it was given, so a reader that names another host is not near. */
static bool is_own_host(const char *host)
{
    static const char local[] = "localhost";
    if (!host || host[0] == '[') return true;
    size_t len = strcspn(host, ":");
    if (len == strlen(local) && strncasecmp(host, local, len) == 0) return true;
    return len > 0 && strspn(host, "0123456789.") == len;
}

/* Whether the peer's address is one of loopback. */
static bool is_on_loopback(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *any = info ? info->client_addr : NULL;
    if (!any) return false;
    if (addr_is_loopback(any)) return true;
    if (any->sa_family != AF_INET6) return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)any)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127;
}

/* The reader is on this machine itself: not behind a proxy on it, and not a page of another site in a browser on it. */
static bool is_near(struct MHD_Connection *connection)
{
    static const char *const proxies[] = {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"};
    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
        if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, proxies[i])) return false;
    const char *host =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    return is_on_loopback(connection) && is_own_host(host);
}

/* The pages that there are, for a reader who has asked for another one. */
static void say_not_found(const struct http *h, struct http_answer *answer)
{
    char text[512];
    int n = snprintf(text, sizeof text, "not found: there are");
    for (const struct http_page *p = h->pages; p->path && (size_t)n < sizeof text; p++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %s", p->path);
    if ((size_t)n < sizeof text) snprintf(text + n, sizeof text - (size_t)n, "\n");
    http_say(answer, MHD_HTTP_NOT_FOUND, text);
}

static void fill(struct http *h, struct MHD_Connection *connection, const char *path,
                 struct http_answer *answer)
{
    struct http_request request = {.path = path, .is_near = is_near(connection)};
    for (const struct http_page *p = h->pages; p->path; p++) {
        if (strcmp(p->path, path) != 0) continue;
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, &request);
        p->answer(h->arg, &request, answer);
        return;
    }
    say_not_found(h, answer);
}

/* Hands the body over. MHD_NO closes the connection. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, struct http_answer *answer)
{
    if (!answer->body) http_say(answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
    if (!answer->body) return MHD_NO;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->len, answer->body, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(answer->body);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            answer->type ? answer->type : TEXT);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->extra) MHD_add_response_header(response, "Content-Security-Policy", answer->extra);
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* It is called once with the headers, then again without a body: the second call answers, so that the connection can be used again.
 * Another method is answered at once, and its body is not read. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **state)
{
    static char seen;
    struct http *h = arg;
    struct http_answer answer = {.status = MHD_HTTP_OK};
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        http_say(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        return send_answer(connection, &answer);
    }
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*body_len > 0) { /* of a GET: not looked at */
        *body_len = 0;
        return MHD_YES;
    }
    fill(h, connection, path, &answer);
    return send_answer(connection, &answer);
}

/* --- connections ------------------------------------------------------------------------------ */

static int descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* The client with that descriptor; -1: a place that is free. NULL: none. */
static struct http_peer *peer_of(struct http *h, int fd)
{
    for (size_t i = 0; i < HTTP_CLIENTS; i++)
        if (h->peers[i].fd == fd) return &h->peers[i];
    return NULL;
}

/* Keeps the table of clients. */
static void on_connection(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *h = arg;
    int fd = descriptor_of(connection);
    bool begins = code == MHD_CONNECTION_NOTIFY_STARTED;
    if (fd < 0) return;
    if (!begins) h->has_closed = true;
    struct http_peer *p = peer_of(h, begins ? -1 : fd);
    if (p) *p = (struct http_peer){begins ? fd : -1, ev_now(h->loop)};
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct http *h = arg;
    int fd = descriptor_of(connection);
    struct http_peer *p = fd >= 0 ? peer_of(h, fd) : NULL;
    if (p) p->since = ev_now(h->loop);
}

/* How long a client may have had no whole request: less where all places are taken, since others wait for one. */
static double limit_of(struct http *h)
{
    size_t most = HTTP_CLIENTS / (h->listeners_n ? h->listeners_n : 1) * h->listeners_n, n = 0;
    for (size_t i = 0; i < HTTP_CLIENTS; i++) n += h->peers[i].fd >= 0;
    return n >= most && h->limit > HTTP_HURRY ? HTTP_HURRY : h->limit;
}

/* A client that sends or takes a byte now and then is never idle. libmicrohttpd closes it once its socket is shut down. */
static void cut_slow_ones(struct http *h, double limit)
{
    for (size_t i = 0; i < HTTP_CLIENTS; i++)
        if (h->peers[i].fd >= 0 && ev_now(h->loop) - h->peers[i].since > limit)
            shutdown(h->peers[i].fd, SHUT_RDWR);
}

/* When MHD_run is to be called at the latest.
 *
 * At its limit of connections the daemon no longer looks at its listening socket, and MHD_run turns to it again before it closes
 * connections, not after. So once one has been closed it is called again, in the loop's next turn: else clients would wait until another
 * client has news. */
static void set_timer(struct http *h)
{
    double limit = limit_of(h), patience = limit < HTTP_PATIENCE ? limit : HTTP_PATIENCE;
    MHD_UNSIGNED_LONG_LONG least = (MHD_UNSIGNED_LONG_LONG)(patience * 1e3);
    bool has_limit = false;
    cut_slow_ones(h, limit);
    if (h->has_closed) {
        h->has_closed = false;
        has_limit = true;
        least = 0;
    }
    for (size_t i = 0; i < h->listeners_n; i++) {
        MHD_UNSIGNED_LONG_LONG ms;
        if (!h->listeners[i].daemon || MHD_get_timeout(h->listeners[i].daemon, &ms) != MHD_YES)
            continue;
        has_limit = true;
        if (ms < least) least = ms;
    }
    ev_timer_stop(h->loop, &h->timer);
    if (!has_limit) return;
    ev_timer_set(&h->timer, (double)least * 1e-3, 0);
    ev_timer_start(h->loop, &h->timer);
}

static void run(struct http *h)
{
    for (size_t i = 0; i < h->listeners_n; i++)
        if (h->listeners[i].daemon) MHD_run(h->listeners[i].daemon);
    set_timer(h);
}

static void on_news(struct ev_loop *loop, ev_io *w, int events)
{
    struct http_listener *l = w->data;
    MHD_run(l->daemon);
    set_timer(l->http);
}

static void on_time(struct ev_loop *loop, ev_timer *w, int events)
{
    run(w->data);
}

/* What libmicrohttpd says of clients that send nonsense is of no use to an operator. */
static void be_silent(void *arg, const char *format, va_list arguments)
{
}

/* --- life ------------------------------------------------------------------------------------- */

/* The daemon closes the socket that it is given, so it gets a copy. */
static bool open_one(struct http *h, struct http_listener *l, int socket)
{
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return false;
    l->http = h;
    l->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER,
        be_silent, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CLIENTS / (unsigned)h->listeners_n, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)HTTP_PATIENCE, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        h, MHD_OPTION_END);
    if (!l->daemon) {
        close(fd);
        return false;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info);
    ev_io_init(&l->io, on_news, info->epoll_fd, EV_READ);
    l->io.data = l;
    ev_io_start(h->loop, &l->io);
    return true;
}

bool http_init(struct http *h, struct ev_loop *loop, const struct listeners *sockets,
               const struct http_page *pages, void *arg)
{
    *h = (struct http){.loop = loop, .pages = pages, .arg = arg, .limit = HTTP_LIMIT};
    for (size_t i = 0; i < HTTP_CLIENTS; i++) h->peers[i].fd = -1;
    ev_timer_init(&h->timer, on_time, 0, 0);
    h->timer.data = h;
    if (!sockets || sockets->n == 0) return true;
    h->listeners = calloc(sockets->n, sizeof *h->listeners);
    if (!h->listeners) return false;
    h->listeners_n = sockets->n;
    for (size_t i = 0; i < sockets->n; i++) {
        if (open_one(h, &h->listeners[i], sockets->items[i].fd)) continue;
        log_error("metrics: HTTP cannot be served: give the process more descriptors or memory");
        http_stop(h);
        return false;
    }
    set_timer(h);
    return true;
}

void http_shut(struct http *h)
{
    for (size_t i = 0; i < h->listeners_n; i++) {
        if (!h->listeners[i].daemon) continue;
        MHD_socket fd = MHD_quiesce_daemon(h->listeners[i].daemon);
        if (fd != MHD_INVALID_SOCKET) close(fd);
    }
    if (h->listeners_n > 0) set_timer(h);
}

static void forget(struct http *h)
{
    free(h->listeners);
    h->listeners = NULL;
    h->listeners_n = 0;
}

void http_stop(struct http *h)
{
    for (size_t i = 0; i < h->listeners_n; i++) {
        if (!h->listeners[i].daemon) continue;
        ev_io_stop(h->loop, &h->listeners[i].io);
        MHD_stop_daemon(h->listeners[i].daemon);
    }
    if (h->loop) ev_timer_stop(h->loop, &h->timer);
    forget(h);
}

void http_leave(struct http *h)
{
    for (size_t i = 0; i < h->listeners_n; i++) {
        const struct http_listener *l = &h->listeners[i];
        if (!l->daemon) continue;
        const union MHD_DaemonInfo *socket =
            MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_LISTEN_FD);
        ev_io_stop(h->loop, &h->listeners[i].io);
        if (socket && socket->listen_fd != MHD_INVALID_SOCKET) close(socket->listen_fd);
        close(l->io.fd);
    }
    for (size_t i = 0; i < HTTP_CLIENTS && h->listeners_n > 0; i++)
        if (h->peers[i].fd >= 0) close(h->peers[i].fd);
    if (h->loop) ev_timer_stop(h->loop, &h->timer);
    forget(h);
}
