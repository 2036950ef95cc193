/* Any bytes as a file of servers, a configuration endpoint's answer, a reply with SRV records, etcd's answers and a URL: what is taken
 * can be written and read again, more bytes never take back what was decided, and a stream is the same in any pieces. */
#include "fuzz/fuzz.h"

#include "discovery/etcd_keys.h"

/* A server that was read is read the same again from what logs show of it. */
static void check_server(const struct server_spec *s)
{
    struct server_spec again;
    char text[SERVER_TEXT_MAX];
    server_show(s, text);
    check(s->weight == SERVER_WEIGHT_NONE || (s->weight >= 0 && s->weight <= SERVER_WEIGHT_MAX));
    check(strlen(s->name) < sizeof s->name);
    check(server_spec_parse(&again, text, strlen(text)) == NULL);
    check(strcmp(again.addr.host, s->addr.host) == 0 && strcmp(again.addr.path, s->addr.path) == 0);
    check(again.addr.port == s->addr.port);
    for (const char *p = s->name; *p; p++) check((unsigned char)*p > ' ' && *p != 0x7f);
}

/* A list that is settled is in order, holds nothing twice, and settles to itself. */
static void check_list(struct discovered_list *list)
{
    struct discovered_list copy;
    for (uint32_t i = 0; i < list->n; i++) check_server(&list->items[i]);
    if (discovered_settle(list)) return;
    check(list->n > 0 && list->n <= DISCOVERED_MAX);
    discovered_copy(&copy, list);
    check(!discovered_settle(&copy) && discovered_equal(&copy, list));
    check(discovered_beyond(&copy, list) == 0 && !discovered_shrinks(list, &copy));
    discovered_release(&copy);
}

static void check_file(const uint8_t *data, size_t size)
{
    struct discovered_list list = {0};
    const char *wrong = discovered_from_file(&list, (const char *)data, size);
    check(!wrong || strncmp(wrong, "line ", 5) == 0);
    check(wrong || size == 0 || data[size - 1] == '\n');
    check_list(&list);
    discovered_release(&list);
}

static void check_config(const uint8_t *data, size_t size)
{
    struct config_answer a, cut_answer;
    enum config_status status = config_parse((const char *)data, size, &a);
    check((status == CONFIG_WRONG) == (a.wrong != NULL));
    check(status != CONFIG_AGAIN || size < CONFIG_MAX);
    for (size_t cut = 0; cut < size; cut = next_cut(cut, size, size * 31)) {
        uint8_t *exact = exact_copy(data, cut);
        enum config_status before = config_parse((const char *)exact, cut, &cut_answer);
        check(before == CONFIG_AGAIN || before == status);
        free(exact);
    }
    if (status != CONFIG_OK) return;
    struct discovered_list list = {0};
    discovered_from_config(&list, a.nodes, a.nodes_len);
    check_list(&list);
    discovered_release(&list);
}

static void check_srv(const uint8_t *data, size_t size)
{
    static union dns_record records[16];
    struct discovered_list list = {0};
    uint32_t n;
    double ttl;
    bool good = dns_read_srv(data, (int)size, records, 16, &n, &ttl);
    check(n <= 16);
    for (uint32_t i = 0; i < n; i++)
        check(memchr(records[i].srv.host, '\0', sizeof records[i].srv.host) &&
              records[i].srv.host[0]);
    if (!good) return;
    struct dns_srv srvs[16];
    for (uint32_t i = 0; i < n; i++) srvs[i] = records[i].srv;
    discovered_from_srv(&list, srvs, n);
    check_list(&list);
    discovered_release(&list);
}

/* Messages and changes of the stream, as a number. Stops where the stream is wrong. */
static uint64_t follow(const uint8_t *data, size_t size, size_t cut, struct etcd_keys *keys)
{
    struct etcd_reader r;
    struct etcd_message m;
    uint64_t seen = 0;
    bool is_wrong = false;
    etcd_reader_init(&r);
    for (int part = 0; part < 2 && !is_wrong; part++) {
        size_t n = part ? size - cut : cut, at = 0, used = 0;
        uint8_t *exact = exact_copy(data + (part ? cut : 0), n);
        enum etcd_status status;
        while ((status = etcd_next(&r, (char *)exact + at, n - at, &used, &m)) == ETCD_OK) {
            at += used;
            seen = seen * 31 + (uint64_t)m.revision + m.pairs + m.created + m.is_canceled + 1;
            for (uint32_t i = 0; i < m.pairs; i++) {
                struct etcd_pair pair;
                if (etcd_pair_at(&r, i, &pair)) continue;
                seen = seen * 31 + pair.key_len + pair.value_len + pair.is_deleted;
                etcd_keys_change(keys, &pair);
            }
        }
        check(status == ETCD_AGAIN ? !m.wrong && used == n - at : m.wrong != NULL);
        is_wrong = status == ETCD_WRONG;
        free(exact);
    }
    etcd_reader_release(&r);
    return seen;
}

static void check_etcd(const uint8_t *data, size_t size)
{
    struct discovered_list list = {0};
    struct etcd_keys keys, again;
    etcd_keys_init(&keys, "/mc/");
    uint64_t seen = follow(data, size, size, &keys);
    for (uint32_t i = 0; i < keys.n; i++) {
        const struct etcd_key *a = &keys.items[i], *b = a + 1;
        size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
        check(i + 1 == keys.n || memcmp(a->key, b->key, n) <= 0);
    }
    const char *missing = etcd_keys_servers(&keys, &list);
    check(list.n <= keys.n && (list.n > 0 || missing));
    check_list(&list);
    discovered_release(&list);
    for (size_t cut = 0; cut < size; cut = next_cut(cut, size, size * 31)) {
        etcd_keys_init(&again, "/mc/");
        check(follow(data, size, cut, &again) == seen && again.n == keys.n);
        check(again.bytes == keys.bytes);
        etcd_keys_release(&again);
    }
    etcd_keys_release(&keys);
}

/* Of a value alone; the name is what stands before its first line end. */
static void check_etcd_server(const uint8_t *data, size_t size)
{
    struct server_spec spec;
    const char *text = (const char *)data, *end = memchr(data, '\n', size);
    size_t name = end ? (size_t)(end - text) : 0;
    if (!etcd_server(&spec, text, name, text + name, size - name)) check_server(&spec);
}

static void check_url(const uint8_t *data, size_t size)
{
    struct discovery_url url;
    if (discovery_url_parse(&url, (const char *)data, size)) return;
    if (url.kind == DISCOVERY_ETCD) {
        check(url.hosts_n > 0 && url.hosts_n <= DISCOVERY_HOSTS_MAX);
        for (uint32_t i = 0; i < url.hosts_n; i++)
            check(url.hosts[i].host[0] && memchr(url.hosts[i].host, '\0', ADDR_HOST_MAX));
        check(url.path[0] == '/' && url.path[strlen(url.path) - 1] == '/' && url.path[1] != '\0');
    } else {
        check(url.kind == DISCOVERY_FILE ? url.path[0] == '/' : url.host[0] != '\0');
    }
    check(memchr(url.host, '\0', sizeof url.host) && memchr(url.path, '\0', sizeof url.path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = exact_copy(data, size);
    check_file(exact, size);
    check_config(exact, size);
    check_srv(exact, size);
    check_etcd(exact, size);
    check_etcd_server(exact, size);
    check_url(exact, size);
    free(exact);
    return 0;
}
