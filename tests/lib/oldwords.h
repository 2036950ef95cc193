/* oldwords: how an oldserver understands a line, and what it answers.
 *
 * A struct oldsession is one connection's end of the conversation; it owns nothing. Answers are added to `out`.
 */
#ifndef TESTS_LIB_OLDWORDS_H
#define TESTS_LIB_OLDWORDS_H

#include <stdbool.h>

#include "lib/octets.h"
#include "lib/olditems.h"

/* What a server makes of meta commands: they are unknown; they are of an early form; it closes, as on all that it does not
 * know. */
enum oldmeta { META_UNKNOWN, META_EARLY, META_CLOSES };

struct oldtraits {
    const char *version; /* what `version` is answered, line end included */
    enum oldmeta meta;
    bool has_gat;
};

/* What is to come behind the line, before the next one: nothing, a value, bytes to throw away. */
enum oldrest { REST_NONE, REST_VALUE, REST_THROWN_AWAY };

enum { OLDWORDS_RETURNED = 320 };

struct oldsession {
    const struct oldtraits *traits;
    struct olditems *items;
    struct octets *out;
    enum oldrest rest;
    size_t rest_n; /* with the line end */
    struct oldstore store;
    bool is_noreply;                  /* the next answer is kept back */
    bool is_meta;                     /* the value is one of an early ms, */
    char returned[OLDWORDS_RETURNED]; /* which is answered with these flags */
    bool wants_end;
};

/* Executes a line, without its end. */
void oldwords_execute(struct oldsession *s, const char *line);

/* Stores the value that has come: store.n bytes and what should be a line end. */
void oldwords_take_value(struct oldsession *s, const char *data);

/* For oldmeta.c. */
enum { OLDWORDS_TOKENS = 24 };
void oldwords_answer(struct oldsession *s, const char *text);
void oldmeta_execute(struct oldsession *s, char *tokens[OLDWORDS_TOKENS], size_t n);
bool oldwords_number(const char *text, int64_t *number);

#endif
