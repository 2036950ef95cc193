/* One request at a time: `json status` is sent, and its answer is two lines, the document and {"ok":true}. When the connection ends, when an
 * answer does not come in time or is not one, the connection is closed, and a second later there is a new attempt; meanwhile the last
 * document stays. */
#include "tools/top_source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"

enum { READ_AT_ONCE = 64 * 1024, DEPTH_MOST = 8 };

static const double ANSWER_MOST = 10, RETRY = 1; /* seconds */
static const char request[] = "json status\n";

static bool source_sane(const struct top_source *s)
{
    return s->len <= s->room && (s->fd >= 0 || (!s->asks && s->len == 0));
}

void top_source_init(struct top_source *s, const struct addr_spec *spec, double interval)
{
    *s = (struct top_source){.spec = *spec, .interval = interval, .fd = -1};
}

void top_source_release(struct top_source *s)
{
    if (s->fd >= 0) close(s->fd);
    free(s->line);
    json_object_put(s->document);
    *s = (struct top_source){.fd = -1};
}

static bool lose(struct top_source *s, double now, const char *why)
{
    if (why != s->error) snprintf(s->error, sizeof s->error, "%s", why);
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    s->asks = false;
    s->len = 0;
    s->due = now + RETRY;
    return true;
}

/* NULL: it is not one value of JSON, and nothing behind it. */
static struct json_object *parse(const char *text, size_t len)
{
    struct json_tokener *t = json_tokener_new_ex(DEPTH_MOST);
    if (!t) abort();
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value = json_tokener_parse_ex(t, text, (int)len);
    if (value && json_tokener_get_parse_end(t) != len) {
        json_object_put(value);
        value = NULL;
    }
    json_tokener_free(t);
    return value;
}

bool top_source_read(struct top_source *s, const char *text, size_t len)
{
    struct json_object *document = parse(text, len);
    if (!json_object_object_get_ex(document, "version", NULL)) {
        json_object_put(document);
        snprintf(s->error, sizeof s->error, "the answer is not a status document");
        return false;
    }
    json_object_put(s->document);
    s->document = document;
    s->took = process_clock();
    s->error[0] = '\0';
    return true;
}

static void ask(struct top_source *s, double now)
{
    ssize_t n = send(s->fd, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    s->asks = n == (ssize_t)sizeof request - 1;
    s->due = now + (s->asks ? ANSWER_MOST : 0);
}

/* A whole line, without its end. False: the connection is of no use any more. */
static bool take_line(struct top_source *s, const char *line, size_t len, double now)
{
    static const char ok[] = "{\"ok\":true}", no[] = "{\"ok\":false";
    if (len >= sizeof no - 1 && memcmp(line, no, sizeof no - 1) == 0) {
        snprintf(s->error, sizeof s->error, "moongate refuses to tell its status");
        return false;
    }
    if (len != sizeof ok - 1 || memcmp(line, ok, len) != 0) return top_source_read(s, line, len);
    s->asks = false;
    s->due = now + s->interval;
    return true;
}

/* Takes the whole lines that have come. True: at least one. *good: all were as they should be. */
static bool take_lines(struct top_source *s, double now, bool *good)
{
    size_t at = 0;
    char *end;
    *good = true;
    while (*good && (end = memchr(s->line + at, '\n', s->len - at))) {
        size_t len = (size_t)(end - s->line) - at;
        bool cr = len > 0 && s->line[at + len - 1] == '\r';
        *good = take_line(s, s->line + at, len - cr, now);
        at += len + 1;
    }
    s->len -= at;
    memmove(s->line, s->line + at, s->len);
    return at > 0;
}

static void make_room(struct top_source *s)
{
    if (s->room - s->len >= READ_AT_ONCE) return;
    s->room = s->room ? s->room * 2 : (size_t)4 * READ_AT_ONCE;
    s->line = realloc(s->line, s->room);
    if (!s->line) abort();
}

/* Reads what has come. True: there is something new. */
static bool receive(struct top_source *s, double now)
{
    bool news = false, good = true;
    for (;;) {
        make_room(s);
        ssize_t n = recv(s->fd, s->line + s->len, READ_AT_ONCE, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return news;
        if (n <= 0) return lose(s, now, "the connection has ended");
        s->len += (size_t)n;
        news |= take_lines(s, now, &good);
        if (!good) return lose(s, now, s->error);
        if (s->len > TOP_LINE_MOST) return lose(s, now, "the answer is too long");
    }
}

/* Even a socket that takes connections at once may have a full backlog; then this attempt has failed. */
static bool connect_now(struct top_source *s, double now)
{
    char error[ADMIN_LINK_ERROR] = "it is too busy to take connections";
    s->fd = admin_link_connect(&s->spec, "--socket", now + 0.01, error);
    if (s->fd < 0) return lose(s, now, error);
    ask(s, now);
    return false;
}

bool top_source_step(struct top_source *s, double now)
{
    bool news = false;
    assert(source_sane(s));
    if (s->fd >= 0) news = receive(s, now);
    if (s->fd >= 0 && now >= s->due) {
        if (s->asks) return lose(s, now, "no answer in 10 seconds");
        ask(s, now);
    }
    if (s->fd < 0 && now >= s->due) news |= connect_now(s, now);
    return news;
}
