/* played_asks: a played client and what it asks: requests of every sort, and a wish for each, which says what may be answered.
 *
 * A player owns its connection and the bytes on their way, until player_leave. Wishes are plain values, in the requests' order.
 */
#ifndef TESTS_FUZZ_PLAYED_ASKS_H
#define TESTS_FUZZ_PLAYED_ASKS_H

#include "fuzz/played.h"

#include "client/local.h"

enum { PLAYER_FRAMES = 256, WISHES = 60, KEYS_A_GET = 4, OWN_KEYS = 4 };

enum wish_kind { WISH_TEXT, WISH_VALUES, WISH_LINE, WISH_NUMBER, WISH_META, WISH_STATS };

struct wish {
    enum wish_kind kind;
    bool optional;  /* quiet: perhaps there is no answer */
    bool may_fail;  /* the route refuses it */
    bool is_gat;    /* VALUES: a server that closes on it does not get it */
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
    bool has_asked;
    bool framed; /* in frames, see played_frames.h: the last ones, by their opaques */
    uint32_t opaque, loud,
        heard; /* of the last frame, of the last that is answered for certain, of the last answer */
    uint8_t ops[PLAYER_FRAMES], numbers[PLAYER_FRAMES];
    bool ending; /* has quit or sends no more */
    bool ended;  /* was closed by the worker */
    struct bytes in, out;
    struct wish wishes[WISHES];
    size_t wishes_n;
    uint64_t heads;                             /* bit i: wish i may be the next that is answered */
    uint32_t acked[OWN_KEYS], issued[OWN_KEYS]; /* newest serials stored for certain, sent */
};

static struct wish *wish_add(struct player *c, enum wish_kind kind)
{
    struct wish *w = &c->wishes[c->wishes_n++];
    *w = (struct wish){.kind = kind};
    return w;
}

/* The key's text, and a note of it in the wish (NULL: no answer comes). */
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
    w->is_gat = how & 2;
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
    if (c->fd < 0 || c->ending || c->framed || c->wishes_n == WISHES) return;
    c->has_asked = true;
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

/* Any bytes, but none that could make a value or the own key of a client. */
static void player_ask_wildly(struct player *c)
{
    static const char *const words[] = {"get ",   "set ",     " 0 0 3\r\nabc\r\n", "\r\n",
                                        "mg s0 ", "ms s1 3 ", "gat 0 s0 ",         " noreply\r\n"};
    if (c->fd < 0 || c->ending || c->framed) return;
    c->wild = true;
    for (unsigned n = take(&game.in) % 16; n > 0; n--) {
        uint8_t byte = take(&game.in);
        if (byte >= 248) bytes_say(&c->out, "%s", words[byte - 248]);
        if (byte == 'p') byte = 'q';
        if (byte < 248 && byte != '|') bytes_add(&c->out, &byte, 1);
    }
}

#endif
