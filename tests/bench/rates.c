/* rates: how often caches hit, and how many items fit into them, at equal bytes. One thread. Prints NAME=VALUE pairs in a line.
 *
 *   rates names                              a line for each stream of requests: NAME | MEANING | SOURCE
 *   rates hits I MIB REQUESTS SEED [SOCKET]  miss ratios of all simulated caches, of two stores and, through its unix socket, of a
 *                                            memcached, with stream I; the first quarter of the requests is not counted
 *   rates memory KEY VALUE MIB [SOCKET]      items with keys and values of so many bytes that fit in
 *
 * Each value that is hit is compared with what the key holds. Exit 1 when one was wrong, or a peer failed; 2 for wrong arguments. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/simulated.h"
#include "lib/trace.h"
#include "store/store.h"

enum { MEAN = 440, INDEX = 4, BATCH = 32, BUFFER = 1 << 20 };

static void __attribute__((noreturn)) fails(const char *what)
{
    fprintf(stderr, "rates: %s\n", what);
    exit(1);
}

/* Of this process alone. */
static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- an item: its key and value, both made from a number -------------------------------------------- */

struct item {
    uint64_t number;
    size_t key_len, value_len;
    char key[TRACE_KEY_MOST];
};

static struct item item_of(uint64_t number)
{
    struct item item = {.number = number, .value_len = trace_value_len(number)};
    item.key_len = trace_key(number, item.key);
    return item;
}

static const uint8_t *value_of(const struct item *item)
{
    static uint8_t value[TRACE_VALUE_MOST];
    memset(value, (int)('a' + item->number % 26), item->value_len);
    memcpy(value, &item->number, item->value_len < 8 ? item->value_len : 8);
    return value;
}

static void check(const struct item *item, const uint8_t *value, size_t len, size_t at)
{
    if (memcmp(value, value_of(item) + at, len) != 0) fails("a value is wrong");
}

/* --- a store ----------------------------------------------------------------------------------------- */

static bool store_get(struct store *s, const struct item *item)
{
    struct store_op op;
    store_begin(&op, s, item->key, item->key_len, 1000000);
    struct store_item *found = store_find(&op);
    if (found) {
        size_t at = 0, n;
        const uint8_t *span;
        store_use(&op, found);
        while ((n = store_value_span(&op, found, at, &span)) > 0) {
            check(item, span, n, at);
            at += n;
        }
        if (at != item->value_len) fails("the store: a value has another length");
    }
    store_end(&op);
    return found != NULL;
}

static void store_set(struct store *s, const struct item *item)
{
    struct store_op op;
    store_begin(&op, s, item->key, item->key_len, 1000000);
    struct store_item *made = store_make(&op, item->value_len);
    if (!made) fails("the store: it has no room for an item");
    store_value_write(&op, made, 0, value_of(item), item->value_len);
    store_put(&op, made);
    store_end(&op);
}

static struct store *store_of(uint64_t mib, enum store_policy policy)
{
    struct store_settings settings = {.size = mib << 20, .max_value = 1 << 20, .policy = policy};
    struct store *s = store_create(&settings);
    if (!s) fails("the store: it cannot be made");
    return s;
}

/* --- a memcached ------------------------------------------------------------------------------------- */

static struct {
    int fd;
    char in[BUFFER], out[BUFFER];
    size_t from, to, len; /* what was read and not used yet; what is to be sent */
} peer;

static void peer_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    peer.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(peer.fd, (struct sockaddr *)&address, sizeof address) != 0)
        fails("memcached: no connection");
}

static void peer_flush(void)
{
    for (size_t at = 0; at < peer.len;) {
        ssize_t n = write(peer.fd, peer.out + at, peer.len - at);
        if (n <= 0) fails("memcached: it takes nothing");
        at += (size_t)n;
    }
    peer.len = 0;
}

static void peer_write(const void *bytes, size_t len)
{
    if (peer.len + len > BUFFER) peer_flush();
    memcpy(peer.out + peer.len, bytes, len);
    peer.len += len;
}

/* So many bytes of what it sends, in one piece, which is valid until the next call. */
static const char *peer_read(size_t len)
{
    if (peer.from + len > BUFFER) {
        memmove(peer.in, peer.in + peer.from, peer.to - peer.from);
        peer.to -= peer.from;
        peer.from = 0;
    }
    while (peer.to - peer.from < len) {
        ssize_t n = read(peer.fd, peer.in + peer.to, BUFFER - peer.to);
        if (n <= 0) fails("memcached: it has gone");
        peer.to += (size_t)n;
    }
    peer.from += len;
    return peer.in + peer.from - len;
}

static const char *peer_line(void)
{
    static char line[512];
    size_t n = 0;
    while (n < sizeof line - 1 && (line[n] = *peer_read(1)) != '\n') n++;
    line[n] = 0;
    return line;
}

static void peer_get(const struct item *item)
{
    peer_write("get ", 4);
    peer_write(item->key, item->key_len);
    peer_write("\r\n", 2);
}

static bool peer_answers(const struct item *item)
{
    const char *line = peer_line();
    if (strcmp(line, "END\r") == 0) return false;
    if (strncmp(line, "VALUE ", 6) != 0 || strncmp(line + 6, item->key, item->key_len) != 0)
        fails(line);
    if (strtoul(line + 6 + item->key_len + 3, NULL, 10) != item->value_len)
        fails("memcached: a value has another length");
    check(item, (const uint8_t *)peer_read(item->value_len), item->value_len, 0);
    if (memcmp(peer_read(7), "\r\nEND\r\n", 7) != 0) fails("memcached: a value does not end");
    return true;
}

static void peer_set(const struct item *item)
{
    char words[32];
    int n = snprintf(words, sizeof words, " 0 0 %zu noreply\r\n", item->value_len);
    peer_write("set ", 4);
    peer_write(item->key, item->key_len);
    peer_write(words, (size_t)n);
    peer_write(value_of(item), item->value_len);
    peer_write("\r\n", 2);
}

/* Of `stats`, or `stats slabs`. */
static uint64_t peer_stat(const char *words, const char *name)
{
    uint64_t value = 0;
    peer_write(words, strlen(words));
    peer_write("\r\n", 2);
    peer_flush();
    for (const char *line; strcmp(line = peer_line(), "END\r") != 0;) {
        size_t n = strlen(name);
        if (strncmp(line, "STAT ", 5) == 0 && strncmp(line + 5, name, n) == 0 && line[5 + n] == ' ')
            value = strtoull(line + 5 + n, NULL, 10);
    }
    return value;
}

/* All pages of items, which may be more than it was allowed, and the hash table. */
static uint64_t peer_bytes(void)
{
    return peer_stat("stats slabs", "total_malloced") + peer_stat("stats", "hash_bytes");
}

/* --- hits -------------------------------------------------------------------------------------------- */

static struct {
    uint64_t seed;
    uint64_t mib, requests;
    size_t trace;
} run;

static struct trace *trace_begun(void)
{
    return trace_create(run.trace, (run.mib << 20) / MEAN, run.seed);
}

static void say(const char *name, uint64_t misses, double seconds)
{
    uint64_t counted = run.requests - run.requests / 4;
    printf("%s=%.5f %s_ns=%.1f ", name, (double)misses / (double)counted, name,
           seconds * 1e9 / (double)run.requests);
}

static void hits_simulated(enum simulated_policy policy)
{
    struct trace *t = trace_begun();
    struct simulated *s = simulated_create(policy, run.mib << 20, MEAN);
    uint64_t misses = 0;
    double since = seconds_now();
    for (uint64_t n = 0; n < run.requests; n++) {
        uint64_t key = trace_next(t);
        size_t bytes = STORE_ITEM_HEAD + trace_key_len(key) + trace_value_len(key);
        bool is_hit = simulated_get(s, key, (uint32_t)((bytes + 7) / 8 * 8) + INDEX);
        misses += !is_hit && n >= run.requests / 4;
    }
    if (!simulated_is_sane(s)) fails("a simulated cache is not sane");
    say(simulated_name(policy), misses, seconds_now() - since);
    simulated_destroy(s);
    trace_destroy(t);
}

static void hits_store(const char *name, enum store_policy policy)
{
    struct trace *t = trace_begun();
    struct store *s = store_of(run.mib, policy);
    uint64_t misses = 0;
    double since = seconds_now();
    for (uint64_t n = 0; n < run.requests; n++) {
        struct item item = item_of(trace_next(t));
        if (store_get(s, &item)) continue;
        store_set(s, &item);
        misses += n >= run.requests / 4;
    }
    say(name, misses, seconds_now() - since);
    if (!store_is_sane(s)) fails("the store is not sane");
    store_destroy(s);
    trace_destroy(t);
}

/* Gets at once until a key comes twice; then sets of what was missed. */
static void hits_memcached(const char *path)
{
    struct trace *t = trace_begun();
    static struct item items[BATCH + 1];
    uint64_t misses = 0, n = 0;
    peer_connect(path);
    items[0] = item_of(trace_next(t));
    while (n < run.requests) {
        size_t many = 0, again = 0;
        while (again == many) {
            peer_get(&items[many++]);
            items[many] = item_of(trace_next(t));
            for (again = 0;
                 many < BATCH && again < many && items[again].number != items[many].number;)
                again++;
        }
        peer_flush();
        bool is_hit[BATCH];
        for (size_t i = 0; i < many; i++) is_hit[i] = peer_answers(&items[i]);
        for (size_t i = 0; i < many; i++, n++) {
            if (is_hit[i]) continue;
            peer_set(&items[i]);
            misses += n >= run.requests / 4 && n < run.requests;
        }
        items[0] = items[many];
    }
    say("memcached", misses, 0);
    printf("memcached_bytes=%llu ", (unsigned long long)peer_bytes());
    trace_destroy(t);
}

/* --- memory ------------------------------------------------------------------------------------------ */

static struct item item_sized(uint64_t number, size_t key_len, size_t value_len)
{
    struct item item = {.number = number, .key_len = key_len, .value_len = value_len};
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)number);
    memset(item.key, 'k', key_len);
    memcpy(item.key + key_len - 16, text, 16);
    return item;
}

/* Until twice as many were stored as fit. */
static void memory(size_t key_len, size_t value_len, uint64_t mib, const char *path)
{
    struct store *s = store_of(mib, STORE_POLICY_DEFAULT);
    uint64_t n = 0;
    for (uint64_t last = UINT64_MAX; n < last; n++) {
        struct item item = item_sized(n, key_len, value_len);
        store_set(s, &item);
        if (last == UINT64_MAX && store_usage(s).evictions) last = 2 * n;
    }
    struct store_usage usage = store_usage(s);
    printf("store_items=%llu store_bytes=%llu ", (unsigned long long)usage.items,
           (unsigned long long)mib << 20);
    store_destroy(s);
    if (!path) return;
    peer_connect(path);
    for (uint64_t i = 0; i < n; i++) {
        struct item item = item_sized(i, key_len, value_len);
        peer_set(&item);
        if (i % 1000 == 0) peer_stat("stats", "curr_items");
    }
    printf("memcached_items=%llu memcached_bytes=%llu",
           (unsigned long long)peer_stat("stats", "curr_items"), (unsigned long long)peer_bytes());
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (*end || end == text || n > 1000000000) {
        fprintf(stderr, "rates: %s is not a number\n", text);
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "names") == 0) {
        for (size_t i = 0; i < traces_n(); i++)
            printf("%s | %s | %s\n", trace_kind(i)->name, trace_kind(i)->meaning,
                   trace_kind(i)->source);
    } else if (strcmp(what, "hits") == 0 && argc >= 6 && number(argv[2]) < traces_n()) {
        run.trace = number(argv[2]);
        run.mib = number(argv[3]);
        run.requests = number(argv[4]);
        run.seed = number(argv[5]);
        for (int p = 0; p < SIM_POLICIES; p++) hits_simulated((enum simulated_policy)p);
        hits_store("store", STORE_POLICY_DEFAULT);
        hits_store("store_lru", STORE_POLICY_LRU);
        if (argc > 6) hits_memcached(argv[6]);
        printf("\n");
    } else if (strcmp(what, "memory") == 0 && argc >= 5) {
        memory(number(argv[2]), number(argv[3]), number(argv[4]), argc > 5 ? argv[5] : NULL);
        printf("\n");
    } else {
        fprintf(stderr, "usage: rates names | hits I MIB REQUESTS SEED [SOCKET] | memory KEY VALUE "
                        "MIB [SOCKET]\n");
        return 2;
    }
    return 0;
}
