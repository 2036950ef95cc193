/* played_client: a client as the worker sees it, played by worker_fuzz.c: what it asks (played_asks.h), and what it is answered.
 *
 * Every answer must be one that the next wish allows, in the order of the requests (I1), with values of the client's own keys only
 * (I2). Anything else is a broken promise. A wild client sends any bytes and believes nothing. Owns nothing but the players'
 * connections.
 */
#ifndef TESTS_FUZZ_PLAYED_CLIENT_H
#define TESTS_FUZZ_PLAYED_CLIENT_H

#include "fuzz/played_frames.h"

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
    if (w->is_gat && game.closes && begins(at, len, "ERROR\r\n")) return true;
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
    /* a server that is asked in classic words gets the key itself */
    bool is_right =
        value_is_right(c, w->keys[0], w->base64, at + line_n, len - line_n - 2, &serial) ||
        (w->base64 && game.lacks_meta &&
         value_is_right(c, w->keys[0], false, at + line_n, len - line_n - 2, &serial));
    return is_right && (w->base64 || is_fresh(c, w->keys[0], serial));
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
    if (c->framed) {
        player_take_frames(c);
        return;
    }
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
    if (c->framed) return c->heard >= c->loud;
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
