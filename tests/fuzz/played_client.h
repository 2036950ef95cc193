/* played_client: a client as the worker sees it, played by worker_fuzz.c.
 *
 * Keeps a wish for every request that it sends: what may be answered, in which order (I1), with values of its own keys only
 * (I2). An answer that is none of its wishes is a broken promise. A wild client sends any bytes and believes nothing.
 */
#ifndef TESTS_FUZZ_PLAYED_CLIENT_H
#define TESTS_FUZZ_PLAYED_CLIENT_H

#include "fuzz/played.h"

#include "client/local.h"

enum { WISHES = 60, KEYS_A_GET = 4, OWN_KEYS = 4 };

enum wish_kind { WISH_TEXT, WISH_VALUES, WISH_LINE, WISH_NUMBER, WISH_META, WISH_STATS };

struct wish {
    enum wish_kind kind;
    bool optional;  /* quiet: perhaps there is no answer */
    bool may_fail;  /* the route refuses it */
    bool cas;       /* VALUES: with a number behind */
    bool base64;    /* META: the key is written so */
    bool shows_key; /* META: the answer repeats it */
    char letter;    /* META: which command */
    uint8_t keys_n; /* VALUES; the others have at most one */
    uint8_t keys[KEYS_A_GET];
    uint32_t serial; /* LINE: of the value that is stored, or 0 */
    uint32_t token;  /* META: its opaque */
    const char *
        text; /* TEXT: the answer; LINE: the words that it may be, each with a space before and behind */
};

struct player {
    int fd; /* -1: not in the game */
    char letter;
    bool wild;
    bool ending; /* has quit or sends no more */
    bool ended;  /* was closed by the worker */
    struct bytes in, out;
    struct wish wishes[WISHES];
    size_t wishes_n;
    uint64_t heads;                             /* bit i: wish i may be the next that is answered */
    uint32_t acked[OWN_KEYS], issued[OWN_KEYS]; /* newest serials stored for certain, sent */
};

static const char ENDS[] = "END\r\n";

static bool begins(const uint8_t *at, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(at, text, strlen(text)) == 0;
}

static bool is_error(const uint8_t *at, size_t len)
{
    return begins(at, len, "SERVER_ERROR ") || begins(at, len, "CLIENT_ERROR ") ||
           begins(at, len, "ERROR\r\n");
}

/* --- asking ------------------------------------------------------------------------------------ */

static struct wish *wish_add(struct player *c, enum wish_kind kind)
{
    struct wish *w = &c->wishes[c->wishes_n++];
    *w = (struct wish){.kind = kind};
    return w;
}

/* The key's text; what it means for the wish (NULL: nobody waits) is noted. */
static void pick_key(const struct player *c, struct wish *w, uint8_t number, char *key)
{
    key_text(key, c->letter, number);
    if (!w) return;
    if (key[0] == 'e') w->may_fail = true;
    w->keys[w->keys_n++] = number;
}

static void wish_text(struct player *c, const char *request, const char *text)
{
    bytes_say(&c->out, "%s", request);
    wish_add(c, WISH_TEXT)->text = text;
}

static void ask_get(struct player *c, uint8_t how)
{
    static const char *const names[] = {"get", "gets", "gat 30", "gats -1"};
    struct wish *w = wish_add(c, WISH_VALUES);
    char key[KEY_ROOM];
    w->cas = how & 1;
    bytes_say(&c->out, "%s", names[how & 3]);
    for (unsigned n = 1 + (how >> 2) % KEYS_A_GET; n > 0; n--) {
        pick_key(c, w, take(&game.in), key);
        bytes_say(&c->out, "%s%s", how & 64 ? "  " : " ", key);
    }
    bytes_say(&c->out, how & 128 ? "\n" : "\r\n");
}

static uint32_t new_serial(struct player *c, uint8_t number, uint8_t how)
{
    char key[KEY_ROOM];
    game.serial = (game.serial / PADS + 1) * PADS + (how & 64 ? how % PADS : how % 5);
    key_text(key, c->letter, number);
    if (key[0] == 'p') c->issued[number / 8 % OWN_KEYS] = game.serial;
    return game.serial;
}

static void say_value_of(struct player *c, uint8_t number, uint32_t serial)
{
    char key[KEY_ROOM], sent[KEY_ROOM];
    key_text(key, c->letter, number);
    key_sent(sent, key);
    value_make(&c->out, sent, serial, 'C');
    bytes_say(&c->out, "\r\n");
}

static size_t len_of(struct player *c, uint8_t number, uint32_t serial)
{
    char key[KEY_ROOM], sent[KEY_ROOM];
    key_text(key, c->letter, number);
    key_sent(sent, key);
    return value_len(sent, serial);
}

static void ask_store(struct player *c, uint8_t how)
{
    static const char *const names[] = {"set", "add", "replace", "cas", "prepend", "set"};
    const char *name = names[how % 6];
    bool noreply = how & 32;
    char key[KEY_ROOM];
    uint8_t number = take(&game.in);
    struct wish *w = noreply ? NULL : wish_add(c, WISH_LINE);
    uint32_t serial = new_serial(c, number, how);
    pick_key(c, w, number, key);
    if (w) {
        w->text = " STORED NOT_STORED EXISTS NOT_FOUND ";
        w->serial = how % 6 == 4 ? 0 : serial;
    }
    bytes_say(&c->out, "%s %s %u 0 %zu%s%s\r\n", name, key, serial & 0xffff,
              len_of(c, number, serial), how % 6 == 3 ? " 77" : "", noreply ? " noreply" : "");
    say_value_of(c, number, serial);
}

static void ask_change(struct player *c, uint8_t how)
{
    static const char *const names[] = {"delete", "touch", "incr", "decr"};
    static const char *const behind[] = {"", " 60", " 1", " 1"};
    static const char *const texts[] = {" DELETED NOT_FOUND ", " TOUCHED NOT_FOUND ", NULL, NULL};
    bool noreply = how & 4, counts = (how & 3) > 1;
    char key[KEY_ROOM];
    struct wish *w = noreply ? NULL : wish_add(c, counts ? WISH_NUMBER : WISH_LINE);
    pick_key(c, w, take(&game.in), key);
    if (w) w->text = texts[how & 3];
    bytes_say(&c->out, "%s %s%s%s\r\n", names[how & 3], key, behind[how & 3],
              noreply ? " noreply" : "");
}

static void ask_meta(struct player *c, uint8_t how)
{
    struct wish *w = wish_add(c, WISH_META);
    char key[KEY_ROOM], base64[KEY_ROOM];
    uint8_t number = take(&game.in), flags = take(&game.in);
    pick_key(c, w, number, key);
    w->letter = "gsdag"[how % 5];
    w->token = ++game.serial;
    w->optional = flags & 1;
    w->shows_key = flags & 2;
    w->base64 = flags & 4 && w->letter == 'g' && strlen(key) < 180;
    key_base64(base64, key);
    bytes_say(&c->out, "m%c %s", w->letter, w->base64 ? base64 : key);
    uint32_t serial = w->letter == 's' ? new_serial(c, number, how) : 0;
    if (w->letter == 's') bytes_say(&c->out, " %zu", len_of(c, number, serial));
    bytes_say(&c->out, " O%u%s%s%s%s\r\n", w->token, w->optional ? " q" : "",
              w->shows_key ? " k" : "", w->base64 ? " b" : "",
              w->letter == 'g' || w->letter == 'a' ? " v" : "");
    if (w->letter == 's') say_value_of(c, number, serial);
}

static const struct {
    const char *request, *text;
} others[] = {
    {"mn\r\n", "MN\r\n"},
    {"version\r\n", "VERSION " LOCAL_VERSION "\r\n"},
    {"mn\n", "MN\r\n"},
    {"verbosity 1\r\n", "OK\r\n"},
    {"\r\n", "ERROR\r\n"},
    {"get\r\n", "ERROR\r\n"},
    {"foo s0\r\n", "ERROR\r\n"},
    {"set s0 0 0\r\n", "ERROR\r\n"},
    {"set s0 s1 0 x 4\r\nmn\r\n\r\n", "CLIENT_ERROR bad command line format\r\n"},
    {"set s0 0 0 2\r\nabc\n", "CLIENT_ERROR bad data chunk\r\n"},
    {"set s0 0 0 -1\r\n", "CLIENT_ERROR bad command line format\r\n"},
    {"get a\rb\r\n", "CLIENT_ERROR bad command line format\r\n"},
    {"incr s0 x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n"},
    {"touch s0 x\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
    {"delete s0 1\r\n", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"},
    {"mg s0 v v\r\n", "CLIENT_ERROR duplicate flag\r\n"},
    {"mg\r\n", "ERROR\r\n"},
    {"mg ! b\r\n", "CLIENT_ERROR error decoding key\r\n"},
    {"ms s0 S2\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\n"},
    {"ms s0 2 O1 O2\r\nmn\r\n", "CLIENT_ERROR duplicate flag\r\n"},
    {"shutdown\r\n", "ERROR: shutdown not enabled\r\n"},
    {"stats detail dump\r\n", "END\r\n"},
    {"flush_all x\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
};

static void ask_other(struct player *c, uint8_t how)
{
    size_t n = sizeof others / sizeof *others;
    if (how % (n + 2) < n) {
        wish_text(c, others[how % (n + 2)].request, others[how % (n + 2)].text);
    } else if (how % (n + 2) == n) {
        bytes_say(&c->out, "flush_all\r\n");
        wish_add(c, WISH_LINE)->text = " OK ";
    } else {
        if (how < 128)
            bytes_say(&c->out, "stats items\r\n");
        else
            bytes_say(&c->out, "stats explain get r%u\r\n", how);
        wish_add(c, WISH_STATS);
    }
}

static void player_ask(struct player *c)
{
    uint8_t what = take(&game.in), how = take(&game.in);
    if (c->fd < 0 || c->ending || c->wishes_n == WISHES) return;
    switch (what % 8) {
    case 0:
    case 1:
    case 2: ask_get(c, how); break;
    case 3:
    case 4: ask_store(c, how); break;
    case 5: ask_change(c, how); break;
    case 6: ask_meta(c, how); break;
    default: ask_other(c, how); break;
    }
}

/* Any bytes, but none that could make a value or an own key of somebody. */
static void player_ask_wildly(struct player *c)
{
    static const char *const words[] = {"get ",   "set ",     " 0 0 3\r\nabc\r\n", "\r\n",
                                        "mg s0 ", "ms s1 3 ", "gat 0 s0 ",         " noreply\r\n"};
    if (c->fd < 0 || c->ending) return;
    c->wild = true;
    for (unsigned n = take(&game.in) % 16; n > 0; n--) {
        uint8_t byte = take(&game.in);
        if (byte >= 248) bytes_say(&c->out, "%s", words[byte - 248]);
        if (byte == 'p') byte = 'q';
        if (byte < 248 && byte != '|') bytes_add(&c->out, &byte, 1);
    }
}

/* --- being answered ---------------------------------------------------------------------------- */

/* A line of an answer with its value, if it has one; 0 when it is not whole. */
static size_t piece_len(const uint8_t *at, size_t len)
{
    char head[KEY_ROOM + 64];
    size_t line = line_len(at, len), size = 0;
    if (line == 0) return 0;
    check(line >= 2 && at[line - 2] == '\r');
    snprintf(head, sizeof head, "%.*s", (int)line, (const char *)at);
    if (begins(at, len, "VALUE ")) check(sscanf(head, "VALUE %*s %*u %zu", &size) == 1);
    if (begins(at, len, "VA ")) check(sscanf(head, "VA %zu", &size) == 1);
    if (!begins(at, len, "VA")) return line;
    check(size <= VALUE_LIMIT);
    if (len < line + size + 2) return 0;
    check(memcmp(at + line + size, "\r\n", 2) == 0);
    return line + size + 2;
}

/* A whole answer; 0 when it is not whole. */
static size_t answer_len(const uint8_t *at, size_t len)
{
    size_t n = 0;
    bool more;
    do {
        size_t piece = piece_len(at + n, len - n);
        if (piece == 0) return 0;
        more = begins(at + n, len - n, "VALUE ") || begins(at + n, len - n, "STAT ");
        n += piece;
    } while (more);
    return n;
}

/* A value that the client sees under the name of its key: it is that key's, and for an own one not older than what it knows. */
static bool value_is_right(const struct player *c, uint8_t number, bool base64,
                           const uint8_t *value, size_t len, uint32_t *serial)
{
    char key[KEY_ROOM], sent[KEY_ROOM], wire[KEY_ROOM], mark;
    key_text(key, c->letter, number);
    key_sent(sent, key);
    key_base64(wire, sent);
    if (!value_read(value, len, base64 ? wire : sent, serial, &mark)) return false;
    check(mark == 'C'); /* I3: behind an anomaly nothing counts */
    return true;
}

static bool is_fresh(const struct player *c, uint8_t number, uint32_t serial)
{
    size_t own = number / 8 % OWN_KEYS;
    return "pppsnrme"[number % 8] != 'p' || c->wild ||
           (serial >= c->acked[own] && serial <= c->issued[own]);
}

/* `VALUE key flags bytes[ cas]` and its data, for one of the keys from *next on. */
static bool is_value_of(const struct player *c, const struct wish *w, const uint8_t *at, size_t len,
                        size_t *next)
{
    char head[KEY_ROOM + 64], name[KEY_ROOM], key[KEY_ROOM];
    size_t line = line_len(at, len), size = 0;
    unsigned flags = 0, serial = 0, cas = 0;
    snprintf(head, sizeof head, "%.*s", (int)line, (const char *)at);
    int fields = sscanf(head, "VALUE %399s %u %zu %u", name, &flags, &size, &cas);
    for (; *next < w->keys_n; ++*next) {
        key_text(key, c->letter, w->keys[*next]);
        if (strcmp(key, name) == 0) break;
    }
    if (*next == w->keys_n || fields != (w->cas ? 4 : 3)) return false;
    if (!value_is_right(c, w->keys[*next], false, at + line, size, &serial)) return false;
    return (serial & 0xffff) == flags && (!w->cas || cas == serial) &&
           is_fresh(c, w->keys[(*next)++], serial);
}

static bool fits_values(const struct player *c, const struct wish *w, const uint8_t *at, size_t len)
{
    size_t next = 0;
    while (begins(at, len, "VALUE ")) {
        size_t piece = piece_len(at, len);
        if (!is_value_of(c, w, at, piece, &next)) return false;
        at += piece;
        len -= piece;
    }
    return (len == strlen(ENDS) && begins(at, len, ENDS)) ||
           (is_error(at, len) && (game.faulty || w->may_fail));
}

static bool fits_number(const struct player *c, const struct wish *w, const uint8_t *at, size_t len)
{
    char key[KEY_ROOM], sent[KEY_ROOM], text[KEY_ROOM];
    key_text(key, c->letter, w->keys[0]);
    key_sent(sent, key);
    sprintf(text, "%llu\r\n", (unsigned long long)number_base(sent) + 1);
    return (len == strlen(text) && begins(at, len, text)) || begins(at, len, "NOT_FOUND\r\n");
}

static bool has_word(const char *words, const uint8_t *line, size_t len)
{
    char padded[64];
    snprintf(padded, sizeof padded, " %.*s ", (int)(len - 2), (const char *)line);
    return len < 32 && strstr(words, padded) != NULL;
}

/* What q leaves out. */
static bool is_common(const struct wish *w, const uint8_t *at, size_t len)
{
    if (w->letter == 'g') return begins(at, len, "EN");
    return begins(at, len, "HD") || (w->letter == 'a' && begins(at, len, "VA"));
}

/* The answer's flags are those asked for: the opaque always, the key as it was written. */
static bool fits_meta(const struct player *c, const struct wish *w, const uint8_t *at, size_t len)
{
    char line[KEY_ROOM * 2], key[KEY_ROOM], written[KEY_ROOM], flag[KEY_ROOM + 4];
    size_t line_n = line_len(at, len);
    uint32_t serial;
    static const char *const kinds[] = {"gHD", "gEN", "gVA", "sHD", "sNS",
                                        "dHD", "dNF", "aHD", "aNF", "aVA"};
    bool is_kind = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        is_kind |= kinds[i][0] == w->letter && begins(at, len, kinds[i] + 1);
    if (!is_kind && !(begins(at, len, "NS") && w->letter == 's')) return false;
    if (w->optional && is_common(w, at, len)) return false;
    snprintf(line, sizeof line, "%.*s ", (int)(line_n - 2), (const char *)at);
    sprintf(flag, " O%u ", w->token);
    if (!strstr(line, flag)) return false;
    key_text(key, c->letter, w->keys[0]);
    if (w->base64)
        key_base64(written, key);
    else
        strcpy(written, key);
    sprintf(flag, " k%s ", written);
    if (w->shows_key != (strstr(line, flag) != NULL)) return false;
    if (w->letter != 'g' || !begins(at, len, "VA")) return true;
    return value_is_right(c, w->keys[0], w->base64, at + line_n, len - line_n - 2, &serial) &&
           (w->base64 || is_fresh(c, w->keys[0], serial));
}

static bool fits(struct player *c, const struct wish *w, const uint8_t *at, size_t len)
{
    if (w->kind == WISH_TEXT && begins((const uint8_t *)w->text, strlen(w->text), "VERSION "))
        return begins(at, len, "VERSION 1.6."); /* the lowest of the servers' */
    if (w->kind == WISH_TEXT) return len == strlen(w->text) && begins(at, len, w->text);
    if (w->kind == WISH_VALUES) return fits_values(c, w, at, len);
    if (w->kind == WISH_META && game.lacks_meta && begins(at, len, "ERROR\r\n")) return true;
    if (is_error(at, len))
        return game.faulty || (w->may_fail && begins(at, len, "SERVER_ERROR refused\r\n"));
    switch (w->kind) {
    case WISH_LINE: return has_word(w->text, at, len);
    case WISH_NUMBER: return fits_number(c, w, at, len);
    case WISH_STATS: return begins(at, len, "STAT ") || begins(at, len, ENDS);
    default: return fits_meta(c, w, at, len);
    }
}

/* What the client learns from an answer: the value that it stored is there. */
static void learn(struct player *c, const struct wish *w, const uint8_t *at, size_t len)
{
    size_t own = w->keys[0] / 8 % OWN_KEYS;
    if (w->kind != WISH_LINE || !w->serial || !begins(at, len, "STORED\r\n")) return;
    if ("pppsnrme"[w->keys[0] % 8] == 'p') c->acked[own] = w->serial;
}

/* Quiet requests may be passed over, so that several wishes can be the one that is answered. */
static void player_take_answer(struct player *c, const uint8_t *at, size_t len)
{
    uint64_t next = 0;
    size_t last = 0, n = 0;
    for (size_t i = 0; i < c->wishes_n; i++) {
        if (!(c->heads >> i & 1)) continue;
        if (c->wishes[i].optional) c->heads |= 2ull << i;
        if (!fits(c, &c->wishes[i], at, len)) continue;
        next |= 2ull << i;
        last = i;
        n++;
    }
    if (!next)
        fprintf(stderr, "client %c, wishes %#llx of %zu: %.*s\n", c->letter,
                (unsigned long long)c->heads, c->wishes_n, (int)(len < 300 ? len : 300),
                (const char *)at);
    check(next != 0); /* I1: the next wish, and nothing else */
    c->heads = next;
    if (n == 1) learn(c, &c->wishes[last], at, len);
}

static void player_take_answers(struct player *c)
{
    size_t at = 0, n;
    while (!c->wild && at < c->in.len && (n = answer_len(c->in.at + at, c->in.len - at)) > 0) {
        player_take_answer(c, c->in.at + at, n);
        at += n;
    }
    bytes_drop(&c->in, c->wild ? c->in.len : at);
}

/* Nothing is owed to it. */
static bool player_is_answered(const struct player *c)
{
    uint64_t heads = c->heads;
    for (size_t i = 0; i < c->wishes_n; i++) {
        if (heads >> i & 1 && c->wishes[i].optional) heads |= 2ull << i;
    }
    return c->wild || heads >> c->wishes_n & 1;
}

/* --- the connection ---------------------------------------------------------------------------- */

static void player_leave(struct player *c)
{
    if (c->fd >= 0) close(c->fd);
    bytes_free(&c->in);
    bytes_free(&c->out);
    c->fd = -1;
}

static void player_write(struct player *c, size_t most)
{
    if (c->fd >= 0 && !c->ended && !bytes_send(&c->out, c->fd, most))
        bytes_drop(&c->out, c->out.len);
}

static void player_read(struct player *c, size_t most)
{
    if (c->fd < 0 || c->ended) return;
    c->ended = !bytes_receive(&c->in, c->fd, most);
    player_take_answers(c);
}

#endif
