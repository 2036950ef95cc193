/* A dump is two questions to the server, each on a connection of its own: `stats`, then one that lists keys. Servers know different words
 * for the second one, so they are tried, the best first. A server that does not know them answers ERROR, or BADCLASS where it
 * takes `hash` for a class; then the next ones are asked.
 *
 *   mgdump hash     1.6.38. Says which keys were stored in base64. By the hash table, so no key that stays is missed, and the
 *                   order is the same while the table is
 *   metadump all    1.4.31. Says when keys expire. Keys are encoded as in URLs. By the lists of LRU: a key that is used meanwhile may be
 *                   listed twice, or be missed: it moves to a list that was read already
 *
 * There is a third one, `metadump hash`, but memcached 1.6.9 and 1.6.18 hold a lock of a part of their keys while the reader of that
 * keeps them waiting, and clients wait for it, too. If the reader stopped, so would the server. Nor is any other dump paused: what is
 * done with its keys slowly goes through a keyfile.
 *
 * Before it counts as whole, the answer must have ended with its own last line: a connection that ends before it is a failure.
 */
#include "move/dump.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base64.h"
#include "protocol/text.h"

/* Seconds. A server that is busy with another dump is asked again so long; STALL: without a line. */
static const double BUSY_PAUSE = 0.1, BUSY_LIMIT = 10, STALL = 15;

static const struct {
    const char *question;
    enum dump_kind kind;
    bool is_ordered;
} WORDS[] = {{"lru_crawler mgdump hash", DUMP_MG, true},
             {"lru_crawler metadump all", DUMP_META, false}};

enum { WORDS_N = sizeof WORDS / sizeof *WORDS };

static void ask(struct dump *d);

/* --- the end ------------------------------------------------------------------------------------ */

void dump_close(struct dump *d)
{
    if (d->step == DUMP_CLOSED) return;
    question_close(&d->lines);
    ev_timer_stop(d->tier->loop, &d->timer);
    d->step = DUMP_CLOSED;
}

static void end(struct dump *d, const char *why, bool cannot)
{
    dump_close(d);
    d->end(d->owner, why, cannot);
}

/* --- what lines say ----------------------------------------------------------------------------- */

/* STAT NAME NUMBER */
static bool take_number(const char *line, const char *name, uint64_t *to)
{
    size_t len = strlen(name);
    if (strncmp(line, name, len) != 0 || line[len] != ' ') return false;
    *to = strtoull(line + len + 1, NULL, 10);
    return true;
}

static void take_stat(struct dump_about *about, const char *line)
{
    uint64_t time;
    if (take_number(line, "curr_items", &about->items) || take_number(line, "pid", &about->pid) ||
        take_number(line, "uptime", &about->uptime) ||
        take_number(line, "hash_power_level", &about->hash_power))
        return;
    if (take_number(line, "time", &time)) about->time = (int64_t)time;
    if (strncmp(line, "version ", strlen("version ")) == 0)
        snprintf(about->version, sizeof about->version, "%.*s", (int)sizeof about->version - 1,
                 line + strlen("version "));
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What comes after % are two digits. False: it is no key. */
static bool decode_url(const uint8_t *at, size_t len, struct tier_key *key)
{
    key->len = 0;
    for (size_t i = 0; i < len; i++) {
        int byte = at[i];
        if (at[i] == '%') {
            if (len - i < 3 || hex(at[i + 1]) < 0 || hex(at[i + 2]) < 0) return false;
            byte = hex(at[i + 1]) << 4 | hex(at[i + 2]);
            i += 2;
        }
        if (key->len == KEY_MAX) return false;
        key->bytes[key->len++] = (uint8_t)byte;
    }
    key->is_base64 = !request_key_is_valid(key->bytes, key->len, false);
    return key->len > 0;
}

/* key=KEY exp=NUMBER ... */
static bool read_meta(const uint8_t *line, size_t len, struct dump_key *to)
{
    char number[TEXT_NUMBER_ROOM + 2];
    const uint8_t *key = line + strlen("key="), *end = line + len;
    const uint8_t *space = memchr(key, ' ', (size_t)(end - key));
    if (!space || !decode_url(key, (size_t)(space - key), &to->key)) return false;
    const uint8_t *exp = space + strlen(" exp="), *behind = exp;
    size_t n = 0;
    while (behind<end && * behind> ' ' && n < sizeof number - 1) number[n++] = (char)*behind++;
    number[n] = '\0';
    to->exptime = strtoll(number, NULL, 10);
    return true;
}

/* mg KEY, or mg KEY b. A space at its end is cut off. */
static bool read_mg(const uint8_t *line, size_t len, struct dump_key *to)
{
    const uint8_t *key = line + strlen("mg "), *end = line + len;
    while (end > key && end[-1] <= ' ') end--;
    const uint8_t *space = memchr(key, ' ', (size_t)(end - key));
    size_t key_len = (size_t)((space ? space : end) - key);
    to->exptime = -2;
    to->key.is_base64 = space != NULL;
    if (!space) {
        if (key_len == 0 || key_len > KEY_MAX) return false;
        memcpy(to->key.bytes, key, key_len);
        to->key.len = (uint16_t)key_len;
        return true;
    }
    struct request r = {.key_at = (uintptr_t)key, .key_len = (uint16_t)key_len};
    r.meta = META_BASE64;
    if (key_len > KEY_MAX || !base64_is_valid(key, key_len)) return false;
    if (!request_decode_key(&r, to->key.bytes)) return false;
    to->key.len = r.key_len;
    return true;
}

bool dump_read_line(enum dump_kind kind, const uint8_t *line, size_t len, struct dump_key *to)
{
    return kind == DUMP_MG ? read_mg(line, len, to) : read_meta(line, len, to);
}

/* --- what a server sends ------------------------------------------------------------------------ */

static void ask_later(struct dump *d, double after)
{
    question_close(&d->lines);
    ev_timer_set(&d->timer, after, 0);
    ev_timer_start(d->tier->loop, &d->timer);
}

static void be_busy(struct dump *d)
{
    double now = tier_now(d->tier);
    if (d->busy_since == 0) d->busy_since = now;
    if (now - d->busy_since < BUSY_LIMIT)
        ask_later(d, BUSY_PAUSE);
    else
        end(d, "is busy with another dump of its keys, or with its growing hash table", false);
}

/* Other words, or none are left. */
static void be_refused(struct dump *d, const uint8_t *line, size_t len)
{
    static const char NOT_ALLOWED[] = "not allowed";
    char text[128];
    if (memmem(line, len, NOT_ALLOWED, sizeof NOT_ALLOWED - 1)) {
        end(d, "does not allow dumps of its keys: start it without -X", true);
        return;
    }
    if (++d->words < WORDS_N) {
        ask_later(d, 0);
        return;
    }
    snprintf(text, sizeof text, "memcached %s cannot list its keys, 1.4.31 and later can",
             d->about.version[0] ? d->about.version : "of an unknown version");
    end(d, text, true);
}

static bool is_error(const char *line)
{
    return strncmp(line, "ERROR", 5) == 0 || strncmp(line, "CLIENT_ERROR", 12) == 0 ||
           strncmp(line, "SERVER_ERROR", 12) == 0;
}

/* A question_take_fn's result. */
static bool take_stats_line(struct dump *d, const uint8_t *line, size_t len)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)line);
    text[strcspn(text, "\r\n")] = '\0';
    if (strncmp(text, "STAT ", strlen("STAT ")) == 0) {
        take_stat(&d->about, text + strlen("STAT "));
        return true;
    }
    if (strcmp(text, "END") == 0 || is_error(text)) {
        question_close(&d->lines);
        d->step = DUMP_KEYS;
        d->begun(d->owner);
        if (d->step == DUMP_KEYS) ask_later(d, 0);
    } else {
        end(d, "answers stats with a line that is no statistic", false);
    }
    return false;
}

/* Likewise. */
static bool take_key_line(struct dump *d, const uint8_t *line, size_t len)
{
    struct dump_key key;
    switch (dump_line_of(WORDS[d->words].kind, line, len)) {
    case DUMP_LINE_KEY:
        if (!dump_read_line(WORDS[d->words].kind, line, len, &key)) break;
        d->take(d->owner, &key);
        return question_is_open(&d->lines);
    case DUMP_LINE_OK: return true;
    case DUMP_LINE_END: end(d, NULL, false); return false;
    case DUMP_LINE_BUSY: be_busy(d); return false;
    case DUMP_LINE_REFUSED: be_refused(d, line, len); return false;
    default: break;
    }
    end(d, "lists its keys with a line that names no key", false);
    return false;
}

static bool take_line(void *owner, const uint8_t *line, size_t len)
{
    struct dump *d = owner;
    return d->step == DUMP_STATS ? take_stats_line(d, line, len) : take_key_line(d, line, len);
}

static void on_lost(void *owner, const char *reason)
{
    end(owner, reason, false);
}

/* --- asking ------------------------------------------------------------------------------------- */

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    ask(timer->data);
}

static void ask(struct dump *d)
{
    const char *question = d->step == DUMP_STATS ? "stats" : WORDS[d->words].question;
    struct backend *to = d->tier->servers[d->server].to;
    const char *why = question_open(&d->lines, to, question, STALL);
    if (why) {
        end(d, why, false);
        return;
    }
    d->is_ordered = WORDS[d->words].is_ordered;
}

void dump_begin(struct dump *d, struct tier *t, uint32_t server)
{
    assert(d->step == DUMP_CLOSED && d->take && d->end && d->begun);
    d->tier = t;
    d->server = server;
    d->step = DUMP_STATS;
    d->words = 0;
    d->busy_since = 0;
    d->about = (struct dump_about){.items = 0};
    d->lines.take = take_line;
    d->lines.end = on_lost;
    d->lines.owner = d;
    ev_timer_init(&d->timer, on_timer, 0, 0);
    d->timer.data = d;
    ev_timer_start(t->loop, &d->timer);
}
