/* result: how one request to one route ended. A plain value; nobody frees it: its pointers live during the call that passes
 * it. */
#ifndef MOONGATE_ROUTE_RESULT_H
#define MOONGATE_ROUTE_RESULT_H

#include "backend/call.h"
#include "net/outq.h"

/* name, bit, text for scripts, meaning */
#define RESULTS(X)                                                                                 \
    X(HIT, 0, "hit", "found, stored, done: what was asked for")                                    \
    X(MISS, 1, "miss", "not found")                                                                \
    X(REFUSED, 2, "refused", "a plain no: not stored, exists")                                     \
    X(DOWN, 3, "down", "the server is down")                                                       \
    X(BUSY, 4, "busy", "too much waits for the server")                                            \
    X(TIMEOUT, 5, "timeout", "no answer in time")                                                  \
    X(LOST, 6, "lost", "the connection broke while the call was in flight")                        \
    X(SERVER_ERROR, 7, "server_error", "the server answered SERVER_ERROR")                         \
    X(CLIENT_ERROR, 8, "client_error", "the server answered CLIENT_ERROR or ERROR")                \
    X(DENIED, 9, "denied", "a route answered with an error of its own")                            \
    X(SCRIPT, 10, "script", "the script raised an error")

enum result_kind {
#define X(name, bit, text, meaning) RESULT_##name = 1 << (bit),
    RESULTS(X)
#undef X
};

enum {
    RESULT_ANY_ERROR = RESULT_DOWN | RESULT_BUSY | RESULT_TIMEOUT | RESULT_LOST |
                       RESULT_SERVER_ERROR | RESULT_CLIENT_ERROR | RESULT_DENIED | RESULT_SCRIPT,
    /* Errors that another server may do better with. */
    RESULT_FAILS_OVER =
        RESULT_DOWN | RESULT_BUSY | RESULT_TIMEOUT | RESULT_LOST | RESULT_SERVER_ERROR,
};

/* Invariant: kind is one bit; news is the response, or NULL: a miss, or an error whose text is given, without CRLF.
 * is_whole: of an error, as in struct call_news. */
struct result {
    unsigned kind;
    const struct call_news *news;
    const char *text;
    size_t text_len;
    bool is_whole;
};

/* The text of RESULT_SCRIPT, in the answer to a client, too. Where an answer of a script has this very text, not a copy, the
 * script has raised an error. */
extern const char RESULT_SCRIPT_TEXT[];
enum { RESULT_SCRIPT_TEXT_LEN = sizeof "script error" - 1 };

/* Receives a result, once for each request. owner, place: as in struct flow_end, where the caller left them. */
typedef void result_fn(void *owner, uint32_t place, const struct result *result);

/* For assertions: what struct result promises. */
static inline bool result_sane(const struct result *result)
{
    return result->kind != 0 && (result->kind & (result->kind - 1)) == 0;
}

/* Whether one kind of result is worse than another: an error than a refusal, that than a miss, a miss than a hit. */
bool result_is_worse(unsigned kind, unsigned than);

/* The last news of a call, as a result. */
struct result result_from_news(const struct call_news *news);

#endif
