/* translate: meta requests to a server that does not know meta commands, in classic words; their answers in those of meta.
 *
 * Owns nothing. Whether a request is translated is decided for each connection, as its server may be another one than that of the next
 * connection: by send for one that is READY; for a call that is held back, when it is let go. A translated call keeps its meta command:
 * its owner gets the answer to that one. See protocol/classic.h for what can be said.
 */
#ifndef MOONGATE_BACKEND_TRANSLATE_H
#define MOONGATE_BACKEND_TRANSLATE_H

#include "backend/taking.h"
#include "protocol/classic.h"

/* An answer that no server has given. */
struct own_answer {
    struct response response;
    uint8_t text[BACKEND_NAME_MAX + CLASSIC_LACKING_ROOM];
};

/* True: *said is r in the words of c's server, which does not know r's command. False: the answer for r's client is *answer. */
bool translate_request(const struct conn *c, const struct request *r, struct classic *said,
                       struct own_answer *answer);

/* The same for a call that c holds back: its bytes become those of the classic request. c's counts stay as they are: the caller
 * corrects held_bytes where the call is among c's. */
bool translate_held(const struct conn *c, struct call *call, struct own_answer *answer);

/* The answer where a request is REFUSED, with that line, or LACKING. */
void translate_answer_for(const struct backend *b, enum classic_status status, const char *error,
                          const struct classic_what *what, struct own_answer *answer);

/* What the answer to a call needs that kept its flags. */
struct classic_ask translate_ask(const struct call *call, const struct call_key *key);

/* The owner of the first call gets `whole`. r is what came. */
void translate_tell(struct intake *in, struct call_news *news, const struct response *whole,
                    const struct response *r);

/* Appends the line of the classic request with its end. */
size_t translate_write_line(const struct request *said, struct outq *to);

/* Uses the response at `at`, to the first call, which is a translated one. As take_next in intake.c. */
enum taken translate_take(struct intake *in, const uint8_t *at, struct response *r);

#endif
