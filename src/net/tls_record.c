#include "net/tls_record.h"

enum { CLIENT_HELLO = 1, MESSAGE_HEAD = 4 };
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

/* Moves on by the payload of one record of the handshake. */
static bool take_payload(struct tls_hello *hello, const uint8_t *at, size_t len)
{
    if (hello->missing == 0) {
        if (len < MESSAGE_HEAD) return false;
        size_t length = (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        if (at[0] != CLIENT_HELLO) return true;
        if (length > TLS_HELLO_MAX) return false;
        hello->missing = (uint32_t)(MESSAGE_HEAD + length);
    }
    if (len > hello->missing) return false;
    hello->missing -= (uint32_t)len;
    return true;
}

bool tls_hello_follow(struct tls_hello *hello, const uint8_t *at, size_t len)
{
    for (const uint8_t *end = at + len; end - at >= TLS_RECORD_HEAD;) {
        size_t has = (size_t)(end - at) - TLS_RECORD_HEAD;
        size_t length = (size_t)at[3] << 8 | at[4];
        if (length > has || !is_head(at, length)) return true;
        if (at[0] == HANDSHAKE && !take_payload(hello, at + TLS_RECORD_HEAD, length)) return false;
        at += TLS_RECORD_HEAD + length;
    }
    return true;
}
