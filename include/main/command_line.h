/* command_line: the daemon's own command line, read into struct options. Owns nothing; main alone calls it. */
#ifndef MOONGATE_MAIN_COMMAND_LINE_H
#define MOONGATE_MAIN_COMMAND_LINE_H

#include <stdbool.h>

#include "worker/options.h"

/* Fills o from the command line. On success returns true. On a usage error prints one line on stderr that names the
 * option, says what is wrong and what to do, and returns false (the caller exits EXIT_USAGE). A script and
 * --servers together, or neither, is a usage error (unless help, version or print_script). */
bool command_line_read(struct options *o, int argc, char **argv)
    __attribute__((warn_unused_result));

#endif
