/* path: the way of one request through a script's routes, step by step, for people: functions, policies, a pool or a reply.
 *
 * A plain value that the caller owns; {0} is an empty one. walk.c and the router fill it. Any process that has a script.
 */
#ifndef MOONGATE_ROUTE_PATH_H
#define MOONGATE_ROUTE_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum { PATH_ROOM = 2048, PATH_FAILURE_MAX = 4096 };

/* Invariant: text[0..len) is whole steps, each with its NUL. */
struct path {
    size_t len;
    bool is_cut; /* steps were left out */
    char text[PATH_ROOM];
    char failure[PATH_FAILURE_MAX]; /* what the script raised, with its traceback; "": nothing */
};

/* One more step, at the end; a path that is too long ends in "...". */
void path_add(struct path *p, const char *step, size_t len);

/* The step behind `step`, or the first for NULL; NULL behind the last. */
const char *path_next(const struct path *p, const char *step);

#endif
