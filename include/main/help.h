/* help: what `moongate --help` and `moongate help` print. Owns nothing; errors of the stream show when it is flushed. */
#ifndef MOONGATE_MAIN_HELP_H
#define MOONGATE_MAIN_HELP_H

#include <stdio.h>

/* Prints usage, the commands and the table of options with their defaults. */
void help_print(FILE *out);

#endif
