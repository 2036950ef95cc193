/* memcached's forms. Lines of metadump end with LF alone, those of the other two with CR and LF:
 *
 *     ITEM KEY [SIZE b; EXPTIME s]
 *     key=URL-ENCODED-KEY exp=-1 la=TIME cas=NUMBER fetch=yes cls=NUMBER size=NUMBER [flags=NUMBER]
 *     mg KEY, or mg KEY-IN-BASE64 b
 *
 * cachedump shows keys as they are: one that holds white space or a line end, as base64 keys can, makes no line of this form. */
#include "client/dump_order.h"

#include <stdio.h>

#include "protocol/base64.h"
#include "protocol/text.h"

enum { CLASSES = 64, STORE_CLASS = 1, ENCODED_KEY_MAX = 3 * KEY_MAX };

#define ERROR_UNKNOWN  "ERROR\r\n"
#define ERROR_LINE     "CLIENT_ERROR bad command line\r\n"
#define ERROR_FORMAT   "CLIENT_ERROR bad command line format\r\n"
#define ERROR_CLASS    "CLIENT_ERROR Illegal slab id\r\n"
#define ERROR_BADCLASS "BADCLASS invalid class id\r\n"

/* --- the request ------------------------------------------------------------------------------- */

/* stats cachedump CLASS LIMIT: further words do not matter, as in memcached. */
static const char *read_cache(struct dump_order *o, const struct arguments *w)
{
    uint64_t class;
    if (w->n < 3) return ERROR_LINE;
    if (!text_read_unsigned(w->word[1].at, w->word[1].len, &class) ||
        !text_read_unsigned(w->word[2].at, w->word[2].len, &o->limit) || o->limit > UINT32_MAX)
        return ERROR_FORMAT;
    if (class >= CLASSES) return ERROR_CLASS;
    o->classes = (uint64_t)1 << class;
    return NULL;
}

/* CLASS,CLASS,...: empty ones are skipped. False: one is no class. */
static bool read_classes(struct dump_order *o, const struct span *list)
{
    const uint8_t *at = list->at, *end = at + list->len;
    while (at < end) {
        const uint8_t *comma = memchr(at, ',', (size_t)(end - at));
        size_t len = (size_t)((comma ? comma : end) - at);
        uint64_t class;
        if (len > 0) {
            if (!text_read_digits(at, len, &class) || class == 0 || class >= CLASSES) return false;
            o->classes |= (uint64_t)1 << class;
        }
        at += len + 1;
    }
    return o->classes != 0;
}

static const char *read_crawler(struct dump_order *o, const struct arguments *w)
{
    if (w->n != 2) return ERROR_UNKNOWN;
    o->is_hash = argument_is(&w->word[1], "hash");
    if (o->is_hash || argument_is(&w->word[1], "all")) return NULL;
    return read_classes(o, &w->word[1]) ? NULL : ERROR_BADCLASS;
}

const char *dump_order_read(struct dump_order *o, enum dump_kind kind, const struct arguments *w)
{
    *o = (struct dump_order){.kind = kind};
    return kind == DUMP_CACHE ? read_cache(o, w) : read_crawler(o, w);
}

/* The texts begin as memcached's do when it is started with -X. */
const char *dump_order_refusal(enum dump_kind kind)
{
#define WAY_OUT " on this listener: start moongate with --allow-dump yes\r\n"
    switch (kind) {
    case DUMP_CACHE: return "CLIENT_ERROR stats cachedump not allowed" WAY_OUT;
    case DUMP_META: return "ERROR metadump not allowed" WAY_OUT;
    default: return "ERROR key dump not allowed" WAY_OUT;
    }
#undef WAY_OUT
}

/* From what was read, never from what came (I10). */
void dump_order_write(const struct dump_order *o, uint64_t limit, char *to, size_t size)
{
    size_t len = 0;
    const char *name = o->kind == DUMP_META ? "metadump" : "mgdump";
    const char *before = "";
    if (o->kind != DUMP_CACHE)
        len = (size_t)snprintf(to, size, "lru_crawler %s %s", name,
                               o->is_hash ? "hash" : (o->classes ? "" : "all"));
    else
        len = (size_t)snprintf(to, size, "stats cachedump ");
    for (int class = 0; class < CLASSES && len < size; class ++) {
        if (!(o->classes >> class & 1)) continue;
        len += (size_t)snprintf(to + len, size - len, "%s%d", before, class);
        before = ",";
    }
    if (o->kind == DUMP_CACHE && len < size)
        snprintf(to + len, size - len, " %llu", (unsigned long long)limit);
}

/* --- items of stores --------------------------------------------------------------------------- */

static bool is_plain(const struct dump_item *item)
{
    for (size_t i = 0; i < item->key_len; i++)
        if (memchr(" \t\r\n\v\f", item->key[i], sizeof " \t\r\n\v\f")) return false;
    return true;
}

/* As in a URL: all but letters, digits and -._~ as %XX. */
static size_t write_encoded(const struct dump_item *item, char *to)
{
    static const char hex[] = "0123456789ABCDEF";
    char *at = to;
    for (size_t i = 0; i < item->key_len; i++) {
        uint8_t c = item->key[i];
        bool is_kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
        if (is_kept) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    return (size_t)(at - to);
}

static size_t write_meta(const struct dump_item *item, char *to)
{
    memcpy(to, "key=", 4);
    size_t len = 4 + write_encoded(item, to + 4);
    return len + (size_t)snprintf(to + len, DUMP_ITEM_ROOM - len,
                                  " exp=%lld la=%lld cas=%llu fetch=%s cls=%d size=%zu\n",
                                  item->expires ? (long long)item->expires : -1LL,
                                  (long long)item->used, (unsigned long long)item->cas,
                                  item->was_fetched ? "yes" : "no", STORE_CLASS, item->bytes);
}

static size_t write_mg(const struct dump_item *item, char *to)
{
    bool is_base64 = item->is_base64 || !is_plain(item);
    size_t len = 3;
    memcpy(to, "mg ", len);
    if (is_base64)
        len += base64_encode(item->key, item->key_len, (uint8_t *)to + len);
    else
        memcpy(to + len, item->key, item->key_len), len += item->key_len;
    return len + (size_t)sprintf(to + len, is_base64 ? " b\r\n" : "\r\n");
}

static size_t write_cache(const struct dump_item *item, char *to)
{
    if (!is_plain(item)) return 0;
    return (size_t)snprintf(to, DUMP_ITEM_ROOM, "ITEM %.*s [%zu b; %lld s]\r\n", (int)item->key_len,
                            (const char *)item->key, item->value_len, (long long)item->expires);
}

size_t dump_order_item(const struct dump_order *o, const struct dump_item *item,
                       char to[DUMP_ITEM_ROOM])
{
    if (o->classes && !(o->classes >> STORE_CLASS & 1)) return 0;
    switch (o->kind) {
    case DUMP_CACHE: return write_cache(item, to);
    case DUMP_META: return write_meta(item, to);
    default: return write_mg(item, to);
    }
}

/* --- lines ------------------------------------------------------------------------------------- */

/* A cursor in a line without its end. */
struct cursor {
    const uint8_t *at, *end;
};

static bool take(struct cursor *c, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0) return false;
    c->at += n;
    return true;
}

/* One to `most` bytes, none of them a space, a control byte of white space or NUL. */
static bool take_word(struct cursor *c, size_t most)
{
    const uint8_t *from = c->at;
    while (c->at < c->end && !memchr(" \t\r\n\v\f", *c->at, sizeof " \t\r\n\v\f")) c->at++;
    return c->at > from && (size_t)(c->at - from) <= most;
}

static bool take_number(struct cursor *c)
{
    (void)take(c, "-");
    const uint8_t *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') c->at++;
    return c->at > from && (size_t)(c->at - from) <= TEXT_NUMBER_ROOM;
}

static bool is_item(struct cursor c)
{
    return take(&c, "ITEM ") && take_word(&c, KEY_MAX) && take(&c, " [") && take_number(&c) &&
           take(&c, " b; ") && take_number(&c) && take(&c, " s]") && c.at == c.end;
}

/* Further fields are for versions to come. 1.6.45 has a space at the end. */
static bool is_meta(struct cursor c)
{
    if (!take(&c, "key=") || !take_word(&c, ENCODED_KEY_MAX)) return false;
    if (!take(&c, " exp=") || !take_number(&c)) return false;
    while (take(&c, " ") && c.at < c.end) {
        if (!take_word(&c, ENCODED_KEY_MAX)) return false;
    }
    return c.at == c.end;
}

static bool is_mg(struct cursor c)
{
    if (!take(&c, "mg ") || !take_word(&c, KEY_MAX)) return false;
    (void)take(&c, " b");
    return c.at == c.end;
}

static bool names_key(enum dump_kind kind, struct cursor c, bool has_cr)
{
    switch (kind) {
    case DUMP_CACHE: return has_cr && is_item(c);
    case DUMP_META: return is_meta(c);
    default: return has_cr && is_mg(c);
    }
}

static bool is_whole(struct cursor c, const char *text)
{
    return take(&c, text) && c.at == c.end;
}

/* ERROR, CLIENT_ERROR, SERVER_ERROR, BADCLASS, with or without a reason. */
static bool is_error(struct cursor c)
{
    static const char *const words[] = {"ERROR", "CLIENT_ERROR", "SERVER_ERROR", "BADCLASS"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct cursor at = c;
        if (take(&at, words[i]) && (at.at == at.end || *at.at == ' ')) return true;
    }
    return false;
}

enum dump_line dump_line_of(enum dump_kind kind, const uint8_t *line, size_t len)
{
    struct cursor c = {line, line + len};
    bool has_cr = len >= 2 && line[len - 2] == '\r';
    if (len == 0 || line[len - 1] != '\n') return DUMP_LINE_WRONG;
    c.end -= has_cr ? 2 : 1;
    if (names_key(kind, c, has_cr)) return DUMP_LINE_KEY;
    if (!has_cr) return DUMP_LINE_WRONG;
    if (is_whole(c, kind == DUMP_MG ? "EN" : "END")) return DUMP_LINE_END;
    if (kind != DUMP_CACHE && is_whole(c, "OK")) return DUMP_LINE_OK;
    if (kind != DUMP_CACHE && take(&c, "BUSY ")) return DUMP_LINE_BUSY;
    if (kind != DUMP_CACHE && take(&c, "ERROR locked "))
        return DUMP_LINE_BUSY; /* 1.6.45, as its hash table grows */
    return is_error(c) ? DUMP_LINE_REFUSED : DUMP_LINE_WRONG;
}
