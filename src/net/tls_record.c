#include "net/tls_record.h"

enum { CHANGE_CIPHER_SPEC = 20, HANDSHAKE = 22, HEARTBEAT = 24, MAJOR = 3 };

static bool is_head(const uint8_t *at, size_t length)
{
    return at[0] >= CHANGE_CIPHER_SPEC && at[0] <= HEARTBEAT && at[1] == MAJOR &&
           length <= TLS_RECORD_MAX - TLS_RECORD_HEAD;
}

struct tls_records tls_records_of(const uint8_t *at, size_t len)
{
    size_t whole = 0;
    while (len - whole >= TLS_RECORD_HEAD) {
        const uint8_t *head = at + whole;
        size_t length = (size_t)head[3] << 8 | head[4];
        if (!is_head(head, length)) return (struct tls_records){len, 1};
        size_t has = len - whole - TLS_RECORD_HEAD;
        if (has < length) return (struct tls_records){whole, length - has};
        whole += TLS_RECORD_HEAD + length;
    }
    return (struct tls_records){whole, TLS_RECORD_HEAD - (len - whole)};
}

bool tls_record_may_begin(const uint8_t *at, size_t len)
{
    return at[0] == HANDSHAKE && (len < 2 || at[1] == MAJOR);
}
