/* Listeners and servers: what nutcracker takes, and the same place as moongate writes it.
 *
 * nutcracker reads both from the end, and looks names up with getaddrinfo(3). moongate's addresses have a stricter grammar
 * (net/addr.h), so what the C library alone takes for a number (0, 127.1) is written out. A server's name on the ring stays what
 * nutcracker makes of the text, byte by byte: where mg.pool would make another one, it is written behind the server. */
#include "convert/twemproxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/server.h"

/* The last such byte of len; NULL: none. */
static const char *last(const char *text, size_t len, char byte)
{
    return len ? memrchr(text, byte, len) : NULL;
}

static bool read_port(struct twem *t, uint32_t line, const char *text, size_t len, uint16_t *port)
{
    int32_t number = 0;
    if (!twem_read_number(t, line, text, len, &number) || number < 1 || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

/* --- hosts and paths ------------------------------------------------------------------------------ */

static const char *parse_path(struct addr_spec *spec, const char *path, size_t len)
{
    char text[sizeof spec->path + sizeof "unix:"];
    if (len >= sizeof spec->path) return "the path is longer than 107 bytes";
    memcpy(text, "unix:", 5);
    memcpy(text + 5, path, len);
    return addr_spec_parse(spec, text, 5 + len);
}

static bool is_star(const char *host, size_t len)
{
    return len == 1 && host[0] == '*';
}

static bool is_bracketed(const char *host, size_t len)
{
    return len > 2 && host[0] == '[' && host[len - 1] == ']';
}

/* A host that getaddrinfo(3) takes: also numbers as inet_aton(3) reads them, and '*', which is the loopback address where no
 * wildcard was asked for. Brackets it does not take; to moongate they can only mean what is inside. */
static const char *parse_host(struct addr_spec *spec, const char *host, size_t len)
{
    char text[INET_ADDRSTRLEN], number[64];
    struct in_addr address;
    const char *wrong = addr_spec_parse_host(spec, host, len);
    if (!wrong) return NULL;
    if (is_star(host, len)) return addr_spec_parse_host(spec, "localhost", strlen("localhost"));
    if (is_bracketed(host, len)) return addr_spec_parse_host(spec, host + 1, len - 2);
    if (len >= sizeof number) return wrong;
    memcpy(number, host, len);
    number[len] = 0;
    if (strspn(number, "0123456789abcdefxABCDEFX.") < len)
        return wrong; /* inet_aton(3) ends at a blank */
    if (!inet_aton(number, &address) || !inet_ntop(AF_INET, &address, text, sizeof text))
        return wrong;
    return addr_spec_parse_host(spec, text, strlen(text));
}

/* --- listeners, as nutcracker reads them --------------------------------------------------------- */

/* What follows the last blank is the mode: strtol(3) reads it, and what it takes for no number is 0, no mode. */
static bool take_path(struct twem *t, struct twem_pool *p)
{
    const struct twem_text *text = &p->listen;
    const char *blank = last(text->at, text->len, ' ');
    p->listen_len = blank ? (size_t)(blank - text->at) : text->len;
    if (blank) {
        errno = 0;
        p->mode = (unsigned)strtol(blank + 1, NULL, 8);
        if (errno || p->mode > 0777)
            return convert_fail(
                t->out, t->path, text->line,
                "\"%.100s\" is no mode of a socket: write three octal digits, such as 660",
                blank + 1);
        if (blank[1] == 0 || strspn(blank + 1, "01234567") != strlen(blank + 1))
            convert_note(
                t->out, t->path, text->line,
                "nutcracker takes \"%.100s\", behind the last blank, for the mode of the socket, "
                "and reads it as %o",
                blank + 1, p->mode);
    }
    if (p->listen_len < sizeof((struct addr_spec *)0)->path) return true;
    return convert_fail(t->out, t->path, text->line,
                        "the path of the socket is longer than 107 bytes: give it a shorter one");
}

bool twem_take_listen(struct twem *t, struct twem_pool *p, enum twem_option option,
                      const struct twem_text *value)
{
    p->listen = twem_copy(value->at, value->len, value->line);
    if (value->at[0] == '/') return take_path(t, p);
    const char *colon = last(value->at, value->len, ':');
    if (!colon)
        return convert_fail(
            t->out, t->path, value->line,
            "\"%.100s\" is no address to listen on: write HOST:PORT, or a path that begins "
            "with '/'",
            value->at);
    p->listen_len = (size_t)(colon - value->at);
    if (!read_port(t, value->line, colon + 1, value->len - p->listen_len - 1, &p->port))
        return convert_fail(t->out, t->path, value->line,
                            "the port of \"%.100s\" is not in 1..65535: write HOST:PORT",
                            value->at);
    struct addr_spec ignored;
    const char *wrong = is_bracketed(value->at, p->listen_len)
                            ? "an IPv6 address is written without brackets there"
                            : parse_host(&ignored, value->at, p->listen_len);
    if (!wrong) return true;
    return convert_fail(
        t->out, t->path, value->line,
        "nutcracker cannot look up the host of \"%.100s\": %s: write HOST:PORT, with "
        "0.0.0.0 for all addresses",
        value->at, wrong);
}

/* --- servers, as nutcracker reads them ----------------------------------------------------------- */

enum { IS_NO_SERVER, BAD_WEIGHT, ZERO_WEIGHT, BAD_PORT };

static bool fail_server(struct twem *t, const struct twem_server *s, int why)
{
    static const char *const texts[] = {
        [IS_NO_SERVER] =
            "\"%.100s\" is no server: write HOST:PORT:WEIGHT or /PATH:WEIGHT, and a name "
            "behind one blank if it is to have one",
        [BAD_WEIGHT] =
            "the weight of \"%.100s\" is not a number: write HOST:PORT:WEIGHT, and a name of one "
            "word behind one blank if it is to have one",
        [ZERO_WEIGHT] =
            "the weight of \"%.100s\" is 0, which nutcracker refuses: take the server out",
        [BAD_PORT] = "the port of \"%.100s\" is not in 1..65535: write HOST:PORT:WEIGHT",
    };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return convert_fail(t->out, t->path, s->text.line, texts[why], s->text.at);
#pragma GCC diagnostic pop
}

/* The name: what was given; else the host, with its port as it is written unless that is 11211. Of a path, it is the path and the
 * colon behind it. */
static char *make_name(const struct twem_server *s, const char *given, size_t port_len)
{
    size_t len = s->host_len;
    if (given) return twem_copy(given, strlen(given), 0).at;
    if (s->port != SERVER_PORT) len += 1 + port_len;
    return twem_copy(s->text.at, len, 0).at;
}

bool twem_take_server(struct twem *t, struct twem_pool *p, enum twem_option option,
                      const struct twem_text *value)
{
    struct twem_server *s = twem_add_server(p);
    s->text = twem_copy(value->at, value->len, value->line);
    const char *text = s->text.at, *blank = last(text, s->text.len, ' ');
    bool is_path = text[0] == '/';
    size_t len = blank ? (size_t)(blank - text) : s->text.len, port_len = 0;
    int32_t weight = 0;

    const char *weight_colon = last(text, len, ':');
    if (!weight_colon) return fail_server(t, s, IS_NO_SERVER);
    s->host_len = (size_t)(weight_colon - text);
    const char *port_colon = last(text, s->host_len, ':');
    if (is_path == (port_colon != NULL)) return fail_server(t, s, IS_NO_SERVER);
    if (!twem_read_number(t, value->line, weight_colon + 1, len - s->host_len - 1, &weight))
        return fail_server(t, s, BAD_WEIGHT);
    if (weight == 0) return fail_server(t, s, ZERO_WEIGHT);
    s->weight = (uint32_t)weight;
    if (port_colon) {
        port_len = (size_t)(weight_colon - port_colon) - 1;
        s->host_len = (size_t)(port_colon - text);
        if (!read_port(t, value->line, port_colon + 1, port_len, &s->port))
            return fail_server(t, s, BAD_PORT);
    }
    s->name = make_name(s, blank ? blank + 1 : NULL, port_len);
    return true;
}

/* --- the same for moongate ------------------------------------------------------------------------ */

static bool fail_place(struct twem *t, const struct twem_text *text, const char *wrong)
{
    return convert_fail(
        t->out, t->path, text->line,
        "\"%.100s\": %s: nutcracker accepts this, moongate does not: write it another way",
        text->at, wrong);
}

static void note_star(struct twem *t, uint32_t line)
{
    convert_note(t->out, t->path, line,
                 "nutcracker takes '*' for localhost, not for all addresses: those are 0.0.0.0");
}

bool twem_place_listener(struct twem *t, struct twem_pool *p)
{
    struct server_spec spec = {0};
    char text[SERVER_TEXT_MAX];
    const char *wrong = p->port ? parse_host(&spec.addr, p->listen.at, p->listen_len)
                                : parse_path(&spec.addr, p->listen.at, p->listen_len);
    if (wrong) return fail_place(t, &p->listen, wrong);
    if (is_star(p->listen.at, p->listen_len)) note_star(t, p->listen.line);
    spec.addr.port = p->port;
    server_show(&spec, text);
    p->address = twem_copy(text, strlen(text), 0).at;
    return true;
}

/* The name is written where moongate would call the server something else. */
bool twem_place_server(struct twem *t, struct twem_server *s)
{
    struct server_spec spec = {0};
    char text[SERVER_TEXT_MAX], ring[SERVER_TEXT_MAX], *shown = NULL;
    const char *wrong = s->port ? parse_host(&spec.addr, s->text.at, s->host_len)
                                : parse_path(&spec.addr, s->text.at, s->host_len);
    if (wrong) return fail_place(t, &s->text, wrong);
    if (is_star(s->text.at, s->host_len)) note_star(t, s->text.line);
    if (is_bracketed(s->text.at, s->host_len))
        convert_note(
            t->out, t->path, s->text.line,
            "nutcracker cannot look up an IPv6 address in brackets: the server is always down "
            "there, and not here");
    spec.addr.port = s->port;
    bool is_usual = strcmp(server_ring_name(&spec, NAMING_TWEMPROXY, ring), s->name) == 0;
    wrong = server_spec_set_name(&spec, s->name, strlen(s->name));
    if (wrong) return fail_place(t, &s->text, wrong);
    if (s->weight > SERVER_WEIGHT_MAX)
        return convert_fail(
            t->out, t->path, s->text.line,
            "nutcracker accepts the weight of \"%.100s\", but it is above %d, moongate's largest: "
            "divide all weights of the pool by one number",
            s->text.at, SERVER_WEIGHT_MAX);
    server_show(&spec, text);
    if (asprintf(&shown, "%s:%u%s%s", text, s->weight, is_usual ? "" : " ",
                 is_usual ? "" : s->name) < 0)
        abort();
    s->shown = shown;
    return true;
}
