/* A server as text: reading what operators and sources write, and the names that foreign systems use on their rings. */
#include "discovery/server.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- reading ----------------------------------------------------------------------------------- */

static bool all_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
    }
    return len > 0;
}

static const char *find_last(const char *text, size_t len, char byte)
{
    while (len > 0) {
        if (text[--len] == byte) return text + len;
    }
    return NULL;
}

/* Names are keys of the ring and words of the log and of `stats`: no spaces, no control bytes. */
const char *server_spec_set_name(struct server_spec *spec, const char *name, size_t len)
{
    if (len == 0) return "the name is missing";
    if (len >= sizeof spec->name) return "the name is longer than 255 bytes";
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte <= ' ' || byte == 0x7f) return "the name holds a space or control byte";
    }
    memcpy(spec->name, name, len);
    spec->name[len] = '\0';
    return NULL;
}

/* Digits only. The loop ends above the limit, so a long number cannot overflow. */
static const char *read_weight(struct server_spec *spec, const char *text, size_t len)
{
    double weight = 0;
    for (size_t i = 0; i < len && weight <= SERVER_WEIGHT_MAX; i++)
        weight = weight * 10 + (text[i] - '0');
    if (weight > SERVER_WEIGHT_MAX) return "the weight is not in 0..1000000";
    spec->weight = weight;
    return NULL;
}

/* The last colon, if a weight follows it: that is after a port or a path. The colons of an IPv6 address without brackets
 * are not taken for it. */
static const char *weight_colon(const char *text, size_t len)
{
    const char *last = find_last(text, len, ':');
    if (!last || !all_digits(last + 1, len - (size_t)(last + 1 - text))) return NULL;
    size_t before = (size_t)(last - text);
    if (before >= 5 && memcmp(text, "unix:", 5) == 0) return last;
    const char *port = find_last(text, before, ':');
    if (!port || !all_digits(port + 1, (size_t)(last - port - 1))) return NULL;
    if (text[0] == '[') return port[-1] == ']' ? last : NULL;
    return !memchr(text, ':', (size_t)(port - text)) ? last : NULL;
}

/* Fills in the usual port. */
static const char *check_port(struct server_spec *spec)
{
    assert(!spec->addr.path[0]);
    if (!spec->addr.has_port) spec->addr.port = SERVER_PORT;
    spec->addr.has_port = true;
    return spec->addr.port ? NULL : "port 0 is no port of a server: give 1 to 65535";
}

/* From the right: the name after the space, the weight after the last colon; what is left is the address. */
const char *server_spec_parse(struct server_spec *spec, const char *text, size_t len)
{
    const char *wrong = NULL;
    *spec = (struct server_spec){.weight = SERVER_WEIGHT_NONE};
    const char *space = memchr(text, ' ', len);
    if (space) {
        wrong = server_spec_set_name(spec, space + 1, len - (size_t)(space + 1 - text));
        len = (size_t)(space - text);
    }
    const char *colon = weight_colon(text, len);
    if (colon && !wrong) {
        wrong = read_weight(spec, colon + 1, len - (size_t)(colon + 1 - text));
        len = (size_t)(colon - text);
    }
    if (!wrong) wrong = addr_spec_parse(&spec->addr, text, len);
    if (wrong || spec->addr.path[0]) return wrong;
    return check_port(spec);
}

const char *server_spec_from_host(struct server_spec *spec, const char *host, size_t len,
                                  uint32_t port)
{
    *spec = (struct server_spec){.weight = SERVER_WEIGHT_NONE};
    const char *wrong = addr_spec_parse_host(&spec->addr, host, len);
    if (wrong) return wrong;
    if (port > UINT16_MAX) return "the port is not in 1..65535";
    spec->addr.port = (uint16_t)port;
    spec->addr.has_port = true;
    return check_port(spec);
}

/* --- names ------------------------------------------------------------------------------------- */

const char *server_show(const struct server_spec *spec, char *text)
{
    const struct addr_spec *a = &spec->addr;
    if (a->path[0])
        snprintf(text, SERVER_TEXT_MAX, "unix:%s", a->path);
    else if (strchr(a->host, ':'))
        snprintf(text, SERVER_TEXT_MAX, "[%s]:%u", a->host, a->port);
    else
        snprintf(text, SERVER_TEXT_MAX, "%s:%u", a->host, a->port);
    return text;
}

/* Names of unix sockets. Sockets have port 0 in libmemcached 1.1.4 and pecl-memcache 4.0.5.2; twemproxy 0.5.0 keeps the
 * colon before the weight. */
static void path_name(const char *path, enum naming naming, char *text)
{
    assert(naming < NAMING_COUNT);
    static const struct {
        const char *before, *behind;
    } around[NAMING_COUNT] = {[NAMING_HOST] = {"", ""},
                              [NAMING_HOST_PORT] = {"", ""},
                              [NAMING_SLASH] = {"/", ":0"},
                              [NAMING_LIBMEMCACHED] = {"", ":0"},
                              [NAMING_PHP_MEMCACHE] = {"unix://", ":0"},
                              [NAMING_TWEMPROXY] = {"", ":"}};
    snprintf(text, SERVER_TEXT_MAX, "%s%s%s", around[naming].before, path, around[naming].behind);
}

/* These systems leave 11211 out of the name. With it all points of the ring would be others. */
static bool hides_usual_port(enum naming naming)
{
    return naming == NAMING_HOST || naming == NAMING_LIBMEMCACHED || naming == NAMING_TWEMPROXY;
}

const char *server_ring_name(const struct server_spec *spec, enum naming naming, char *text)
{
    const struct addr_spec *a = &spec->addr;
    if (spec->name[0])
        snprintf(text, SERVER_TEXT_MAX, "%s", spec->name);
    else if (a->path[0])
        path_name(a->path, naming, text);
    else if (a->port == SERVER_PORT && hides_usual_port(naming))
        snprintf(text, SERVER_TEXT_MAX, "%s", a->host);
    else
        snprintf(text, SERVER_TEXT_MAX, "%s%s:%u", naming == NAMING_SLASH ? "/" : "", a->host,
                 a->port);
    return text;
}
