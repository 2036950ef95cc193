/* spooler: a spooler played by the test: the socket in a folder on which workers say which deletes are to be kept (spool/words.h).
 *
 * Belongs to the stage. It answers HELLO by itself; everything else is up to the play. What the play says goes to the worker whose
 * packet was seen last, where it does not say that it goes to all.
 */
#ifndef TESTS_LIB_SPOOLER_H
#define TESTS_LIB_SPOOLER_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/words.h"

struct spooler;

/* In a new folder of the test. */
struct spooler *spooler_listens(void);

/* The option dir. */
const char *spooler_dir(const struct spooler *s);

/* What it says behind HELLO from now on: so many deletes wait for that server; 0: none. And whether it says READY. */
void spooler_has(struct spooler *s, const char *server, uint64_t n);
void spooler_stays_silent(struct spooler *s);
void spooler_speaks_again(struct spooler *s);

/* So many workers have said HELLO. */
void spooler_sees_links(struct spooler *s, unsigned n);

/* The next packet is that word about that server; its number. */
uint64_t spooler_sees(struct spooler *s, enum spool_word word, const char *server);

/* The next packet is a KEEP of that one line; its number. Of n lines, whatever they are: that of the last one. */
uint64_t spooler_sees_keep(struct spooler *s, const char *server, const char *line);
uint64_t spooler_sees_keeps(struct spooler *s, const char *server, unsigned n);

/* Nothing has come so far. */
void spooler_has_nothing_yet(struct spooler *s);

void spooler_says(struct spooler *s, enum spool_word word, uint64_t number, const char *server);
void spooler_says_all(struct spooler *s, enum spool_word word, uint64_t number, const char *server);
void spooler_refuses(struct spooler *s, const char *server, uint64_t number, const char *why);

/* Lines, NULL at the end, with their places from `first` on. */
void spooler_gives(struct spooler *s, const char *server, uint64_t first, ...)
    __attribute__((sentinel));

/* Bytes that are no packet. */
void spooler_says_garbage(struct spooler *s);

/* Ends its links and listens no more; listens again. */
void spooler_dies(struct spooler *s);
void spooler_is_back(struct spooler *s);

/* Ends its links but that of which a packet was seen last. */
void spooler_loses_others(struct spooler *s);

#endif
