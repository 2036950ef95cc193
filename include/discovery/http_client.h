/* http_client: POST requests over HTTP, by libcurl on the worker's loop.
 *
 * A struct http_client and its struct http_request are plain members of a source, which releases them; one client for each
 * source. libcurl is loaded (dlopen) by the first http_load of a process, and stays: its 18 libraries would double the time that every
 * moongate takes to start, and few need it. All that runs on the loop is not blocking: addresses are given as numbers, so
 * libcurl looks no name up and starts no thread. It sets no signal handler, follows no redirect, and reads no proxy from the
 * environment.
 *
 * Callbacks come from the loop, never from within libcurl or one of these functions: they may begin and end requests, also the one
 * that they are about.
 */
#ifndef MOONGATE_DISCOVERY_HTTP_CLIENT_H
#define MOONGATE_DISCOVERY_HTTP_CLIENT_H

#include <curl/curl.h>
#include <ev.h>

#include "discovery/access.h"
#include "net/addr.h"

/* NULL, or a sentence that says why there is no libcurl. */
const char *http_load(void);

struct http_socket;
struct http_request;

struct http_client {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer;
    struct http_socket *sockets;
    struct http_request *first; /* those that are under way */
};

/* Only after http_load has returned NULL. */
void http_client_init(struct http_client *h, struct ev_loop *loop);

/* Ends the requests that are under way. */
void http_client_release(struct http_client *h);

/* Bytes of an answer with status 200 that is not at its end have come; all of them so far, but for those that http_take has
 * removed, are in r->bytes. */
typedef void http_bytes_fn(void *owner, struct http_request *r);

/* It is over, and has been ended. wrong: NULL when a whole answer has come, of whatever r->status; or a sentence that says what happened,
 * valid until it returns. */
typedef void http_done_fn(void *owner, struct http_request *r, const char *wrong);

/* {0} before the first use. I6: holds at most `most` bytes of the answer. */
struct http_request {
    struct http_request *next;
    struct http_client *client; /* NULL: it is not under way */
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    http_bytes_fn *on_bytes; /* NULL: it waits for the whole answer */
    http_done_fn *on_done;
    void *owner;
    long status; /* of the answer; 0: none has come */
    char *bytes;
    size_t len, room, most;
    bool has_news, is_over, is_too_long;
    CURLcode result;
    char error[CURL_ERROR_SIZE];
};

/* What is asked, and of whom. Copied. */
enum { HTTP_TOKEN_MAX = 2048 };

struct http_ask {
    const struct addr *addr; /* where it goes */
    const char *host;        /* `host:port`, as the server knows itself */
    const char *path;        /* begins with a slash */
    const char *header;      /* a line of the head, without its end */
    const char *token;       /* of Authorization; "": none */
    const struct discovery_access
        *access; /* whether to speak TLS, and how; lives until it is over */
    const char *body;
    size_t len;
    double connect_timeout; /* seconds */
    double timeout;         /* of all; 0: none */
    size_t most;            /* bytes of the answer that are held */
};

/* Sends it. r is not under way, and its on_bytes, on_done and owner are set. What r->bytes held is gone. */
void http_post(struct http_client *h, struct http_request *r, const struct http_ask *ask);

/* Ends it, with its connection if the answer is not whole, without a callback. Nothing when it is not under way. Its bytes are
 * freed. */
void http_end(struct http_request *r);

/* Removes the first n bytes. */
void http_take(struct http_request *r, size_t n);

#endif
