/* The text is read by another process, and at an upgrade by another version. What it says decides what a client may do, so it is taken
 * whole or not at all. */
#include "net/who.h"

#include <stdio.h>
#include <string.h>

static const char *const entries[] = {"proxy", "tls", "knocks", "auth", "in"};
static const char *const fronts[] = {"unknown", "text", "binary"};

static bool has_prefix(const char *name, size_t len, const char *prefix)
{
    return len >= strlen(prefix) && memcmp(name, prefix, strlen(prefix)) == 0;
}

bool identity_is(const char *identity, const char *name, size_t len)
{
    const char *colon = strchr(identity, ':');
    if (!colon || len == 0) return false;
    if (!has_prefix(name, len, IDENTITY_CERT) && !has_prefix(name, len, IDENTITY_USER))
        identity = colon + 1;
    return strlen(identity) == len && memcmp(identity, name, len) == 0;
}

bool identity_is_valid(const char *text)
{
    size_t len = strlen(text), prefix = strlen(IDENTITY_CERT);
    return len > prefix && len < IDENTITY_MAX &&
           (has_prefix(text, len, IDENTITY_CERT) || has_prefix(text, len, IDENTITY_USER));
}

bool who_is_nobody(const struct who *w)
{
    return w->from.len == 0 && !w->is_relayed && !w->identity[0];
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Spaces, '%' and bytes that are not printable become %XX. */
static void put(char *to, const char *name, const char *value)
{
    char *at = to + strlen(to), *end = to + WHO_TEXT_MAX;
    at += snprintf(at, (size_t)(end - at), " %s=", name);
    for (; *value && at < end - 4; value++) {
        unsigned char byte = (unsigned char)*value;
        at += snprintf(at, (size_t)(end - at),
                       byte > ' ' && byte < 0x7f && byte != '%' ? "%c" : "%%%02x", byte);
    }
}

const char *who_print(const struct who_moved *m, char text[WHO_TEXT_MAX])
{
    char address[ADDR_TEXT_MAX];
    snprintf(text, WHO_TEXT_MAX, "1 entry=%s front=%s%s", entries[m->entry], fronts[m->front],
             m->who.is_relayed ? " relayed" : "");
    if (m->who.from.len) put(text, "from", addr_print(&m->who.from, address));
    if (m->who.identity[0]) put(text, "identity", m->who.identity);
    return text;
}

/* --- reading ----------------------------------------------------------------------------------- */

static int hex(char byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                                        : -1;
}

/* False: it does not fit into size bytes, or is damaged. */
static bool read_value(char *to, size_t size, const char *at, size_t len)
{
    size_t n = 0;
    for (const char *end = at + len; at < end; at++) {
        int byte = (unsigned char)*at;
        if (byte == '%') {
            if (end - at < 3 || hex(at[1]) < 0 || hex(at[2]) < 0) return false;
            byte = hex(at[1]) * 16 + hex(at[2]);
            at += 2;
        }
        if (n == size - 1 || byte == 0) return false;
        to[n++] = (char)byte;
    }
    to[n] = '\0';
    return n > 0;
}

static int find(const char *const *words, int n, const char *at, size_t len)
{
    for (int i = 0; i < n; i++)
        if (strlen(words[i]) == len && memcmp(words[i], at, len) == 0) return i;
    return -1;
}

static bool read_from(struct who *w, const char *at, size_t len)
{
    char text[ADDR_TEXT_MAX];
    struct addr_spec spec;
    return read_value(text, sizeof text, at, len) && !addr_spec_parse(&spec, text, strlen(text)) &&
           spec.has_port && addr_spec_is_literal(&spec, 0, &w->from) && !addr_is_unix(&w->from);
}

/* Whether the word is `name=...`; then *at and *len become its value. */
static bool is_named(const char **at, size_t *len, const char *name)
{
    size_t n = strlen(name);
    if (*len <= n || memcmp(*at, name, n) != 0 || (*at)[n] != '=') return false;
    *at += n + 1;
    *len -= n + 1;
    return true;
}

static bool read_word(struct who_moved *m, const char *at, size_t len)
{
    int number;
    if (is_named(&at, &len, "entry")) {
        if ((number = find(entries, 5, at, len)) < 0) return false;
        m->entry = (enum client_entry)number;
    } else if (is_named(&at, &len, "front")) {
        if ((number = find(fronts, 3, at, len)) < 0) return false;
        m->front = (enum client_front)number;
    } else if (len == 7 && memcmp(at, "relayed", len) == 0) {
        m->who.is_relayed = true;
    } else if (is_named(&at, &len, "from")) {
        return read_from(&m->who, at, len);
    } else if (is_named(&at, &len, "identity")) {
        return read_value(m->who.identity, IDENTITY_MAX, at, len);
    }
    return true;
}

bool who_read(struct who_moved *m, const char *text)
{
    memset(m, 0, sizeof *m);
    bool good = strncmp(text, "1 entry=", 8) == 0;
    for (const char *at = text + 2; good && *at;) {
        size_t len = strcspn(at, " ");
        good = read_word(m, at, len);
        at += len + (at[len] == ' ');
    }
    if (good) return true;
    memset(m, 0, sizeof *m);
    return false;
}
