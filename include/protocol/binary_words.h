/* binary_words: requests of the text and meta protocol as frames of the binary one, and the frames that answer them as responses of
 * classic text commands. Pure functions; they own nothing, and what they return points into the bytes that they were given.
 *
 * For servers that are spoken to in the binary protocol. A meta request becomes a frame, too; its answer goes by classic text
 * to meta (protocol/classic.h), with the cas that the frame has. What a frame cannot say exactly fails as in classic.h.
 */
#ifndef MOONGATE_PROTOCOL_BINARY_WORDS_H
#define MOONGATE_PROTOCOL_BINARY_WORDS_H

#include "protocol/binary.h"
#include "protocol/classic.h"
#include "protocol/request.h"
#include "protocol/response.h"

enum { BINARY_EXTRAS_MAX = 20 };

/* A request as a frame. */
struct binary_words {
    enum classic_status status;
    const char *error;        /* as of struct classic */
    struct classic_what what; /* the same */
    uint8_t opcode;           /* never 0 */
    uint8_t command;          /* SAID: the classic command (enum command) that it is */
    size_t len;               /* of the head with the extras */
    uint8_t head[BINARY_HEAD + BINARY_EXTRAS_MAX];
    const uint8_t *key; /* follow the head: the key, then r's value */
    size_t key_len;
};

/* r: one key, valid (I4), the key of a meta command decoded; or flush_all, stats. The opaque is 0. */
struct binary_words binary_say(const struct request *r);

/* The frame that reads a key, as binary_say makes it of a get, for one that is asked again. */
struct binary_words binary_say_get(const uint8_t *key, size_t len);

/* A frame without extras: version, SASL. value_len: that follows the key. */
struct binary_words binary_say_bare(uint8_t opcode, const char *key, size_t key_len,
                                    size_t value_len);

/* Writes the opaque into a head. */
void binary_set_opaque(uint8_t *head, uint32_t opaque);

/* A frame of a server. */
struct binary_response {
    uint8_t opcode, extras_len;
    uint16_t status, key_len;
    uint32_t opaque;
    uint64_t cas;
    const uint8_t *extras, *key, *value;
    size_t value_len;
    size_t len; /* of all of it; AGAIN: 0 where the head is cut */
};

/* I3: what is no frame of a server is INVALID, and so is one whose value has more than max_value bytes (I6). */
enum response_status binary_read(const uint8_t *bytes, size_t len, size_t max_value,
                                 struct binary_response *r);

/* The bytes that binary_text needs. */
size_t binary_text_room(const struct binary_response *r, size_t key_len);

/* Writes the response that a classic command with that key would have got to `to`, and fills *text. Of a VALUE without its END. with_cas:
 * a VALUE has the cas. False: no such command has such an answer (I3). */
bool binary_text(unsigned command, const uint8_t *key, size_t key_len,
                 const struct binary_response *r, bool with_cas, uint8_t *to,
                 struct response *text);

#endif
