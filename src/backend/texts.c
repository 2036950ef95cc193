#include "backend/texts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* twemproxy says the text of the errno with which it closed the connection (src/nc_message.c: msg_get_error), and "unknown" where there was
 * none: the server closed it. What the system says is the reason here too, so only the reasons of moongate's own have a row. A reason
 * that twemproxy does not know, such as "too many calls wait", stays. Measured with 0.5.0 by tests/e2e/servers/eject_test.c. */
static const struct {
    const char *begins;
    const char *text;
} rows[] = {
    {"closed by the server", "unknown"},
    {"timeout", "Connection timed out"},
    {"connect timeout", "Connection timed out"},
    {"no answer to ", "Connection timed out"},
    {"stalled", "Connection timed out"},
    {"not resolved: ", "Host is down"},
    {"desync: ", "Invalid argument"},
};

static bool begins(const char *reason, const char *with)
{
    return strncmp(reason, with, strlen(with)) == 0;
}

const char *failure_as_twemproxy(const char *reason)
{
    static const char no_socket[] = "no socket: ";
    if (begins(reason, no_socket)) return reason + sizeof no_socket - 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (begins(reason, rows[i].begins)) return rows[i].text;
    return reason;
}

/* --- mcrouter -------------------------------------------------------------------------------------- */

/* What mcrouter of 2026-08 says of a call that it has sent, and, where its own reason takes a server out, the name of that reason, which it
 * says of each call until the server is back. Sources, below mcrouter/: lib/network/McClientRequestContext-inl.h 82-112 (timeouts),
 * lib/network/AsyncMcClientImpl.cpp 538-620 and 661-794 (connections), lib/network/SocketUtil.cpp 233-255 (names: the text says no more),
 * lib/network/AsyncMcClientImpl-inl.h 26-33 (limits), routes/DestinationRoute.h 171-180 and lib/McResUtil.h 105-126 (servers that are out),
 * lib/network/AsciiSerialized.cpp 17-68 (results without a text of their own). Of a connection that breaks, mcrouter's text has the
 * addresses of both ends: here it is the result alone, as of all that mcrouter does not know. What put_failure says of connecting is of
 * folly/io/async/: handleConnect and timeoutExpired in AsyncSocket.cpp, getMessage in AsyncSocketException.cpp. */
static const struct {
    const char *begins;
    const char *text; /* NULL: put_failure has it */
    const char *out;
} mcrouter_rows[] = {
    {"timeout", "Reply timeout", "mc_res_timeout"},
    {"stalled", "Reply timeout", "mc_res_timeout"},
    {"no answer to ", "Reply timeout", "mc_res_timeout"},
    {"connect timeout", NULL, "mc_res_connect_timeout"},
    {"not resolved: ", "AsyncSocketException: AsyncMcClient, type = Socket not open",
     "mc_res_connect_error"},
    {"no socket: ", "connection error", "mc_res_connect_error"},
    {"closed by the server", "Connection closed by the server.", NULL},
    {"kept down by ", "unavailable", NULL},
    {"too many bytes wait", "local error", NULL},
    {"moongate ends", "aborted", NULL},
    {"removed", "aborted", NULL},
    {"moved", "aborted", NULL},
};

/* Those that connect gives: a connection that was made ends with others. */
static const int connect_errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN,
                                     ENETDOWN,     ENOENT,       EACCES,      EPERM,
                                     EAGAIN,       EADDRNOTAVAIL};

static int connect_error(const char *reason)
{
    for (size_t i = 0; i < sizeof connect_errors / sizeof *connect_errors; i++)
        if (strcmp(reason, strerror(connect_errors[i])) == 0) return connect_errors[i];
    return 0;
}

static void put_failure(const struct backend *b, const char *reason, char text[FAILURE_ROOM])
{
    int error = connect_error(reason);
    if (strcmp(reason, "too many calls wait") == 0)
        snprintf(text, FAILURE_ROOM, "Max pending requests (%u) reached for destination \"%s\".",
                 b->settings.depth, b->name);
    else if (strcmp(reason, "connect timeout") == 0)
        snprintf(text, FAILURE_ROOM,
                 "Timed out when trying to connect to server. Ex: AsyncSocketException: connect "
                 "timed out after %.0fms, type = Timed out",
                 b->settings.connect_timeout * 1000);
    else if (error)
        snprintf(text, FAILURE_ROOM,
                 "AsyncSocketException: connect failed, type = Socket not open, errno = %d (%s)",
                 error, reason);
    else
        snprintf(text, FAILURE_ROOM, "remote error");
}

static void put_as_mcrouter(const struct backend *b, const char *reason, bool is_refused,
                            char text[FAILURE_ROOM])
{
    const char *said = NULL, *out = NULL;
    for (size_t i = 0; i < sizeof mcrouter_rows / sizeof *mcrouter_rows; i++) {
        if (!begins(reason, mcrouter_rows[i].begins)) continue;
        said = mcrouter_rows[i].text;
        out = mcrouter_rows[i].out;
    }
    if (!said && !out && connect_error(reason)) out = "mc_res_connect_error";
    if (is_refused && out)
        snprintf(text, FAILURE_ROOM, "Server unavailable. Reason: %s", out);
    else if (said)
        snprintf(text, FAILURE_ROOM, "%s", said);
    else
        put_failure(b, reason, text);
}

/* --- a call ------------------------------------------------------------------------------------------ */

static const char *text_of(const struct backend *b, const char *reason, bool is_refused,
                           char text[FAILURE_ROOM])
{
    if (b->settings.texts == TEXTS_MCROUTER)
        put_as_mcrouter(b, reason, is_refused, text);
    else if (b->settings.texts == TEXTS_TWEMPROXY)
        snprintf(text, FAILURE_ROOM, "%s", failure_as_twemproxy(reason));
    else
        snprintf(text, FAILURE_ROOM, "%s %s", b->name, reason);
    return text;
}

const char *failure_text(const struct backend *b, const char *reason, char text[FAILURE_ROOM])
{
    return text_of(b, reason, false, text);
}

const char *refusal_text(const struct backend *b, const char *reason, char text[FAILURE_ROOM])
{
    return text_of(b, reason, true, text);
}
