/* backend: a memcached server played by the test, line by line.
 *
 * Belongs to the stage. It accepts by itself and answers the `version` and the `mn` that moongate sends
 * first on each connection; everything after that is up to the play. What the play says about "the backend"
 * concerns its current link: the oldest connection that neither side has been seen to end. With `-j
 * 1` and one connection there is no other.
 */
#ifndef TESTS_LIB_BACKEND_H
#define TESTS_LIB_BACKEND_H

#include "lib/peer.h"

struct backend;
struct secure;
struct secure_wanted;

struct backend *backend_listens(void); /* on a free port of 127.0.0.1 */
struct backend *
backend_listens_unix(void); /* on a socket file: what it sends can be seen to be read */

/* What it answers to `version` and `mn` from now on (NULL: it ends a connection that asks mn), and how many of the two it is asked; else
 * 1.6.45's, which is asked for a key by `get`: versions from 1.6.10 to 1.6.34 are asked by `mg`. */
void backend_is(struct backend *b, unsigned probes, const char *version, const char *noop);

/* What it answers, by itself, to the `stats` and the `stats settings` that moongate asks for on connections of their own: NULL, nothing;
 * unless told otherwise, END. A dump of keys comes on one of its own, too, and is the play's: see backend_turns_to_input. */
void backend_tells(struct backend *b, const char *stats, const char *settings);

/* New connections speak TLS so (lib/secure.h), or plainly (NULL), from now on; *wanted lives as long as the test. How the last one that
 * was made does; NULL: there is none, or it does not. */
void backend_secures(struct backend *b, const struct secure_wanted *wanted);
struct secure *backend_secure(struct backend *b);

/* Waits until the handshake of the nth connection (from 1) has failed: why, as OpenSSL says it. */
const char *backend_sees_handshake_fail(struct backend *b, unsigned nth);

/* Answers with that text, but the last n bytes of its TLS record do not come. */
void backend_answers_cut(struct backend *b, const char *text, size_t n);

/* As a script names it: `127.0.0.1:4711`, `unix:/tmp/...`. */
const char *backend_address(const struct backend *b);

/* The next n bytes, the next line (without its end). */
void backend_sees(struct backend *b, const char *text);
void backend_sees_bytes(struct backend *b, const void *bytes, size_t n);
char *backend_sees_line(struct backend *b);

void backend_answers(struct backend *b, const char *text);
void backend_answers_bytes(struct backend *b, const void *bytes, size_t n);
void backend_answers_in_pieces(struct backend *b, const void *bytes, size_t n, size_t piece);

/* Sends as much as goes now, and the rest while others act. */
void backend_begins_to_answer(struct backend *b, const void *bytes, size_t n);

void backend_answers_on_all_links(struct backend *b, const char *text);

/* Nothing has come so far; says nothing about what is under way. */
void backend_has_nothing_yet(struct backend *b);
bool backend_has_input(const struct backend *b);

/* Moongate closes the current link; what it sent before and nobody looked at does not matter. */
void backend_sees_closed(struct backend *b);

/* The backend closes the current link, at once with a reset if asked. */
void backend_closes(struct backend *b);
void backend_resets(struct backend *b);

/* All links but the current one. */
void backend_closes_other_links(struct backend *b);

/* Waits for links made since the beginning and validated. */
void backend_sees_links(struct backend *b, unsigned n);
unsigned backend_links(const struct backend *b);

/* Nothing has come so far on any link. */
void backend_has_nothing_anywhere(struct backend *b);

/* The current link is now the first one on which something has come; gives its place, from 0. */
unsigned backend_turns_to_input(struct backend *b);

/* New connections are accepted, but `version` is not answered; from now on it is again. */
void backend_stays_silent(struct backend *b);
void backend_speaks_again(struct backend *b);

/* Refuses connections / takes them again, at the same address. Links stay. */
void backend_stops_listening(struct backend *b);
void backend_listens_again(struct backend *b);

/* The current link's input stays in the kernel, in a small buffer. */
void backend_stops_reading(struct backend *b);
void backend_reads_again(struct backend *b);

/* For moongate_start: waits until every backend that the text names has so many links open. */
void backends_have_links(const char *text, unsigned n);

#endif
