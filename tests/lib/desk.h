/* desk: an operator at an admin socket of moongate, who types lines.
 *
 * Belongs to the stage. A desk is a client (lib/client.h) that speaks another protocol.
 */
#ifndef TESTS_LIB_DESK_H
#define TESTS_LIB_DESK_H

#include "lib/client.h"
#include "lib/moongate.h"

/* A path for an admin socket, in a folder of the test. */
const char *desk_path(const char *name);

/* Connects; the socket must be there. */
struct client *desk_opens(const char *path);

/* Sends a line and gives the whole answer, its last line (END, ERROR ..., {"ok":...}) included. */
const char *desk_asks(struct client *c, const char *line);

/* The same, without sending. */
const char *desk_sees_answer(struct client *c);

/* The answer must have that text in it. Returns it. */
const char *desk_gets(struct client *c, const char *line, const char *text);

/* The answer must not have it. */
void desk_lacks(struct client *c, const char *line, const char *text);

/* Asks until the answer has that text. */
void desk_asks_until(struct client *c, const char *line, const char *text);

#endif
