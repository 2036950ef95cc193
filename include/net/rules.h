/* rules: what a listener asks of the clients that come by it, as its words in --bind or mg.listen say (net/bind.h).
 *
 * Read from the words' text by the master, which accepts, and by the worker, which gets the text with each client and keeps one
 * struct for each text. It owns its networks; the last rules_give frees it. One process.
 *
 *   text = [ word { "," word } ]       each word once
 *   word = "tls=" ( "on" | "off" | "mutual" ) | "protocol=" ( "auto" | "text" | "binary" ) | "auth=off"
 *        | "allow-from=" networks | "proxy-from=" networks           networks: net/networks.h, with '+' between them
 */
#ifndef MOONGATE_NET_RULES_H
#define MOONGATE_NET_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/networks.h"

enum { RULES_TEXT_MAX = 2048 }; /* bytes of a text, with the end */

enum rules_tls {
    RULES_TLS_DEFAULT, /* nothing is said: plain. With --tls-cert, TCP listeners have ON among their rules */
    RULES_TLS_OFF,    /* notls: */
    RULES_TLS_ON,     /* tls: */
    RULES_TLS_MUTUAL, /* mtls: the client must have a certificate */
};

enum rules_protocol { RULES_PROTOCOL_AUTO, RULES_PROTOCOL_TEXT, RULES_PROTOCOL_BINARY };

struct rules {
    uint32_t references;
    char *text; /* that it was read from; owned */
    enum rules_tls tls;
    enum rules_protocol protocol;
    bool no_auth;               /* auth=off */
    struct networks allow_from; /* n 0: everybody */
    struct networks proxy_from; /* whose connections begin with a PROXY header; n 0: nobody's */
};

/* Reads a text. *to is the caller's reference then. Returns NULL, or a sentence that says what is wrong, valid until the next call in
 * this thread; *to is NULL then. */
const char *rules_parse(struct rules **to, const char *text);

/* The words `own`, and those of `others` that they do not name: what an item says, and what holds for all listeners. is_unix: without
 * proxy-from=, allow-from= of the others is left out, since it says nothing of a unix socket; so is tls=. NULL, or a sentence. */
const char *rules_merge(char to[RULES_TEXT_MAX], const char *own, const char *others, bool is_unix);

/* Another reference. NULL is allowed, and stays NULL. */
struct rules *rules_take(struct rules *r);

/* Drops one. NULL is allowed. */
void rules_give(struct rules *r);

/* Rules by their texts, each once. Embedded in its owner, which releases it; it holds a reference to each. */
struct rules_set {
    struct rules **items; /* owned, as are the references */
    uint32_t n;
};

/* The rules with that text; the caller gets a reference of its own. NULL: the text cannot be read: it comes from another version. */
struct rules *rules_of(struct rules_set *set, const char *text);

void rules_set_release(struct rules_set *set);

#endif
