/* A request is parsed by the daemon's own parser (protocol/request.h), which refuses what memcached refuses, and in its words. What is left
 * is to look into the store and to write the answer.
 *
 * It is a server that moongate talks to, so what moongate never sends (verbosity, slabs, watch ...) is an unknown command here. */
#include "replay/fake_server.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/text.h"

enum { LINE_ROOM = 512 };

static void say(const struct request *r, struct outq *out, const char *line)
{
    if (!r->noreply) outq_append(out, line, strlen(line));
}

static const uint8_t *key_of(const struct request *r)
{
    return (const uint8_t *)r->key_at;
}

static struct fake_item *find(struct fake_server *s, const struct request *r)
{
    return fake_store_find(s->store, key_of(r), r->key_len);
}

/* --- get gets gat gats --------------------------------------------------------------------------- */

static void put_value(const struct request *r, struct fake_item *item, struct outq *out)
{
    char head[LINE_ROOM];
    bool has_cas = r->command_id == COMMAND_GETS || r->command_id == COMMAND_GATS;
    outq_append(out, "VALUE ", 6);
    outq_append(out, item->bytes, item->key_len);
    int n = snprintf(head, sizeof head, " %u %u", item->flags, item->value_len);
    if (has_cas)
        n += snprintf(head + n, sizeof head - (size_t)n, " %llu", (unsigned long long)item->cas);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    outq_append(out, head, (size_t)n);
    outq_append(out, fake_item_value(item), item->value_len);
    outq_append(out, "\r\n", 2);
}

static void look(struct fake_server *s, const struct request *r, struct outq *out)
{
    struct fake_item *item = find(s, r);
    s->hits += item != NULL;
    s->misses += !item;
    if (!item) return;
    if (r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS)
        item->expires = fake_store_expiry(s->store, request_exptime(r));
    fake_store_use(s->store, item);
    put_value(r, item, out);
}

/* keys: behind the command, to the end of the line. */
static void look_for_all(struct fake_server *s, const struct request *r, const uint8_t *end,
                         struct outq *out)
{
    const uint8_t *at = key_of(r);
    struct request one = *r;
    while (request_next_key(&at, end, &one)) look(s, &one, out);
}

/* --- changes --------------------------------------------------------------------------------------- */

static void store(struct fake_server *s, const struct request *r, struct outq *out)
{
    static const char *const words[] = {[FAKE_STORED] = "STORED\r\n",
                                        [FAKE_NOT_STORED] = "NOT_STORED\r\n",
                                        [FAKE_EXISTS] = "EXISTS\r\n",
                                        [FAKE_NOT_FOUND] = "NOT_FOUND\r\n",
                                        [FAKE_NO_ROOM] =
                                            "SERVER_ERROR object too large for cache\r\n"};
    struct fake_storing how = {.value = (const uint8_t *)r->value_at,
                               .value_len = r->value_len,
                               .cas = r->command_id == COMMAND_CAS ? r->number : 0,
                               .expires = fake_store_expiry(s->store, request_exptime(r)),
                               .flags = (uint32_t)r->client_flags,
                               .command = r->command_id};
    say(r, out, words[fake_store_as(s->store, key_of(r), r->key_len, &how)]);
}

static void count(struct fake_server *s, const struct request *r, struct outq *out)
{
    char line[TEXT_NUMBER_ROOM + 3];
    uint64_t number;
    struct fake_item *item = find(s, r);
    if (!item) {
        say(r, out, "NOT_FOUND\r\n");
        return;
    }
    switch (fake_count(s->store, &item, r->command_id == COMMAND_DECR, r->number, &number)) {
    case FAKE_COUNTED:
        snprintf(line, sizeof line, "%llu\r\n", (unsigned long long)number);
        say(r, out, line);
        return;
    case FAKE_NO_NUMBER:
        say(r, out, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        return;
    default: say(r, out, "SERVER_ERROR out of memory in incr\r\n"); return;
    }
}

static void touch(struct fake_server *s, const struct request *r, struct outq *out)
{
    struct fake_item *item = find(s, r);
    if (item) {
        item->expires = fake_store_expiry(s->store, request_exptime(r));
        fake_store_use(s->store, item);
    }
    say(r, out, item ? "TOUCHED\r\n" : "NOT_FOUND\r\n");
}

static void delete (struct fake_server *s, const struct request *r, struct outq *out)
{
    struct fake_item *item = find(s, r);
    say(r, out, item ? "DELETED\r\n" : "NOT_FOUND\r\n");
    if (item) fake_store_remove(s->store, item);
}

/* --- commands without a key ------------------------------------------------------------------------ */

static bool words_are(const struct request *r, const char *words)
{
    const char *at = (const char *)r->args_at;
    size_t len = r->args_len;
    while (len > 0 && *at == ' ') at++, len--;
    while (len > 0 && at[len - 1] == ' ') len--;
    return len == strlen(words) && memcmp(at, words, len) == 0;
}

/* `flush_all [seconds] [noreply]` */
static void flush(struct fake_server *s, const struct request *r, struct outq *out)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *word;
    size_t len;
    int64_t after = 0;
    if (request_next_flag(&at, end, &word, &len) && !(len == 7 && r->noreply) &&
        !text_read_signed(word, len, &after)) {
        outq_append(out, "CLIENT_ERROR bad command line format\r\n", 38);
        return;
    }
    fake_store_flush(s->store, after);
    say(r, out, "OK\r\n");
}

static void put_stat(struct outq *out, const char *name, uint64_t number)
{
    char line[LINE_ROOM];
    int n = snprintf(line, sizeof line, "STAT %s %llu\r\n", name, (unsigned long long)number);
    outq_append(out, line, (size_t)n);
}

static void stats(const struct fake_server *s, const struct request *r, struct outq *out)
{
    if (words_are(r, "reset")) {
        outq_append(out, "RESET\r\n", 7);
        return;
    }
    if (words_are(r, "")) {
        outq_append(out, "STAT version " FAKE_VERSION "\r\n",
                    sizeof "STAT version " FAKE_VERSION + 1);
        put_stat(out, "time", (uint64_t)s->store->now);
        put_stat(out, "get_hits", s->hits);
        put_stat(out, "get_misses", s->misses);
        put_stat(out, "bytes", s->store->bytes);
        put_stat(out, "curr_items", s->store->items);
        put_stat(out, "limit_maxbytes", s->store->limit);
        put_stat(out, "evictions", s->store->evictions);
    }
    outq_append(out, "END\r\n", 5);
}

/* --- any request ------------------------------------------------------------------------------------ */

/* A base64 key comes as it stands in the line. */
static void meta(struct fake_server *s, struct request *r, struct outq *out)
{
    uint8_t key[KEY_MAX];
    if (r->meta & META_BASE64 && !request_decode_key(r, key)) {
        outq_append(out, "CLIENT_ERROR error decoding key\r\n", 33);
        return;
    }
    fake_meta_answer(s, r, out);
}

static void answer(struct fake_server *s, struct fake_talk *talk, struct request *r,
                   const uint8_t *keys_end, struct outq *out)
{
    switch (command_info(r->command_id)->shape) {
    case SHAPE_RETRIEVE:
        look_for_all(s, r, keys_end, out);
        outq_append(out, "END\r\n", 5);
        return;
    case SHAPE_STORE: store(s, r, out); return;
    case SHAPE_DELETE: delete (s, r, out); return;
    case SHAPE_ARITHMETIC: count(s, r, out); return;
    case SHAPE_TOUCH: touch(s, r, out); return;
    case SHAPE_META:
    case SHAPE_META_STORE: meta(s, r, out); return;
    default: break;
    }
    switch (r->command_id) {
    case COMMAND_META_NOOP: outq_append(out, "MN\r\n", 4); return;
    case COMMAND_VERSION:
        outq_append(out, "VERSION " FAKE_VERSION "\r\n", sizeof "VERSION " FAKE_VERSION + 1);
        return;
    case COMMAND_FLUSH_ALL: flush(s, r, out); return;
    case COMMAND_STATS: stats(s, r, out); return;
    case COMMAND_QUIT: talk->is_closed = true; return;
    default: outq_append(out, "ERROR\r\n", 7); return;
    }
}

/* What is not about a key is moongate's own question, and counts as no request. */
static void answer_and_count(struct fake_server *s, struct fake_talk *talk, struct request *r,
                             const struct request_parse *p, const uint8_t *bytes, struct outq *out)
{
    size_t before = out->bytes;
    const uint8_t *keys_end = bytes + p->keys_end;
    if (p->status == REQUEST_OK && p->keys == 1) keys_end = key_of(r) + r->key_len;
    bool counts = p->keys > 0;
    answer(s, talk, r, keys_end, out);
    if (!counts) return;
    s->requests++;
    s->bytes_in += p->consumed;
    s->bytes_out += out->bytes - before;
}

/* A set that is too large removes what was there. */
static void refuse(struct fake_server *s, struct fake_talk *talk, struct request *r,
                   const struct request_parse *p, struct outq *out)
{
    struct fake_item *item = p->drop ? find(s, r) : NULL;
    if (item) fake_store_remove(s->store, item);
    if (p->error) say(r, out, p->error);
    talk->swallow = p->swallow;
    talk->is_closed = p->status == REQUEST_CLOSE;
}

size_t fake_server_take(struct fake_server *s, struct fake_talk *talk, const uint8_t *bytes,
                        size_t len, struct outq *out)
{
    struct request_rules rules = {.max_value = s->max_value};
    struct request r;
    size_t at = 0;
    talk->need = 0;
    while (at < len && !talk->is_closed) {
        if (talk->swallow > 0) {
            size_t n = talk->swallow < len - at ? (size_t)talk->swallow : len - at;
            talk->swallow -= n;
            at += n;
            continue;
        }
        struct request_parse p = request_parse(bytes + at, len - at, &rules, &r);
        if (p.status == REQUEST_AGAIN) {
            talk->need = p.need;
            break;
        }
        if (p.status == REQUEST_OK || p.status == REQUEST_KEYS)
            answer_and_count(s, talk, &r, &p, bytes + at, out);
        else
            refuse(s, talk, &r, &p, out);
        at += p.consumed;
    }
    return talk->is_closed ? len : at;
}
