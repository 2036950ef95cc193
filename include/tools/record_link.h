/* record_link: the session on the admin socket by which `moongate ctl record` begins a recording, gets the descriptor from which it reads,
 * and learns of its end.
 *
 * A struct record_link is embedded in the tool, which owns it and calls record_link_close. The descriptor that comes is its caller's.
 */
#ifndef MOONGATE_TOOLS_RECORD_LINK_H
#define MOONGATE_TOOLS_RECORD_LINK_H

#include "net/addr.h"
#include <stdbool.h>
#include <stddef.h>

enum { RECORD_LINK_ERROR = 1024 };

struct record_link {
    int fd; /* -1: no session */
    char bytes[4096];
    size_t len;
    char error[RECORD_LINK_ERROR];
};

enum link_event {
    LINK_NONE,
    LINK_BEGUN,      /* *data is the descriptor, non-blocking */
    LINK_ENDED,      /* the service has ended the recording: the answer is whole */
    LINK_TAKEN_OVER, /* another process serves now */
    LINK_REFUSED,    /* error: what the service says */
    LINK_CLOSED      /* the session has ended without a word */
};

/* Connects and sends the command (with its line's end). False: error says why not. */
bool record_link_open(struct record_link *l, const struct addr_spec *spec, double deadline,
                      const char *command) __attribute__((warn_unused_result));

/* Reads what has come; to be called again until LINK_NONE. After LINK_ENDED and those below it the session is closed. */
enum link_event record_link_read(struct record_link *l, int *data);

/* Ends the recording: its answer comes. */
void record_link_end(struct record_link *l);

void record_link_close(struct record_link *l);

#endif
