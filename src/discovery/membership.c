/* Three small grammars, read from bytes that an operator or a server wrote: see membership.h. Nothing is trusted, and an
 * answer with one mistake is refused as a whole: half of a membership looks like servers that are gone. */
#include "discovery/membership.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Sentences that quote the text live here until the next failure in this thread. */
static _Thread_local char sentence[160];

/* --- bytes ------------------------------------------------------------------------------------- */

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool are_digits(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9') return false;
    return len > 0;
}

/* --- a file ------------------------------------------------------------------------------------ */

static enum member_status fail(struct member_reader *r, const char *wrong)
{
    r->wrong = wrong;
    return MEMBER_WRONG;
}

/* The next line without the white space around it. False after the last line; with `wrong` set when the last line has no end. */
static bool next_line(struct member_reader *r, const char **line, size_t *len)
{
    assert(r->at <= r->len);
    r->wrong = NULL;
    if (r->at == r->len) return false;
    const char *from = r->bytes + r->at, *end = memchr(from, '\n', r->len - r->at);
    r->line++;
    if (!end) {
        r->wrong = "the last line has no end: the file is not complete";
        return false;
    }
    r->at = (size_t)(end + 1 - r->bytes);
    if (end > from && end[-1] == '\r') end--;
    while (from < end && is_space(*from)) from++;
    while (from < end && is_space(end[-1])) end--;
    *line = from;
    *len = (size_t)(end - from);
    return true;
}

enum member_status member_next_in_file(struct member_reader *r, struct server_spec *spec)
{
    const char *line;
    size_t len;
    while (next_line(r, &line, &len)) {
        if (len == 0 || line[0] == '#') continue;
        const char *wrong = server_spec_parse(spec, line, len);
        return wrong ? fail(r, wrong) : MEMBER_OK;
    }
    return r->wrong ? MEMBER_WRONG : MEMBER_END;
}

/* --- ElastiCache ------------------------------------------------------------------------------- */

static bool begins_with(const char *bytes, size_t len, const char *prefix)
{
    size_t n = strlen(prefix);
    return len >= n && memcmp(bytes, prefix, n) == 0;
}

static enum config_status config_fail(struct config_answer *a, const char *wrong)
{
    a->wrong = wrong;
    return CONFIG_WRONG;
}

/* Whether the bytes so far may become one of the answers. If not, the rest of the line is not waited for. */
static bool may_become(const char *bytes, size_t len)
{
    static const char *const beginnings[] = {"CONFIG cluster ", "VALUE AmazonElastiCache:cluster ",
                                             "END\r\n",         "ERROR",
                                             "CLIENT_ERROR ",   "SERVER_ERROR "};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        size_t n = strlen(beginnings[i]);
        if (memcmp(bytes, beginnings[i], len < n ? len : n) == 0) return true;
    }
    return false;
}

/* An answer without a configuration; `line` is its first line. The quoted text loses control bytes, for the log. */
static enum config_status config_refusal(const char *line, size_t len, struct config_answer *a)
{
    if (begins_with(line, len, "ERROR") || begins_with(line, len, "CLIENT_ERROR"))
        return CONFIG_UNKNOWN;
    if (begins_with(line, len, "END"))
        return config_fail(a,
                           "it has no cluster configuration: it is not a configuration endpoint");
    snprintf(sentence, sizeof sentence, "it answers: %.*s", (int)(len < 100 ? len : 100), line);
    for (char *p = sentence; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = '?';
    return config_fail(a, sentence);
}

/* The `flags bytes` after the key; false when they are not numbers. */
static bool read_length(const char *text, size_t len, size_t *bytes)
{
    const char *space = memchr(text, ' ', len);
    if (!space || !are_digits(text, (size_t)(space - text))) return false;
    const char *digits = space + 1;
    size_t n = len - (size_t)(digits - text);
    *bytes = 0;
    if (n > 9 || !are_digits(digits, n)) return false;
    for (size_t i = 0; i < n; i++) *bytes = *bytes * 10 + (size_t)(digits[i] - '0');
    return true;
}

/* The whole payload, `version\nnodes\n`. */
static enum config_status read_payload(const char *bytes, size_t len, struct config_answer *a)
{
    const char *end = memchr(bytes, '\n', len);
    size_t version = end ? (size_t)(end - bytes) : len;
    if (version && bytes[version - 1] == '\r') version--;
    if (!end || !are_digits(bytes, version))
        return config_fail(a, "its configuration has no version");
    a->nodes = end + 1;
    a->nodes_len = len - (size_t)(end + 1 - bytes);
    const char *rest = memchr(a->nodes, '\n', a->nodes_len);
    if (rest) {
        size_t behind = a->nodes_len - (size_t)(rest - a->nodes);
        for (size_t i = 0; i < behind; i++)
            if (rest[i] != '\n' && rest[i] != '\r')
                return config_fail(a, "its configuration has more than two lines");
        a->nodes_len = (size_t)(rest - a->nodes);
    }
    if (a->nodes_len && a->nodes[a->nodes_len - 1] == '\r') a->nodes_len--;
    return CONFIG_OK;
}

/* The checks follow the order of the bytes, so that the first byte that cannot be right ends the wait. An answer is whole
 * only when the END after its payload has come; until then nothing of it is used. */
enum config_status config_parse(const char *bytes, size_t len, struct config_answer *a)
{
    static const char tail[] = "\r\nEND\r\n";
    enum { TAIL = sizeof tail - 1, LINE = 512 };
    *a = (struct config_answer){0};
    if (!may_become(bytes, len)) return config_fail(a, "its answer is not memcache protocol");
    const char *end = memchr(bytes, '\n', len < LINE ? len : LINE);
    if (!end) return len < LINE ? CONFIG_AGAIN : config_fail(a, "its first line has no end");
    size_t line = (size_t)(end - bytes), size;
    if (line && bytes[line - 1] == '\r') line--;
    bool is_config = begins_with(bytes, line, "CONFIG cluster ");
    if (!is_config && !begins_with(bytes, line, "VALUE ")) return config_refusal(bytes, line, a);
    size_t key = strlen(is_config ? "CONFIG cluster " : "VALUE AmazonElastiCache:cluster ");
    if (!read_length(bytes + key, line - key, &size))
        return config_fail(a, "its first line does not say how long the configuration is");
    if (size > CONFIG_MAX - LINE - TAIL) return config_fail(a, "its configuration is too long");
    size_t here = len - (size_t)(end + 1 - bytes);
    size_t behind = here > size ? here - size : 0;
    if (behind && memcmp(end + 1 + size, tail, behind < TAIL ? behind : TAIL) != 0)
        return config_fail(a, "its configuration is longer or shorter than it says");
    return behind < TAIL ? CONFIG_AGAIN : read_payload(end + 1, size, a);
}

/* A node's `host|ip|port`. The address is the ip, so no look-up is needed. The name is what a ring would use for the host:
 * clients that know the nodes by host name place keys in the same way. */
static const char *read_node(struct server_spec *spec, const char *text, size_t len)
{
    const char *end = text + len, *ip = memchr(text, '|', len);
    const char *digits = ip ? memchr(ip + 1, '|', (size_t)(end - ip) - 1) : NULL;
    char name[SERVER_TEXT_MAX];
    struct server_spec named;
    uint16_t port;
    if (!digits) return "it is not host|ip|port";
    size_t host_len = (size_t)(ip - text), ip_len = (size_t)(digits - ip) - 1;
    const char *wrong = addr_port_parse(&port, digits + 1, (size_t)(end - digits) - 1);
    if (wrong) return wrong;
    wrong = server_spec_from_host(spec, ip_len ? ip + 1 : text, ip_len ? ip_len : host_len, port);
    bool is_named =
        ip_len && host_len && !(host_len == ip_len && memcmp(text, ip + 1, ip_len) == 0);
    if (wrong || !is_named) return wrong;
    wrong = server_spec_from_host(&named, text, host_len, port);
    if (wrong) return wrong;
    server_ring_name(&named, NAMING_HOST, name);
    return server_spec_set_name(spec, name, strlen(name));
}

enum member_status member_next_in_config(struct member_reader *r, struct server_spec *spec)
{
    while (r->at < r->len && is_space(r->bytes[r->at])) r->at++;
    if (r->at == r->len) return MEMBER_END;
    const char *from = r->bytes + r->at;
    size_t n = 0;
    while (r->at + n < r->len && !is_space(from[n])) n++;
    r->at += n;
    r->line++;
    const char *wrong = read_node(spec, from, n);
    return wrong ? fail(r, wrong) : MEMBER_OK;
}

/* --- URLs -------------------------------------------------------------------------------------- */

/* `host[:port]`. A unix socket is an address, too, but not a source. */
static const char *read_host(struct discovery_url *url, const char *text, size_t len)
{
    struct addr_spec spec;
    if (memchr(text, '/', len)) return "a host is expected after ://, without a path";
    const char *wrong = addr_spec_parse(&spec, text, len);
    if (wrong) return wrong;
    if (spec.path[0]) return "a host is expected after ://, without a path";
    if (url->kind == DISCOVERY_SRV && (spec.has_port || strchr(spec.host, ':')))
        return "dns+srv:// takes a name alone: the records bring the ports";
    if (spec.has_port && spec.port == 0) return "port 0 is no port of a server: give 1 to 65535";
    memcpy(url->host, spec.host, sizeof url->host);
    url->port = spec.has_port ? spec.port : SERVER_PORT;
    return NULL;
}

/* Absolute, since a daemon has no working directory that an operator would expect. */
static const char *read_path(struct discovery_url *url, const char *text, size_t len)
{
    if (len == 0 || text[0] != '/') return "file:// takes an absolute path: file:///path";
    if (len >= sizeof url->path) return "the path is longer than 511 bytes";
    if (memchr(text, '\0', len)) return "the path holds a NUL byte";
    memcpy(url->path, text, len);
    return NULL;
}

/* The endpoints, with commas between them. */
static const char *read_hosts(struct discovery_url *url, const char *text, size_t len)
{
    for (const char *end = text + len, *next; text <= end; text = next + 1) {
        struct addr_spec spec;
        struct discovery_host *host = &url->hosts[url->hosts_n];
        next = memchr(text, ',', (size_t)(end - text));
        if (!next) next = end;
        if (url->hosts_n++ == DISCOVERY_HOSTS_MAX) return "etcd:// takes at most 8 endpoints";
        const char *wrong = addr_spec_parse(&spec, text, (size_t)(next - text));
        if (wrong) return wrong;
        if (spec.path[0]) return "etcd:// takes hosts, no unix socket";
        if (spec.has_port && spec.port == 0)
            return "port 0 is no port of a server: give 1 to 65535";
        memcpy(host->host, spec.host, sizeof host->host);
        host->port = spec.has_port ? spec.port : ETCD_PORT;
    }
    return NULL;
}

/* `host[:port][,host...]/prefix`. A slash at the prefix's end says nothing: keys below it are meant either way. */
static const char *read_etcd(struct discovery_url *url, const char *text, size_t len)
{
    const char *slash = memchr(text, '/', len);
    size_t hosts = slash ? (size_t)(slash - text) : len, prefix = len - hosts;
    if (memchr(text, '@', hosts))
        return "a user and a password do not stand in the URL, which is shown to everybody: give "
               "discover_auth = \"/path/of/a/file\"";
    const char *wrong = read_hosts(url, text, hosts);
    if (wrong) return wrong;
    while (prefix && slash[prefix - 1] == '/') prefix--;
    if (!prefix) return "etcd:// takes a prefix of keys: etcd://host:2379/prefix";
    if (prefix > sizeof url->path - 2) return "the prefix is longer than 510 bytes";
    for (size_t i = 0; i < prefix; i++)
        if ((unsigned char)slash[i] <= ' ' || slash[i] == 0x7f)
            return "the prefix holds a space or control byte";
    memcpy(url->path, slash, prefix);
    url->path[prefix] = '/';
    return NULL;
}

const char *discovery_url_parse(struct discovery_url *url, const char *text, size_t len)
{
    static const char *const schemes[] = {
#define X(name, scheme, meaning) scheme,
        DISCOVERY_KINDS(X)
#undef X
    };
    memset(url, 0, sizeof *url);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        if (!begins_with(text, len, schemes[i])) continue;
        url->kind = (enum discovery_kind)i;
        switch (url->kind) {
        case DISCOVERY_FILE: return read_path(url, text + n, len - n);
        case DISCOVERY_ETCD: return read_etcd(url, text + n, len - n);
        default: return read_host(url, text + n, len - n);
        }
    }
    if (begins_with(text, len, "etcds://"))
        return "etcds:// is not known: write etcd://, and discover_tls = true";
    return "a URL begins with dns+srv://, dns://, file://, elasticache:// or etcd://";
}
