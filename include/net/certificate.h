/* certificate: what log lines and commands show of a certificate: its name and when it expires. A plain value; pure functions of bytes. Any process. */
#ifndef MOONGATE_NET_CERTIFICATE_H
#define MOONGATE_NET_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/io.h"

enum { CERTIFICATE_NAME = 128, CERTIFICATE_DATE = 32 };

/* Seconds before it expires from when on people are warned. */
enum { CERTIFICATE_WARNS = 14 * 24 * 3600 };

struct certificate {
    char name
        [CERTIFICATE_NAME]; /* its common name, else its first alternative name, else its subject; printable */
    int64_t
        expires; /* seconds since 1970: the earliest of all that stand there, as a chain is worth nothing without one of them */
    int64_t begins; /* the latest */
};

/* Of a chain in PEM form: its first certificate. False: there is none. */
bool certificate_read(struct certificate *to, struct span pem);

/* `2026-12-24 12:00:00 UTC`. Returns text. */
const char *certificate_date(int64_t seconds, char text[CERTIFICATE_DATE]);

/* What is wrong with it at that time, as `has expired on ...: give another one`; "" for nothing. Returns text. */
enum { CERTIFICATE_WARNING = 128 };
const char *certificate_warning(const struct certificate *c, int64_t now,
                                char text[CERTIFICATE_WARNING]);

#endif
