/* http: the HTTP server of --metrics, in the master's loop: GET and HEAD of a few pages.
 *
 * Embedded in the master, which owns it and stops it at its end and in each forked child. libmicrohttpd reads requests and writes answers; nothing
 * waits. I6: HTTP_CLIENTS clients at once, the next ones wait in the backlog; each takes HTTP_MEMORY bytes and the body of its answer, and
 * is closed after HTTP_PATIENCE seconds in which it sends or takes nothing, and after HTTP_LIMIT seconds without a whole request,
 * or HTTP_HURRY seconds while all places are taken.
 */
#ifndef MOONGATE_MASTER_HTTP_H
#define MOONGATE_MASTER_HTTP_H

#include "net/listener.h"
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    HTTP_CLIENTS = 64,
    HTTP_MEMORY = 32 * 1024,
    HTTP_PATIENCE = 10,
    HTTP_LIMIT = 30,
    HTTP_HURRY = 1,
    HTTP_PARAMETERS = 8
};

struct MHD_Daemon;

/* A request for a page. Valid during the call of its function. */
struct http_request {
    const char *path;
    bool is_near; /* the reader is on this machine; see http.c */
    size_t parameters_n;
    struct http_parameter {
        const char *name, *value;  /* decoded; value "" where there is none */
    } parameters[HTTP_PARAMETERS]; /* of the query; those beyond are left out */
};

/* The answer. The function fills it in. */
struct http_answer {
    unsigned status;   /* 200 unless set */
    const char *type;  /* of the body; static; text unless set */
    const char *extra; /* the value of a Content-Security-Policy; static; NULL: none */
    char *body;        /* by malloc; http frees it. NULL: 500 */
    size_t len;
};

typedef void http_page_fn(void *arg, const struct http_request *request,
                          struct http_answer *answer);

struct http_page {
    const char *path;
    http_page_fn *answer;
};

/* A client's connection; see http.c. */
struct http_peer {
    int fd;       /* -1: free */
    double since; /* the end of its last request, or its beginning; of the loop's clock */
};

struct http {
    struct ev_loop *loop;
    const struct http_page *pages; /* the last one has a NULL path */
    void *arg;                     /* for the pages' functions */
    size_t listeners_n;
    struct http_listener {
        struct http *http;
        struct MHD_Daemon *daemon;
        ev_io io;
    } * listeners;   /* owned; one for each listening socket */
    ev_timer timer;  /* of all of them */
    bool has_closed; /* a connection, since MHD_run was called */
    double limit;    /* HTTP_LIMIT; less in tests */
    struct http_peer peers[HTTP_CLIENTS];
};

/* Serves pages on all sockets, which stay the caller's: an upgrade may hand them on. NULL or no sockets: it does nothing. False, after a
 * line in the log, when it cannot. */
bool http_init(struct http *h, struct ev_loop *loop, const struct listeners *sockets,
               const struct http_page *pages, void *arg);

/* No client comes in any more; those that are there get their answers. */
void http_shut(struct http *h);

/* Ends all. Allowed twice, and without http_init when all bytes are zero. */
void http_stop(struct http *h);

/* In a forked child: closes its copies of the descriptors, and touches nothing that is shared with the master. */
void http_leave(struct http *h);

/* The value of a parameter; NULL: it was not given. */
const char *http_parameter(const struct http_request *request, const char *name);

/* A body of text, with status and the type text/plain. */
void http_say(struct http_answer *answer, unsigned status, const char *text);

#endif
