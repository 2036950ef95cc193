/* command_line: the daemon's own command line, read into struct options. Owns nothing; main alone calls it. */
#ifndef MOONGATE_MAIN_COMMAND_LINE_H
#define MOONGATE_MAIN_COMMAND_LINE_H

#include <stdbool.h>

#include "worker/options.h"

/* Fills o; the caller releases it with options_release. False on a usage error, after one line on stderr that names the option,
 * says what is wrong and what to do; then nothing needs to be released, and the caller exits with EXIT_USAGE. A script and
 * --servers together, or neither, is a usage error (but for help, version and print_script). */
bool command_line_read(struct options *o, int argc, char **argv)
    __attribute__((warn_unused_result));

#endif
