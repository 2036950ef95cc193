/* auth: how a client of the text protocol says who it is: a set whose value is `user password`, as memcached -Y takes it. Pure functions.
 *
 * The set may be for any key; key, flags and exptime are not looked at, and words behind the length neither, noreply among them. The spans
 * point into the bytes that were parsed. Owns nothing.
 */
#ifndef MOONGATE_PROTOCOL_AUTH_H
#define MOONGATE_PROTOCOL_AUTH_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the value. memcached takes up to 16 KiB, of which no more than user and password are looked at. */
enum { AUTH_VALUE_MAX = 2048 };

enum auth_status {
    AUTH_AGAIN,   /* not whole yet: parse it again when there are more bytes */
    AUTH_TRY,     /* user and password came: they are to be compared */
    AUTH_REFUSED, /* answer `error`, and go on */
    AUTH_CLOSE    /* answer `error` if there is one, and close */
};

struct auth_name {
    const uint8_t *at;
    size_t len;
};

struct auth_parse {
    enum auth_status status;
    size_t consumed;                 /* bytes that were taken (0 for AGAIN) */
    size_t need;                     /* AGAIN: the length in all, 0: not known */
    struct auth_name user, password; /* TRY: each has a byte or more */
    const char *error;               /* the line to answer, with CRLF; static; NULL: none */
};

/* The answers to a TRY. */
#define AUTH_STORED  "STORED\r\n"
#define AUTH_FAILURE "CLIENT_ERROR authentication failure\r\n"

/* Takes the first line in bytes[0..len), and its value when it is such a set; len > 0. */
struct auth_parse auth_parse(const uint8_t *bytes, size_t len);

#endif
