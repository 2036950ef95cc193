/* HTTP by libcurl's multi interface: libcurl says which descriptors it waits for and until when, and the loop calls it when
 * that comes.
 *
 * Callbacks of libcurl only note what has come; `serve` calls the owners after libcurl has returned. An owner may end requests
 * there, so the search for the next one starts over after each call.
 */
#include "discovery/http_client.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/slab.h"
#include "net/keepalive.h"

/* Seconds of silence after which the kernel asks whether the server's machine is still there. */
static const double KEEPALIVE = 10;

enum { ROOM_FIRST = 4096, OLDEST = 0x075500 /* libcurl 7.85: CURLOPT_PROTOCOLS_STR */ };

/* --- the library --------------------------------------------------------------------------------- */

#define CURL_FUNCTIONS(X)                                                                          \
    X(version_info)                                                                                \
    X(global_init)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_strerror)                                                                               \
    X(easy_cleanup)                                                                                \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(multi_init)                                                                                  \
    X(multi_setopt)                                                                                \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_socket_action)                                                                         \
    X(multi_info_read)                                                                             \
    X(multi_assign)                                                                                \
    X(multi_cleanup)

/* Of the process. `library` is set once all functions are. */
static struct {
    void *library;
#define X(name) __typeof__(curl_##name) *name;
    CURL_FUNCTIONS(X)
#undef X
} curl;

/* POSIX lets what dlsym returns be called, ISO C does not: the bytes are copied. */
static bool find(void *library, const char *name, void *to)
{
    void *found = dlsym(library, name);
    memcpy(to, &found, sizeof found);
    return found != NULL;
}

const char *http_load(void)
{
    static char wrong[300];
    if (curl.library) return NULL;
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(wrong, sizeof wrong, "it needs libcurl (install libcurl4): %.200s", dlerror());
        return wrong;
    }
#define X(name)                                                                                    \
    if (!find(library, "curl_" #name, &curl.name)) return "libcurl has no function curl_" #name;
    CURL_FUNCTIONS(X)
#undef X
    const curl_version_info_data *version = curl.version_info(CURLVERSION_NOW);
    if (version->version_num < OLDEST) {
        snprintf(wrong, sizeof wrong, "libcurl %.20s is too old: it needs 7.85 or later",
                 version->version);
        return wrong;
    }
    /* Not CURL_GLOBAL_DEFAULT: OpenSSL is set up by itself, and moongate uses it too. */
    if (curl.global_init(CURL_GLOBAL_NOTHING)) return "libcurl does not start";
    curl.library = library;
    return NULL;
}

static void check(bool good)
{
    if (!good) abort(); /* out of memory: the master starts a new worker */
}

/* --- what libcurl says --------------------------------------------------------------------------- */

/* A descriptor that libcurl waits for. */
struct http_socket {
    struct http_socket *next;
    struct http_client *client;
    ev_io io;
};

static void serve(struct http_client *h);

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct http_socket *s = io->data;
    struct http_client *h = s->client; /* s may be freed within */
    int running, mask = 0;
    (void)loop;
    if (events & EV_READ) mask |= CURL_CSELECT_IN;
    if (events & EV_WRITE) mask |= CURL_CSELECT_OUT;
    curl.multi_socket_action(h->multi, io->fd, mask, &running);
    serve(h);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct http_client *h = timer->data;
    int running;
    (void)loop;
    (void)events;
    curl.multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    serve(h);
}

static void drop_socket(struct http_client *h, struct http_socket *s)
{
    for (struct http_socket **at = &h->sockets; *at; at = &(*at)->next) {
        if (*at != s) continue;
        *at = s->next;
        break;
    }
    ev_io_stop(h->loop, &s->io);
    slab_return(s, sizeof *s);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *known)
{
    struct http_client *h = owner;
    struct http_socket *s = known;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s) drop_socket(h, s);
        return 0;
    }
    if (!s) {
        s = slab_borrow(sizeof *s);
        *s = (struct http_socket){.next = h->sockets, .client = h};
        ev_init(&s->io, on_io);
        s->io.data = s;
        h->sockets = s;
        curl.multi_assign(h->multi, fd, s);
    }
    ev_io_stop(h->loop, &s->io);
    ev_io_set(&s->io, fd,
              (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    if (what != CURL_POLL_NONE) ev_io_start(h->loop, &s->io);
    return 0;
}

/* At once means by the loop: libcurl must not be entered again from here. */
static int watch_timer(CURLM *multi, long after, void *owner)
{
    struct http_client *h = owner;
    (void)multi;
    ev_timer_stop(h->loop, &h->timer);
    if (after < 0) return 0;
    ev_timer_set(&h->timer, (double)after / 1000, 0);
    ev_timer_start(h->loop, &h->timer);
    return 0;
}

/* The descriptor is closed in children, as all of moongate's are, and notices a machine that is gone. */
static curl_socket_t open_socket(void *owner, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)owner;
    (void)purpose;
    int fd = socket(a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
    if (fd >= 0) keepalive_set(fd, KEEPALIVE);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static size_t take_bytes(char *from, size_t size, size_t n, void *owner)
{
    struct http_request *r = owner;
    (void)size; /* always 1 */
    if (n > r->most - r->len) {
        r->is_too_long = true;
        return 0;
    }
    if (r->len + n > r->room) {
        r->room = r->room ? r->room : ROOM_FIRST;
        while (r->room < r->len + n) r->room *= 2;
        r->bytes = realloc(r->bytes, r->room);
        check(r->bytes);
    }
    memcpy(r->bytes + r->len, from, n);
    r->len += n;
    r->has_news = true;
    return n;
}

/* --- what owners are told ------------------------------------------------------------------------ */

/* A sentence without numbers that change from try to try: a failure is logged when its reason changes. */
static const char *reason_of(struct http_request *r)
{
    long error = 0;
    if (r->result == CURLE_OK) return NULL;
    if (r->is_too_long) return "its answer is too long";
    curl.easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &error);
    switch (r->result) {
    case CURLE_COULDNT_CONNECT: return error ? strerror((int)error) : "it cannot be connected";
    case CURLE_OPERATION_TIMEDOUT: return "it did not answer in time";
    case CURLE_GOT_NOTHING: return "it closed the connection without an answer";
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: /* an alert of TLS 1.3 comes behind the handshake */
        if (strstr(r->error, "SSL")) return r->error;
        return "it closed the connection within an answer";
    case CURLE_PARTIAL_FILE: return "it closed the connection within an answer";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return "its answer is not HTTP";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR: return r->error[0] ? r->error : "TLS failed";
    default: return curl.easy_strerror(r->result);
    }
}

static void note_results(struct http_client *h)
{
    CURLMsg *message;
    int left;
    while ((message = curl.multi_info_read(h->multi, &left))) {
        for (struct http_request *r = h->first; r; r = r->next) {
            if (r->easy != message->easy_handle) continue;
            r->is_over = true;
            r->result = message->data.result;
        }
    }
}

static struct http_request *find_news(const struct http_client *h)
{
    struct http_request *r = h->first;
    while (r && !r->is_over && !(r->has_news && r->on_bytes)) r = r->next;
    return r;
}

/* Ends r as http_end does, but keeps its bytes for the call. */
static void finish(struct http_request *r);

static void serve(struct http_client *h)
{
    struct http_request *r;
    note_results(h);
    while ((r = find_news(h))) {
        curl.easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &r->status);
        r->has_news = false;
        if (r->is_over) {
            char wrong[CURL_ERROR_SIZE];
            const char *reason = reason_of(r);
            if (reason) snprintf(wrong, sizeof wrong, "%s", reason);
            finish(r);
            r->on_done(r->owner, r, reason ? wrong : NULL);
        } else if (r->status == 200) {
            r->on_bytes(r->owner, r);
        }
    }
}

/* --- requests ------------------------------------------------------------------------------------ */

static void set_number(CURL *easy, CURLoption option, long number)
{
    check(curl.easy_setopt(easy, option, number) == CURLE_OK);
}

static void set_pointer(CURL *easy, CURLoption option, const void *pointer)
{
    check(curl.easy_setopt(easy, option, pointer) == CURLE_OK);
}

static void add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl.slist_append(*list, line);
    check(longer);
    *list = longer;
}

static long milliseconds(double seconds)
{
    return seconds < 1e6 ? (long)(seconds * 1000) + 1 : 1000000000;
}

static void set_blob(CURL *easy, CURLoption option, const struct secret *from)
{
    struct curl_blob blob = {from->bytes, from->len, CURL_BLOB_NOCOPY};
    if (from->bytes) check(curl.easy_setopt(easy, option, &blob) == CURLE_OK);
}

/* The CAs of the system are read once a day for each client. */
static void set_tls(struct http_request *r, const struct discovery_access *access)
{
    set_number(r->easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_number(r->easy, CURLOPT_SSL_VERIFYPEER, !access->any_certificate);
    set_number(r->easy, CURLOPT_SSL_VERIFYHOST, access->any_certificate ? 0 : 2);
    set_blob(r->easy, CURLOPT_CAINFO_BLOB, &access->ca);
    set_blob(r->easy, CURLOPT_SSLCERT_BLOB, &access->cert);
    set_blob(r->easy, CURLOPT_SSLKEY_BLOB, access->key.bytes ? &access->key : &access->cert);
}

static void set_target(struct http_request *r, const struct http_ask *ask)
{
    char text[1024], address[ADDR_TEXT_MAX];
    const char *scheme = ask->access->is_secure ? "https" : "http";
    snprintf(text, sizeof text, "%s://%s%s", scheme, ask->host, ask->path);
    set_pointer(r->easy, CURLOPT_URL, text);
    /* Every host and port of a URL is this address. A number is not looked up. */
    snprintf(text, sizeof text, "::%s", addr_print(ask->addr, address));
    add_line(&r->connect_to, text);
    set_pointer(r->easy, CURLOPT_CONNECT_TO, r->connect_to);
    set_pointer(r->easy, CURLOPT_PROXY, "");
    set_pointer(r->easy, CURLOPT_PROTOCOLS_STR, scheme);
    set_number(r->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
}

static void set_content(struct http_request *r, const struct http_ask *ask)
{
    char text[HTTP_TOKEN_MAX + 32];
    add_line(&r->headers, "Content-Type: application/json");
    add_line(&r->headers, "Expect:");
    add_line(&r->headers, ask->header);
    if (ask->token[0]) {
        snprintf(text, sizeof text, "Authorization: %s", ask->token);
        add_line(&r->headers, text);
    }
    set_pointer(r->easy, CURLOPT_HTTPHEADER, r->headers);
    set_pointer(r->easy, CURLOPT_USERAGENT, "moongate/" MOONGATE_VERSION);
    set_number(r->easy, CURLOPT_POST, 1);
    set_number(r->easy, CURLOPT_POSTFIELDSIZE, (long)ask->len);
    set_pointer(r->easy, CURLOPT_COPYPOSTFIELDS, ask->body);
}

/* Functions go through a pointer to one: curl_easy_setopt takes any. */
static void set_callbacks(struct http_request *r)
{
    check(curl.easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK);
    check(curl.easy_setopt(r->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK);
    set_pointer(r->easy, CURLOPT_WRITEDATA, r);
    set_pointer(r->easy, CURLOPT_ERRORBUFFER, r->error);
}

void http_post(struct http_client *h, struct http_request *r, const struct http_ask *ask)
{
    assert(!r->client && r->on_done);
    http_end(r);
    r->easy = curl.easy_init();
    check(r->easy);
    r->status = 0;
    r->most = ask->most;
    r->error[0] = '\0';
    set_target(r, ask);
    set_content(r, ask);
    set_callbacks(r);
    if (ask->access->is_secure) set_tls(r, ask->access);
    set_number(r->easy, CURLOPT_NOSIGNAL, 1);
    set_number(r->easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(ask->connect_timeout));
    if (ask->timeout > 0) set_number(r->easy, CURLOPT_TIMEOUT_MS, milliseconds(ask->timeout));
    r->client = h;
    r->next = h->first;
    h->first = r;
    check(curl.multi_add_handle(h->multi, r->easy) == CURLM_OK);
}

static void finish(struct http_request *r)
{
    for (struct http_request **at = &r->client->first; *at; at = &(*at)->next) {
        if (*at != r) continue;
        *at = r->next;
        break;
    }
    curl.multi_remove_handle(r->client->multi, r->easy);
    curl.easy_cleanup(r->easy);
    curl.slist_free_all(r->headers);
    curl.slist_free_all(r->connect_to);
    r->client = NULL;
    r->easy = NULL;
    r->headers = r->connect_to = NULL;
    r->is_over = r->has_news = r->is_too_long = false;
}

void http_end(struct http_request *r)
{
    if (r->client) finish(r);
    free(r->bytes);
    r->bytes = NULL;
    r->len = r->room = 0;
}

void http_take(struct http_request *r, size_t n)
{
    assert(n <= r->len);
    r->len -= n;
    memmove(r->bytes, r->bytes + n, r->len);
}

void http_client_init(struct http_client *h, struct ev_loop *loop)
{
    assert(curl.library);
    *h = (struct http_client){.loop = loop, .multi = curl.multi_init()};
    check(h->multi);
    ev_init(&h->timer, on_timer);
    h->timer.data = h;
    curl.multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl.multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl.multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
    curl.multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl.multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 1L);
}

void http_client_release(struct http_client *h)
{
    while (h->first) http_end(h->first);
    curl.multi_cleanup(h->multi);
    while (h->sockets) drop_socket(h, h->sockets);
    ev_timer_stop(h->loop, &h->timer);
}
