/* HMAC-SHA256 of the whole key, shortened to 128 bits: without the secret a key cannot be found by trying keys, and two keys with
 * one hash need 2^64 keys. Its letters are valid in a key. A prefix stays only where the key does not become too long by that. */
#include "record/hasher.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/request.h"

enum { MAC_SIZE = 32, SHORTENED = 16 };

void hasher_init(struct hasher *h, const void *secret, size_t len, char keep_prefix)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    assert(len >= HASHER_SECRET_LEAST);
    h->keep_prefix = keep_prefix;
    h->mac = EVP_MAC_CTX_new(hmac);
    if (!h->mac || !EVP_MAC_init(h->mac, secret, len, params)) abort();
    EVP_MAC_free(hmac);
}

void hasher_release(struct hasher *h)
{
    EVP_MAC_CTX_free(h->mac);
    h->mac = NULL;
}

/* Three bytes are four letters; the last byte is two. */
static void write_letters(const uint8_t bytes[SHORTENED], uint8_t to[HASHER_HASH])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned n = 0, out = 0;
    for (unsigned i = 0; i < SHORTENED; i++) {
        bits = bits << 8 | bytes[i];
        for (n += 8; n >= 6; n -= 6) to[out++] = (uint8_t)letters[bits >> (n - 6) & 63];
    }
    to[out++] = (uint8_t)letters[bits << (6 - n) & 63];
    assert(out == HASHER_HASH);
}

static void hash_key(struct hasher *h, struct take *t)
{
    uint8_t mac[MAC_SIZE];
    size_t size = 0, most = t->base64 ? KEY_MAX_BASE64 : KEY_MAX;
    const uint8_t *end = h->keep_prefix ? memchr(t->key, h->keep_prefix, t->key_len) : NULL;
    size_t prefix = end ? (size_t)(end - t->key) + 1 : 0;
    if (prefix + HASHER_HASH > most) prefix = 0;
    if (!EVP_MAC_init(h->mac, NULL, 0, NULL) || !EVP_MAC_update(h->mac, t->key, t->key_len) ||
        !EVP_MAC_final(h->mac, mac, &size, sizeof mac) || size != MAC_SIZE)
        abort();
    if (prefix) memcpy(h->key, t->key, prefix);
    write_letters(mac, h->key + prefix);
    t->key = h->key;
    t->key_len = (uint16_t)(prefix + HASHER_HASH);
}

/* A flag without a token, with a number or with a mode. */
static bool is_harmless(const uint8_t *flag, size_t len)
{
    if (*flag == 'O' || *flag == 'P' || *flag == 'L') return len == 1;
    size_t digits = len > 1 && flag[1] == '-' ? 2 : 1;
    for (size_t i = digits; i < len; i++)
        if (flag[i] < '0' || flag[i] > '9') return len == 2;
    return true;
}

/* An opaque token becomes another one, as the answer repeats it; other tokens go with their flags. */
static void clean_args(struct hasher *h, struct take *t)
{
    const uint8_t *at = t->args, *end = t->args_len ? t->args + t->args_len : t->args, *flag;
    size_t n = 0, len;
    unsigned shape = t->command < COMMAND_COUNT ? command_info(t->command)->shape : SHAPE_LOCAL;
    bool is_meta = shape == SHAPE_META || shape == SHAPE_META_STORE;
    while (is_meta && request_next_flag(&at, end, &flag, &len)) {
        bool stays = is_harmless(flag, len);
        if (!stays && *flag != 'O') continue;
        if (!stays) flag = (const uint8_t *)"O0";
        if (!stays) len = 2;
        assert(n + len < sizeof h->args);
        if (n > 0) h->args[n++] = ' ';
        memcpy(h->args + n, flag, len);
        n += len;
    }
    t->args = h->args;
    t->args_len = (uint16_t)n;
}

/* ERROR, CLIENT_ERROR or SERVER_ERROR. */
static uint16_t first_word(const uint8_t *text, size_t len)
{
    size_t n = 0;
    while (n < len && ((text[n] >= 'A' && text[n] <= 'Z') || text[n] == '_')) n++;
    return n == len || text[n] == ' ' ? (uint16_t)n : 0;
}

void hasher_apply(struct hasher *h, struct take *t)
{
    if (t->key_len > 0) hash_key(h, t);
    clean_args(h, t);
    t->error_len = first_word(t->error, t->error_len);
}
