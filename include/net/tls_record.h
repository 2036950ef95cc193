/* tls_record: where the records in a piece of TLS's byte stream end. A pure function of bytes that owns nothing. */
#ifndef MOONGATE_NET_TLS_RECORD_H
#define MOONGATE_NET_TLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TLS_RECORD_HEAD = 5,
    TLS_RECORD_DATA = 16384,                                   /* bytes that one may carry */
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

#endif
