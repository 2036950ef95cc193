/* Events for people. Keys and names hold any bytes, and go to logs and terminals: what is not printable ASCII is escaped. */
#include "base/live.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_plain(uint8_t byte, bool with_spaces)
{
    return (byte > ' ' || (byte == ' ' && with_spaces)) && byte < 0x7f && byte != '\\';
}

/* Returns the end of the text. */
static char *escape(const void *bytes, size_t n, bool with_spaces, char *to)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    for (size_t i = 0; i < n; i++) {
        if (is_plain(at[i], with_spaces)) {
            *to++ = (char)at[i];
            continue;
        }
        *to++ = '\\';
        *to++ = 'x';
        *to++ = digits[at[i] >> 4];
        *to++ = digits[at[i] & 15];
    }
    *to = '\0';
    return to;
}

const char *live_escape(const void *bytes, size_t n, char *text)
{
    if (n == 0) return strcpy(text, "-");
    (void)escape(bytes, n, false, text);
    return text;
}

/* ", WORD TEXT"; nothing for "". */
static int add(char *to, size_t room, const char *word, const char *text)
{
    int n = text[0] ? snprintf(to, room, ", %s %s", word, text) : 0;
    return n < (int)room ? n : (int)room - 1;
}

/* `user:bob@10.0.0.1:4711`, or the address alone. Returns text. */
static const char *who(const struct live_event *e, char text[LIVE_NAME + LIVE_CLIENT])
{
    snprintf(text, LIVE_NAME + LIVE_CLIENT, "%s%s%s", e->identity, e->identity[0] ? "@" : "",
             e->client);
    return text;
}

const char *live_slow_line(const struct live_event *e, char line[LIVE_LINE])
{
    char key[4 * LIVE_KEY + 2], client[LIVE_NAME + LIVE_CLIENT];
    int n = snprintf(line, LIVE_LINE, "%s%s%s: %.1f ms: %s", e->command, e->key_len ? " " : "",
                     e->key_len ? live_escape(e->key, e->key_len, key) : "", (double)e->us / 1e3,
                     e->result == LIVE_ERROR ? e->text : live_result_text(e->result));
    n += add(line + n, (size_t)(LIVE_LINE - n), "client", who(e, client));
    n += add(line + n, (size_t)(LIVE_LINE - n), "route", e->route);
    n += add(line + n, (size_t)(LIVE_LINE - n), "pool", e->pool);
    n += add(line + n, (size_t)(LIVE_LINE - n), "server", e->server);
    const char *between = "; ";
    for (unsigned i = 0; i < LIVE_STAGE_COUNT; i++, between = ", ")
        n += snprintf(line + n, (size_t)(LIVE_LINE - n), "%s%s %.1f ms", between,
                      live_stage_text(i), (double)e->stages[i] / 1e3);
    return line;
}

void live_print_time(double at, char to[LIVE_TIME])
{
    struct tm parts;
    time_t seconds = (time_t)at;
    gmtime_r(&seconds, &parts);
    size_t n = strftime(to, LIVE_TIME, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(to + n, LIVE_TIME - n, ".%03dZ", (int)((at - (double)seconds) * 1000));
}

/* " COLUMN", at the end of a line that has room for the longest one. */
static char *add_column(char *to, const char *text)
{
    *to++ = ' ';
    (void)live_escape(text, strlen(text), to);
    return to + strlen(to);
}

const char *live_line(const struct live_event *e, char line[LIVE_LINE])
{
    char when[LIVE_TIME], key[4 * LIVE_KEY + 2], client[LIVE_NAME + LIVE_CLIENT];
    live_print_time(e->at, when);
    int n = snprintf(line, LIVE_LINE, "%s %llu %s %s %s %llu", when, (unsigned long long)e->us,
                     e->command, live_escape(e->key, e->key_len, key), live_result_text(e->result),
                     (unsigned long long)e->bytes);
    char *to = line + n;
    to = add_column(to, e->server);
    to = add_column(to, e->pool);
    to = add_column(to, e->route);
    to = add_column(to, who(e, client));
    to = add_column(to, e->listener);
    if (!e->text[0]) return line;
    *to++ = ' ';
    (void)escape(e->text, strlen(e->text), true, to);
    return line;
}
