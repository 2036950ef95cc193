/* Any bytes as a server, an address, a host, a listener: what is taken is of the grammar in net/addr.h, and is read the same
 * again from what is printed of it. */
#include "fuzz/fuzz.h"

#include <arpa/inet.h>

#include "discovery/server.h"
#include "net/bind.h"

enum { ROOM = 1024 };

static bool has_only(const char *text, const char *bytes)
{
    return text[strspn(text, bytes)] == '\0';
}

/* Said once more, in other words than the parser's. */
static void check_host(const char *host)
{
    static const char NAME[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    char address[ADDR_HOST_MAX];
    struct in6_addr six;
    struct in_addr four;
    const char *zone = strchr(host, '%');
    check(host[0] && strcmp(host, "unix") != 0);
    if (!strchr(host, ':')) {
        check(has_only(host, NAME) && host[0] != '.' && !strstr(host, ".."));
        check(inet_aton(host, &four) == 0 || inet_pton(AF_INET, host, &four) == 1);
        return;
    }
    snprintf(address, sizeof address, "%.*s", (int)strcspn(host, "%"), host);
    check(inet_pton(AF_INET6, address, &six) == 1);
    check(!zone || (zone[1] && strlen(zone + 1) <= 15 && has_only(zone + 1, NAME)));
}

static void check_spec(const struct addr_spec *spec)
{
    check(memchr(spec->host, '\0', sizeof spec->host));
    check(memchr(spec->path, '\0', sizeof spec->path));
    check(!spec->host[0] == !!spec->path[0]);
    check(spec->has_port || spec->port == 0);
    if (spec->host[0]) check_host(spec->host);
    for (const char *p = spec->path; *p; p++) check((unsigned char)*p >= ' ' && *p != 0x7f);
}

static bool same_spec(const struct addr_spec *a, const struct addr_spec *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->path, b->path) == 0 && a->port == b->port &&
           a->has_port == b->has_port;
}

static void print_spec(const struct addr_spec *spec, char *text)
{
    int n = 0;
    if (spec->path[0])
        snprintf(text, ROOM, "unix:%s", spec->path);
    else
        n = snprintf(text, ROOM, strchr(spec->host, ':') ? "[%s]" : "%s", spec->host);
    if (spec->has_port) snprintf(text + n, ROOM - (size_t)n, ":%u", spec->port);
}

static void check_server(const uint8_t *data, size_t size)
{
    struct server_spec s, again;
    char shown[SERVER_TEXT_MAX], text[ROOM];
    if (server_spec_parse(&s, (const char *)data, size)) return;
    check_spec(&s.addr);
    check(s.addr.path[0] || (s.addr.has_port && s.addr.port > 0));
    check(s.weight == SERVER_WEIGHT_NONE || (s.weight >= 0 && s.weight <= SERVER_WEIGHT_MAX));
    check(memchr(s.name, '\0', sizeof s.name));
    for (const char *p = s.name; *p; p++) check((unsigned char)*p > ' ' && *p != 0x7f);

    server_show(&s, shown);
    check(server_spec_parse(&again, shown, strlen(shown)) == NULL);
    check(same_spec(&again.addr, &s.addr) && again.weight == SERVER_WEIGHT_NONE && !again.name[0]);

    int n = snprintf(text, sizeof text, "%s", shown);
    if (s.weight >= 0) n += snprintf(text + n, sizeof text - (size_t)n, ":%u", (unsigned)s.weight);
    if (s.name[0]) snprintf(text + n, sizeof text - (size_t)n, " %s", s.name);
    check(server_spec_parse(&again, text, strlen(text)) == NULL);
    check(same_spec(&again.addr, &s.addr) && again.weight == s.weight);
    check(strcmp(again.name, s.name) == 0);
}

static void check_address(const uint8_t *data, size_t size)
{
    struct addr_spec spec, again;
    char text[ROOM];
    if (addr_spec_parse(&spec, (const char *)data, size)) return;
    check_spec(&spec);
    print_spec(&spec, text);
    check(addr_spec_parse(&again, text, strlen(text)) == NULL && same_spec(&again, &spec));
}

/* A host that came alone is the same one when a port follows it. */
static void check_part(const uint8_t *data, size_t size)
{
    struct addr_spec spec;
    struct server_spec server, again;
    char text[SERVER_TEXT_MAX];
    const char *wrong = addr_spec_parse_host(&spec, (const char *)data, size);
    check(!server_spec_from_host(&server, (const char *)data, size, 11211) == !wrong);
    if (wrong) return;
    check_spec(&spec);
    check(!spec.has_port && strlen(spec.host) == size && memcmp(spec.host, data, size) == 0);
    server_show(&server, text);
    check(server_spec_parse(&again, text, strlen(text)) == NULL);
    check(same_spec(&again.addr, &server.addr));
}

static void check_bind(const uint8_t *data, size_t size)
{
    struct bind_spec b, again;
    char text[ROOM * 2], address[ROOM];
    char *item = strndup((const char *)data, size);
    check(item);
    if (bind_parse(&b, item) == NULL) {
        bool is_unix = b.addr.path[0] != '\0';
        check_spec(&b.addr);
        check(b.mode >= -1 && b.mode <= 0777);
        check(is_unix || (b.mode == -1 && !b.owner[0] && !b.group[0]));
        print_spec(&b.addr, address);
        int n = b.has_label ? snprintf(text, sizeof text, "%.*s=", (int)b.name_len, b.name) : 0;
        n += snprintf(text + n, sizeof text - (size_t)n, "%s", address);
        if (b.group[0]) n += snprintf(text + n, sizeof text - (size_t)n, ",group=%s", b.group);
        if (b.owner[0]) n += snprintf(text + n, sizeof text - (size_t)n, ",owner=%s", b.owner);
        if (b.mode >= 0)
            n += snprintf(text + n, sizeof text - (size_t)n, ",mode=%o", (unsigned)b.mode);
        check((size_t)n < sizeof text);
        check(bind_parse(&again, text) == NULL && same_spec(&again.addr, &b.addr));
        check(again.mode == b.mode && again.has_label == b.has_label);
        check(strcmp(again.owner, b.owner) == 0 && strcmp(again.group, b.group) == 0);
    }
    free(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > ROOM / 2) return 0; /* no more than that is ever one of them */
    uint8_t *exact = exact_copy(data, size);
    check_server(exact, size);
    check_address(exact, size);
    check_part(exact, size);
    check_bind(exact, size);
    free(exact);
    return 0;
}
