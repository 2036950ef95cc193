#include "backend/texts.h"

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

const char *failure_as_twemproxy(const char *reason)
{
    static const char no_socket[] = "no socket: ";
    if (strncmp(reason, no_socket, sizeof no_socket - 1) == 0) return reason + sizeof no_socket - 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(reason, rows[i].begins, strlen(rows[i].begins)) == 0) return rows[i].text;
    return reason;
}

const char *failure_text(const struct backend *b, const char *reason, char text[FAILURE_ROOM])
{
    if (b->settings.texts == TEXTS_TWEMPROXY)
        snprintf(text, FAILURE_ROOM, "%s", failure_as_twemproxy(reason));
    else
        snprintf(text, FAILURE_ROOM, "%s %s", b->name, reason);
    return text;
}
