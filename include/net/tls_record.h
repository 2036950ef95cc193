/* tls_record: where the records in a piece of TLS's byte stream end. A pure function of bytes that owns nothing. */
#ifndef MOONGATE_NET_TLS_RECORD_H
#define MOONGATE_NET_TLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TLS_RECORD_HEAD = 5,
    TLS_RECORD_DATA = 16384, /* bytes that one may carry */
    TLS_HELLO_MAX = 16384,   /* bytes of a client's first message */
    TLS_RECORD_MAX = TLS_RECORD_HEAD + TLS_RECORD_DATA + 2048, /* of one, encrypted (RFC 5246) */
};

struct tls_records {
    size_t
        whole; /* bytes of the records that are whole. Those behind a head that is wrong count as whole: OpenSSL refuses them. */
    size_t missing; /* bytes that the record behind them lacks, as far as it is known: at least 1 */
};

struct tls_records tls_records_of(const uint8_t *at, size_t len);

/* Whether a client's first bytes may be TLS. len > 0. */
bool tls_record_may_begin(const uint8_t *at, size_t len);

/* How much of a client's first message (ClientHello) is to come. 0: a message begins with the next record. */
struct tls_hello {
    uint32_t missing;
};

/* Follows those messages through len bytes of whole records. False: one says that it is longer than TLS_HELLO_MAX; or a record ends before the
 * message has said how long it is, or has more behind it. Other messages are left to OpenSSL. */
bool tls_hello_follow(struct tls_hello *hello, const uint8_t *at, size_t len);

#endif
