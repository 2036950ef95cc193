/* alone: what follows when a server refuses a line with keys of several owners.
 *
 * Owns nothing: works on the struct of conn. Nobody can tell which key an error is about, so each key that was not answered yet is asked
 * for once more, by a call of its own, and the answer to that one is its owners', errors too.
 */
#ifndef MOONGATE_BACKEND_ALONE_H
#define MOONGATE_BACKEND_ALONE_H

#include "backend/conn.h"

/* The first call of c, a line with keys of several owners, was answered with error r: ends it, and asks again for the keys of owners
 * that still wait. An owner whose client has sent something behind the line that may write gets the error instead: its get must not
 * find that. blob: holds the bytes of r, or NULL. `closes`: the caller closes the connection next, and the gets wait for another one. */
void alone_ask(struct conn *c, const struct response *r, struct blob *blob, bool closes);

#endif
