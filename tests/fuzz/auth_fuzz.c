/* Any bytes as the first ones of a client that must be a user, and as a file of users. Nothing is read beyond them; cutting them changes
 * nothing; a file that is read lets in whom it names and nobody else; and the reason for a refusal never shows what the file says. */
#include "fuzz/fuzz.h"

#include "net/users.h"
#include "protocol/auth.h"
#include "protocol/request.h"

static struct auth_parse parse(const uint8_t *bytes, size_t len, uint8_t **exact)
{
    *exact = exact_copy(bytes, len);
    struct auth_parse p = auth_parse(*exact, len);
    check(p.consumed <= len && (p.status == AUTH_AGAIN) <= (p.consumed == 0));
    check(p.need == 0 || (p.status == AUTH_AGAIN && p.need > len));
    check(p.need <= LINE_MAX_BYTES + 1 + AUTH_VALUE_MAX + 2); /* I6 */
    check((p.status == AUTH_REFUSED) <= (p.error != NULL));
    check(p.status != AUTH_AGAIN || len < p.need || len <= LINE_MAX_BYTES);
    return p;
}

static void check_name(struct auth_name n, const uint8_t *bytes, size_t len)
{
    check(n.len > 0 && n.at >= bytes && n.at + n.len <= bytes + len);
    check(!memchr(n.at, ' ', n.len) && !memchr(n.at, 0, n.len));
}

/* What all lines and values of the bytes come to. */
static uint64_t digest_of(const uint8_t *data, size_t size)
{
    uint64_t digest = 0;
    for (size_t at = 0; at < size;) {
        uint8_t *exact;
        struct auth_parse p = parse(data + at, size - at, &exact);
        if (p.status == AUTH_TRY) {
            check_name(p.user, exact, p.consumed);
            check_name(p.password, p.user.at, (size_t)(exact + p.consumed - p.user.at));
            digest_bytes(&digest, p.user.at, p.user.len);
            digest_bytes(&digest, p.password.at, p.password.len);
        }
        free(exact);
        digest_number(&digest, p.status);
        if (p.error) digest_bytes(&digest, p.error, strlen(p.error));
        if (p.status == AUTH_AGAIN || p.status == AUTH_CLOSE) break;
        at += p.consumed;
    }
    return digest;
}

/* Cut anywhere, the first one waits until it is whole, and then is what it was. */
static void check_cuts(const uint8_t *data, size_t size)
{
    uint8_t *exact;
    struct auth_parse whole = parse(data, size, &exact);
    free(exact);
    for (size_t cut = 1; cut < size; cut = next_cut(cut, size, size * 2654435761u)) {
        struct auth_parse p = parse(data, cut, &exact);
        free(exact);
        if (p.status == AUTH_AGAIN)
            check(whole.status == AUTH_CLOSE || whole.consumed == 0 || cut < whole.consumed ||
                  cut < 2);
        if (p.status != AUTH_AGAIN)
            check(p.status == whole.status && p.consumed == whole.consumed &&
                  p.error == whole.error);
    }
}

/* --- files ------------------------------------------------------------------------------------- */

/* The lines of a file that was read name its users. */
static uint32_t check_lines(const struct users *u, const char *text, size_t size)
{
    uint32_t n = 0;
    for (const char *line = text, *end = text + size; line < end; n++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline ? newline : end;
        size_t len = (size_t)(stop - line);
        if (len > 0 && line[len - 1] == '\r') len--;
        const char *colon = memchr(line, ':', len);
        check(colon && colon > line && colon + 1 < line + len);
        size_t name = (size_t)(colon - line), password = len - name - 1;
        check(name <= USERS_NAME_MAX && password <= USERS_PASSWORD_MAX);
        check(users_know(u, line, name, colon + 1, password));
        check(!users_know(u, line, name, colon + 1, 0) &&
              !users_know(u, line, 0, colon + 1, password));
        check(!users_know(u, line, name, "\n", 1));
        line = newline ? newline + 1 : end;
    }
    return n;
}

static void check_file(const uint8_t *data, size_t size)
{
    char why[USERS_WHY] = "";
    uint8_t *exact = exact_copy(data, size);
    struct users *u = users_read((const char *)exact, size, why);
    check(!u == (why[0] != 0));
    if (u) check(check_lines(u, (const char *)exact, size) == users_count(u));
    users_give(u);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_file(data, size);
    if (size == 0) return 0;
    check(digest_of(data, size) == digest_of(data, size));
    check_cuts(data, size);
    return 0;
}
