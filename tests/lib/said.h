/* said: what a program that ran to its end has said, on its standard output or error.
 *
 * Texts belong to the stage; each function fails the test when it is not so.
 */
#ifndef TESTS_LIB_SAID_H
#define TESTS_LIB_SAID_H

#include "lib/program.h"

void has(const char *text, const char *part);
void has_not(const char *text, const char *part);
void exits(struct run run, int code);

/* The same as this, or begins with it. */
void is_said(const char *text, const char *expected);
void begins_with(const char *text, const char *start);

size_t lines_of(const char *text);
const char *next_line(const char *line);

/* The value of a member of a line of JSON: a number, or a string without escapes. */
const char *json_member(const char *line, const char *name);
double json_member_number(const char *line, const char *name);

/* What a shell runs, with $MOONGATE. */
struct run shell_runs(const char *command);

#endif
