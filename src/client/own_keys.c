#include "client/own_keys.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/parts.h"
#include "client/reply.h"
#include "client/state.h"

bool own_key_is(const struct clients *set, const struct request *r)
{
    static const size_t len = sizeof OWN_KEYS_PREFIX - 1;
    return set->own_keys && r->command_id == COMMAND_GET && r->key_len > len &&
           memcmp((const void *)r->key_at, OWN_KEYS_PREFIX, len) == 0;
}

static const char LONG[] = "ERROR: the answer is longer than 1 MiB",
                  MANY[] = "ERROR: too much is asked at once: read the answers first";

/* The value as it is sent, in memory of malloc. */
struct own_value {
    char *bytes;
    size_t len;
};

/* I6: answers are made at once, so a client that reads none of them gets no more. */
static void ask(struct client *c, const struct request *r, struct own_value *to)
{
    static const size_t prefix = sizeof OWN_KEYS_PREFIX - 1;
    const char *key = (const char *)r->key_at;
    char *said = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&said, &n);
    if (!f) abort();
    if (client_held(c) <= CLIENT_HELD_AT_MOST)
        c->set->own_keys(c->set->own_keys_for, c, key + prefix, r->key_len - prefix, f);
    else
        fputs(MANY, f);
    if (fclose(f) != 0) abort();
    bool is_long = n > OWN_KEY_VALUE_MAX;
    if (is_long) n = sizeof LONG - 1;
    if (n && said[n - 1] == '\n') n--;
    f = open_memstream(&to->bytes, &to->len);
    if (!f) abort();
    fprintf(f, "VALUE %.*s 0 %zu\r\n", r->key_len, key, n);
    fwrite(is_long ? LONG : said, 1, n, f);
    fputs("\r\n", f);
    if (fclose(f) != 0) abort();
    free(said);
}

/* r may lie in the turn's next slot, which is used for an explanation: so it is copied. Its key lies in the arena. */
void own_key_take(struct client *c, const struct request *r)
{
    const struct request own = *r;
    struct own_value value;
    struct outq answer = {0};
    struct reply *reply = reply_create(c, &own, 1);
    ask(c, &own, &value);
    outq_append(&answer, value.bytes, value.len);
    outq_append(&answer, "END\r\n", 5);
    free(value.bytes);
    reply_count(reply, RESPONSE_VALUE, 1);
    reply_finish(reply, &answer);
}

void own_key_take_part(struct reply *reply, const struct request *r)
{
    struct own_value value;
    assert(reply->client && r->multi);
    ask(reply->client, r, &value);
    const struct response response = {.bytes = (const uint8_t *)value.bytes, .len = value.len};
    struct call_news news = {.event = CALL_VALUE, .response = &response};
    news.key.part = r->part;
    parts_keep(reply, &news);
    free(value.bytes);
    reply_receiver.on_joined(reply);
}
