/* record_asked: what `moongate ctl record` is asked for, from its options.
 *
 * Embedded in the tool, which owns it and calls record_asked_release where record_asked_read has said EXIT_OK.
 */
#ifndef MOONGATE_TOOLS_RECORD_ASKED_H
#define MOONGATE_TOOLS_RECORD_ASKED_H

#include "record/file.h"
#include "record/hasher.h"
#include "tools/ctl.h"

enum { RECORD_COMMAND_MOST = 2000 };

struct record_asked {
    enum recording_mode mode;
    double share;                      /* of the keys */
    char command[RECORD_COMMAND_MOST]; /* a line for the admin socket */
    bool hashes;
    struct hasher hasher; /* while `hashes` */
};

/* EXIT_OK, or a code after a complaint. */
int record_asked_read(struct record_asked *a, const struct ctl_options *o);
void record_asked_release(struct record_asked *a);

#endif
