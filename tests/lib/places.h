/* places: two real servers, a and b, behind one policy at a time; with a table of all policies that says where requests belong.
 *
 * Belongs to the stage. Each cell of a test has a key of its own, so that nothing is left over from the one before. What a
 * policy does behind an answer's back is over once places_settle returns.
 */
#ifndef TESTS_LIB_PLACES_H
#define TESTS_LIB_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/client.h"

/* What a policy does with the other place once a cas was compared, and was the item's. */
enum copies {
    NOTHING,     /* it is not asked */
    GETS_SAME,   /* it gets the same, without the cas */
    GETS_DELETE, /* it forgets the key */
    IS_SPARE,    /* it is not asked, and for other requests that belong to one place neither */
    IS_LEFT,     /* a delete is a delete there too, else it is not asked */
};

struct policy_row {
    const char *policy; /* the file in lua/moongate/routes */
    const char *route;
    char
        judge; /* a, b: where a cas is compared, and read; *: in one of both, by the key; -: nowhere, that is an error */
    enum copies copies;
    enum {
        TELLS = 1, /* what the places say */
        BLIND,     /* a miss, whatever they say */
        REFUSES,   /* an error */
        IS_OVER,   /* a is at its limit, so b tells */
    } tells;
};

extern const struct policy_row policy_rows[];
extern const size_t policy_rows_n;

struct places {
    const struct policy_row *row;
    struct moongate *m;
    struct client *by;    /* asks moongate */
    struct client *of[2]; /* asks a, b */
    unsigned keys, failures;
    const char *key;    /* of the cell */
    const char *base64; /* the same */
};

struct places *places_open(void);

/* PLACES=stores, or the program's name ends with _stores_test: a and b are stores of moongate's own (the Makefile makes such names). Then a policy that wants
 * pools is left out. */
bool places_are_stores(void);
bool places_take(const struct policy_row *row);

/* From now on it is about that policy; `dead`: the name of the place that is dead, or 0. */
void places_have(struct places *p, const struct policy_row *row, char dead);

/* Another cell: a new key, which those of a and b have that `in` names ("ab"), with the values 10 and 20. */
void places_cell(struct places *p, const char *in);

/* A request of this cell: % stands for its key, $ for its key in base64, # for that cas. */
const char *places_request(const struct places *p, const char *form, unsigned long cas);

/* Sends it and gives all lines of the answer, each with a bar behind it. */
const char *places_ask(struct client *c, const char *request);

/* An answer with % where the cell's key stands. */
const char *places_without_key(const struct places *p, const char *answer);

/* All that was begun has ended. */
void places_settle(struct places *p);

/* What the place 0 or 1 has under the cell's key. */
struct place_item {
    char value[16];    /* "": nothing, or an empty one */
    unsigned long cas; /* 0: nothing */
};
struct place_item places_item(struct places *p, int place);

/* The place of the row's judge for the cell's key, which both have. */
int places_judge(struct places *p);

/* The cas that an answer shows, of any form; 0: none. */
unsigned long places_shown_cas(const char *answer);

/* Prints a cell that fails, and why. The test goes on with the next one, and fails in places_close, which ends it. */
void places_fail(struct places *p, const char *request, const char *answer, const char *why);
void places_close(struct places *p);

#endif
