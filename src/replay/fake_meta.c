/* mg, ms, md, ma, me: their flags are looked at one after the other, and answered in that order, as memcached does. */
#include <stdio.h>
#include <string.h>

#include "protocol/base64.h"
#include "protocol/flags.h"
#include "protocol/text.h"
#include "replay/fake_server.h"

#define ERROR_TOKEN   "CLIENT_ERROR bad token in command line format\r\n"
#define ERROR_DELTA   "CLIENT_ERROR invalid numeric delta value\r\n"
#define ERROR_INITIAL "CLIENT_ERROR invalid numeric initial value\r\n"
#define ERROR_MODE    "CLIENT_ERROR invalid mode for ms M token\r\n"
#define ERROR_ADD     "CLIENT_ERROR invalid mode for ma M token\r\n"
#define ERROR_STRICT  "CLIENT_ERROR invalid or duplicate flag\r\n"
#define ERROR_NUMBER  "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
#define ERROR_FLAG    "CLIENT_ERROR invalid flag\r\n"

enum { LINE_ROOM = 4096, WORD_ROOM = 300 };

/* The letters of flags; others are refused. */
static const char KNOWN[] = "CDFIJLMNOPRTbcfhklqstuv";

/* A request with what its flags say, and the line of the answer. */
struct meta {
    struct fake_server *server;
    struct fake_store *store;
    const struct request *r;
    struct outq *out;
    const char *error;                      /* NULL: the flags are good */
    int64_t ttl, vivify_ttl, recache_below; /* T, N, R: seconds as they came */
    uint64_t cas, initial, delta;           /* C, J, D */
    char mode;                              /* M; 0: none */
    bool has_ttl, vivifies, has_recache, has_cas, wants_value, is_quiet, invalidates;
    bool was_made, has_won;
    char line[LINE_ROOM];
    size_t len;
};

static const uint8_t *key_of(const struct meta *m)
{
    return (const uint8_t *)m->r->key_at;
}

static struct fake_item *find(struct meta *m)
{
    return fake_store_find(m->store, key_of(m), m->r->key_len);
}

/* --- flags that ask for something -------------------------------------------------------------------- */

static bool read_seconds(struct meta *m, const uint8_t *at, size_t len, int64_t *to)
{
    if (text_read_signed(at, len, to)) return true;
    m->error = ERROR_TOKEN;
    return false;
}

static bool read_positive(struct meta *m, const uint8_t *at, size_t len, uint64_t *to,
                          const char *error)
{
    if (text_read_unsigned(at, len, to)) return true;
    m->error = error;
    return false;
}

static void take_flag(struct meta *m, const uint8_t *flag, size_t len)
{
    const uint8_t *at = flag + 1;
    size_t n = len - 1;
    switch (*flag) {
    case 'T': m->has_ttl = read_seconds(m, at, n, &m->ttl); break;
    case 'N': m->vivifies = read_seconds(m, at, n, &m->vivify_ttl); break;
    case 'R': m->has_recache = read_seconds(m, at, n, &m->recache_below); break;
    case 'C': m->has_cas = read_positive(m, at, n, &m->cas, ERROR_TOKEN); break;
    case 'J': (void)read_positive(m, at, n, &m->initial, ERROR_INITIAL); break;
    case 'D': (void)read_positive(m, at, n, &m->delta, ERROR_DELTA); break;
    case 'M':
        if (n == 0)
            m->error = "CLIENT_ERROR incorrect length for M token\r\n";
        else
            m->mode = (char)*at;
        break;
    case 'O':
        if (len > OPAQUE_MAX) m->error = "CLIENT_ERROR opaque token too long\r\n";
        break;
    case 'v': m->wants_value = true; break;
    case 'q': m->is_quiet = true; break;
    case 'I': m->invalidates = true; break;
    default:
        if (!memchr(KNOWN, *flag, sizeof KNOWN - 1)) m->error = ERROR_FLAG;
        break;
    }
}

/* md and ma have one error for all that can be wrong. */
static void take_flags(struct meta *m)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    size_t len;
    while (!m->error && request_next_flag(&at, end, &flag, &len)) take_flag(m, flag, len);
    bool is_strict =
        m->r->command_id == COMMAND_META_DELETE || m->r->command_id == COMMAND_META_ARITHMETIC;
    if (m->error && is_strict) m->error = ERROR_STRICT;
}

/* --- the answer's line --------------------------------------------------------------------------------- */

static void put(struct meta *m, const void *bytes, size_t len)
{
    if (len > sizeof m->line - m->len) len = sizeof m->line - m->len;
    memcpy(m->line + m->len, bytes, len);
    m->len += len;
}

static void put_text(struct meta *m, const char *text)
{
    put(m, text, strlen(text));
}

static void put_number(struct meta *m, char letter, int64_t number)
{
    char text[32];
    int n = snprintf(text, sizeof text, " %c%lld", letter, (long long)number);
    put(m, text, (size_t)n);
}

static void put_cas(struct meta *m, uint64_t cas)
{
    char text[32];
    int n = snprintf(text, sizeof text, " c%llu", (unsigned long long)cas);
    put(m, text, (size_t)n);
}

/* In base64 where that is so: b says so. */
static void put_key(struct meta *m, bool in_base64)
{
    uint8_t wire[KEY_WIRE_ROOM];
    struct request as = {.meta = in_base64 ? META_BASE64 : 0};
    size_t len = request_wire_key(&as, key_of(m), m->r->key_len, wire);
    put_text(m, " k");
    put(m, wire, len);
    if (in_base64) put_text(m, " b");
}

/* What is echoed, of a key as the client wrote it. */
static void put_echo(struct meta *m, const uint8_t *flag, size_t len)
{
    if (*flag == 'k') put_key(m, m->r->meta & META_BASE64);
    if (*flag != 'O') return;
    put_text(m, " ");
    put(m, flag, len);
}

static int64_t ttl_of(const struct meta *m, const struct fake_item *item)
{
    return item->expires ? item->expires - m->store->now : -1;
}

static void end_line(struct meta *m)
{
    put_text(m, "\r\n");
    outq_append(m->out, m->line, m->len);
}

/* The word, then what is echoed. nominal: quiet requests leave it out. */
static void say(struct meta *m, const char *word, bool nominal)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    size_t len;
    if (nominal && m->is_quiet) return;
    put_text(m, word);
    while (request_next_flag(&at, end, &flag, &len)) put_echo(m, flag, len);
    end_line(m);
}

static void say_error(struct meta *m, const char *error)
{
    outq_append(m->out, error, strlen(error));
}

/* --- mg ------------------------------------------------------------------------------------------------ */

static struct fake_item *vivify(struct meta *m)
{
    struct fake_item *item = fake_store_put(m->store, key_of(m), m->r->key_len, 0);
    if (item) item->expires = fake_store_expiry(m->store, m->vivify_ttl);
    m->was_made = m->has_won = item != NULL;
    return item;
}

static void put_get_flag(struct meta *m, struct fake_item *item, const uint8_t *flag, size_t len)
{
    switch (*flag) {
    case 'O': put_echo(m, flag, len); return;
    case 'k': put_key(m, item->marks & FAKE_BINARY); return;
    case 'T': item->expires = fake_store_expiry(m->store, m->ttl); return;
    case 's': put_number(m, 's', item->value_len); return;
    case 't': put_number(m, 't', ttl_of(m, item)); return;
    case 'c': put_cas(m, item->cas); return;
    case 'f': put_number(m, 'f', item->flags); return;
    case 'l': put_number(m, 'l', m->store->now - item->used); return;
    case 'h': put_number(m, 'h', (item->marks & FAKE_FETCHED) != 0); return;
    case 'R':
        m->has_won |= !(item->marks & FAKE_WON) && !m->was_made && item->expires != 0 &&
                      item->expires < fake_store_expiry(m->store, m->recache_below);
        return;
    default: return;
    }
}

/* W: this client is to renew it. X: it was invalidated. Z: another client was told to renew it. */
static void put_wins(struct meta *m, struct fake_item *item)
{
    bool was_won = item->marks & FAKE_WON;
    if (was_won) put_text(m, " Z");
    if (item->marks & FAKE_STALE) {
        put_text(m, " X");
        m->has_won |= !was_won;
    }
    if (!m->has_won) return;
    put_text(m, " W");
    item->marks |= FAKE_WON;
}

static void get(struct meta *m)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    struct fake_item *item = find(m);
    size_t len;
    m->server->hits += item != NULL;
    m->server->misses += !item;
    if (!item && m->vivifies) item = vivify(m);
    if (!item) {
        say(m, "EN", true);
        return;
    }
    char head[WORD_ROOM];
    snprintf(head, sizeof head, "VA %u", item->value_len);
    put_text(m, m->wants_value ? head : "HD");
    while (request_next_flag(&at, end, &flag, &len)) put_get_flag(m, item, flag, len);
    put_wins(m, item);
    end_line(m);
    if (m->wants_value) {
        outq_append(m->out, fake_item_value(item), item->value_len);
        outq_append(m->out, "\r\n", 2);
    }
    fake_store_use(m->store, item);
}

/* --- ms ------------------------------------------------------------------------------------------------ */

/* COMMAND_NONE: there is no such mode. */
static enum command command_of_mode(char mode)
{
    switch (mode) {
    case 0:
    case 'S':
    case 's': return COMMAND_SET;
    case 'E':
    case 'e': return COMMAND_ADD;
    case 'A':
    case 'a': return COMMAND_APPEND;
    case 'P':
    case 'p': return COMMAND_PREPEND;
    case 'R':
    case 'r': return COMMAND_REPLACE;
    default: return COMMAND_NONE;
    }
}

/* An append that may make the item stores its value alone. */
static enum fake_stored store(struct meta *m, struct fake_storing *how)
{
    bool joins = how->command == COMMAND_APPEND || how->command == COMMAND_PREPEND;
    enum fake_stored stored = fake_store_as(m->store, key_of(m), m->r->key_len, how);
    if (stored != FAKE_NOT_STORED || !joins || !m->vivifies) return stored;
    how->command = COMMAND_SET;
    how->expires = fake_store_expiry(m->store, m->vivify_ttl);
    return fake_store_as(m->store, key_of(m), m->r->key_len, how);
}

static void set(struct meta *m)
{
    static const char *const words[] = {[FAKE_STORED] = "HD",
                                        [FAKE_NOT_STORED] = "NS",
                                        [FAKE_EXISTS] = "EX",
                                        [FAKE_NOT_FOUND] = "NF"};
    struct fake_storing how = {.value = (const uint8_t *)m->r->value_at,
                               .value_len = m->r->value_len,
                               .cas = m->has_cas ? m->cas : 0,
                               .expires = m->has_ttl ? fake_store_expiry(m->store, m->ttl) : 0,
                               .flags = (uint32_t)m->r->client_flags,
                               .command = (uint8_t)command_of_mode(m->mode),
                               .may_be_stale = m->invalidates,
                               .marks = m->r->meta & META_BASE64 ? FAKE_BINARY : 0};
    if (how.command == COMMAND_NONE) {
        say_error(m, ERROR_MODE);
        return;
    }
    if (m->has_cas && (how.command == COMMAND_SET || how.command == COMMAND_REPLACE))
        how.command = COMMAND_CAS;
    enum fake_stored stored = store(m, &how);
    if (stored == FAKE_NO_ROOM) {
        say_error(m, "SERVER_ERROR object too large for cache\r\n");
        return;
    }
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    size_t len;
    if (stored == FAKE_STORED && m->is_quiet) return;
    put_text(m, words[stored]);
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == 'c') put_cas(m, how.item ? how.item->cas : 0);
        put_echo(m, flag, len);
    }
    end_line(m);
}

/* --- md ma me ------------------------------------------------------------------------------------------- */

static void delete (struct meta *m)
{
    struct fake_item *item = find(m);
    if (!item) {
        say(m, "NF", false);
        return;
    }
    if (m->has_cas && item->cas != m->cas) {
        say(m, "EX", false);
        return;
    }
    if (m->invalidates) {
        if (m->has_ttl) item->expires = fake_store_expiry(m->store, m->ttl);
        item->marks = (uint8_t)((item->marks | FAKE_STALE) & ~FAKE_WON);
        item->cas = ++m->store->cas;
    } else {
        fake_store_remove(m->store, item);
    }
    say(m, "HD", true);
}

static struct fake_item *begin_counter(struct meta *m, uint64_t *number)
{
    uint8_t digits[TEXT_NUMBER_ROOM];
    struct fake_storing how = {.value = digits,
                               .value_len = text_write_unsigned(digits, m->initial),
                               .expires = fake_store_expiry(m->store, m->vivify_ttl),
                               .command = COMMAND_SET};
    *number = m->initial;
    m->was_made = true;
    return fake_store_as(m->store, key_of(m), m->r->key_len, &how) == FAKE_STORED ? how.item : NULL;
}

static void say_count(struct meta *m, struct fake_item *item, uint64_t number)
{
    const uint8_t *at = (const uint8_t *)m->r->args_at, *end = at + m->r->args_len, *flag;
    char head[WORD_ROOM], digits[WORD_ROOM];
    size_t len, n = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    snprintf(head, sizeof head, "VA %zu", n);
    put_text(m, m->wants_value ? head : "HD");
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == 'T') item->expires = fake_store_expiry(m->store, m->ttl);
        if (*flag == 't') put_number(m, 't', ttl_of(m, item));
        if (*flag == 'c') put_cas(m, item->cas);
        put_echo(m, flag, len);
    }
    put_text(m, "\r\n");
    if (m->wants_value) put_text(m, digits);
    if (m->wants_value) put_text(m, "\r\n");
    outq_append(m->out, m->line, m->len);
}

static void count(struct meta *m)
{
    struct fake_item *item = find(m);
    uint64_t number = 0;
    bool down = m->mode == 'D' || m->mode == 'd' || m->mode == '-';
    if (m->mode && !down && m->mode != 'I' && m->mode != 'i' && m->mode != '+') {
        say_error(m, ERROR_ADD);
        return;
    }
    if (item && m->has_cas && item->cas != m->cas) {
        say(m, "EX", false);
        return;
    }
    if (!item && !m->vivifies) {
        say(m, "NF", false);
        return;
    }
    enum fake_counted counted = FAKE_COUNTED;
    if (item)
        counted = fake_count(m->store, &item, down, m->delta, &number);
    else
        item = begin_counter(m, &number);
    if (counted == FAKE_NO_NUMBER)
        say_error(m, ERROR_NUMBER);
    else if (counted != FAKE_COUNTED || !item)
        say_error(m, "SERVER_ERROR out of memory\r\n");
    else if (!m->is_quiet || m->was_made)
        say_count(m, item, number);
}

static void debug(struct meta *m)
{
    struct fake_item *item = find(m);
    char text[WORD_ROOM];
    if (!item) {
        say_error(m, "EN\r\n");
        return;
    }
    put_text(m, "ME ");
    put(m, key_of(m), m->r->key_len);
    int n = snprintf(text, sizeof text, " exp=%lld la=%lld cas=%llu fetch=%s cls=1 size=%zu",
                     (long long)ttl_of(m, item), (long long)(m->store->now - item->used),
                     (unsigned long long)item->cas, item->marks & FAKE_FETCHED ? "yes" : "no",
                     sizeof *item + item->key_len + item->value_len);
    put(m, text, (size_t)n);
    end_line(m);
}

void fake_meta_answer(struct fake_server *s, const struct request *r, struct outq *out)
{
    struct meta m = {.server = s, .store = s->store, .r = r, .out = out, .delta = 1};
    if (r->command_id != COMMAND_META_DEBUG) take_flags(&m);
    if (m.error) {
        say_error(&m, m.error);
        return;
    }
    switch (r->command_id) {
    case COMMAND_META_GET: get(&m); return;
    case COMMAND_META_SET: set(&m); return;
    case COMMAND_META_DELETE: delete (&m); return;
    case COMMAND_META_ARITHMETIC: count(&m); return;
    default: debug(&m); return;
    }
}
