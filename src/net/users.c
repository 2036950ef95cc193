/* What a client says is compared with every line, whole and to the end, though the first byte may differ: else the time of an answer would show how much of a password, or
 * which name, was right. So a line takes its full size here, and is filled up with zero bytes; lengths are compared, too. 1,024 lines
 * take about 30 us. */
#include "net/users.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of 64 bits. The first two are the lengths. */
enum { ROOM = 256, WORDS = 2 * ROOM / 8 };
_Static_assert((int)USERS_NAME_MAX < (int)ROOM && (int)USERS_PASSWORD_MAX < (int)ROOM,
               "length and bytes have room");

struct user {
    uint64_t words[WORDS];
};

struct users {
    uint32_t references, n;
    struct user all[]; /* n */
};

/* How a name and a password are kept: in each half the length, then the bytes, then zeros. */
static void user_fill(struct user *u, const void *name, size_t name_len, const void *password,
                      size_t password_len)
{
    uint8_t *at = (uint8_t *)u->words;
    assert(name_len <= USERS_NAME_MAX && password_len <= USERS_PASSWORD_MAX);
    memset(u, 0, sizeof *u);
    at[0] = (uint8_t)name_len;
    memcpy(at + 1, name, name_len);
    at[ROOM] = (uint8_t)password_len;
    memcpy(at + ROOM + 1, password, password_len);
}

/* Ones where the two are the same, else 0, without a branch. */
static uint64_t user_same(const struct user *a, const struct user *b)
{
    uint64_t differs = 0;
    for (int i = 0; i < WORDS; i++) differs |= a->words[i] ^ b->words[i];
    return ((differs | (0 - differs)) >> 63) - 1;
}

/* --- reading ----------------------------------------------------------------------------------- */

static bool has_control_bytes(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)at[i] < ' ' || at[i] == 0x7f) return true;
    return false;
}

/* What is wrong with a line without its end, in constant text; NULL: nothing. */
static const char *line_wrong(const char *line, size_t len, const char *colon)
{
    if (len == 0) return "it is empty: each line must be user:password";
    if (has_control_bytes(line, len)) return "it has control bytes: write user:password as text";
    if (!colon) return "it has no colon: write user:password";
    size_t name = (size_t)(colon - line), password = len - name - 1;
    if (name == 0) return "it has no user name: write user:password";
    if (memchr(line, ' ', name)) return "the user name has a space, which no client could send";
    if (name > USERS_NAME_MAX) return "the user name is longer than 250 bytes";
    if (password == 0) return "it has no password: write user:password";
    if (password > USERS_PASSWORD_MAX) return "the password is longer than 250 bytes";
    return NULL;
}

/* Takes the line at text + *at, and moves *at behind it. False, and why. */
static bool take_line(struct users *u, const char *text, size_t len, size_t *at, char *why)
{
    const char *line = text + *at, *end = memchr(line, '\n', len - *at);
    size_t n = end ? (size_t)(end - line) : len - *at;
    *at += n + (end != NULL);
    if (n > 0 && line[n - 1] == '\r') n--;
    const char *colon = memchr(line, ':', n);
    const char *wrong = line_wrong(line, n, colon);
    if (!wrong && u->n == USERS_MOST) wrong = "more than 1024 users: leave some out";
    if (wrong) {
        snprintf(why, USERS_WHY, "line %u: %s", u->n + 1, wrong);
        return false;
    }
    user_fill(&u->all[u->n++], line, (size_t)(colon - line), colon + 1,
              (size_t)(line + n - colon - 1));
    return true;
}

static size_t users_size(uint32_t n)
{
    return sizeof(struct users) + n * sizeof(struct user);
}

struct users *users_read(const char *text, size_t len, char *why)
{
    uint32_t lines = 1;
    size_t at = 0;
    for (size_t i = 0; i < len && lines < USERS_MOST; i++) lines += text[i] == '\n';
    struct users *u = calloc(1, users_size(lines));
    if (!u) abort();
    u->references = 1;
    bool good = len > 0;
    if (!good) snprintf(why, USERS_WHY, "it is empty: write a line user:password for each user");
    while (good && at < len) good = take_line(u, text, len, &at, why);
    if (good) return u;
    users_give(u);
    return NULL;
}

/* --- using ------------------------------------------------------------------------------------- */

struct users *users_take(struct users *u)
{
    assert(u->references > 0);
    u->references++;
    return u;
}

void users_give(struct users *u)
{
    if (!u) return;
    assert(u->references > 0);
    if (--u->references > 0) return;
    explicit_bzero(u, users_size(u->n));
    free(u);
}

uint32_t users_count(const struct users *u)
{
    return u->n;
}

/* What is too long is nobody's, but is compared like the rest. */
bool users_know(const struct users *u, const void *name, size_t name_len, const void *password,
                size_t password_len)
{
    struct user said = {.words = {0}};
    uint64_t known = 0;
    bool fits = name_len <= USERS_NAME_MAX && password_len <= USERS_PASSWORD_MAX;
    user_fill(&said, name, fits ? name_len : 0, password, fits ? password_len : 0);
    for (uint32_t i = 0; i < u->n; i++) known |= user_same(&said, &u->all[i]);
    explicit_bzero(&said, sizeof said);
    return known != 0;
}
