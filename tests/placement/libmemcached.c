/* Writes keys with libmemcached: libmemcached KEYS default|ketama|weighted|spy HOST:PORT[:WEIGHT]...|/SOCKET... */
#include <libmemcached/memcached.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void configure(memcached_st *memc, const char *mode)
{
    if (strcmp(mode, "ketama") == 0) memcached_behavior_set(memc, MEMCACHED_BEHAVIOR_KETAMA, 1);
    if (strcmp(mode, "weighted") == 0 || strcmp(mode, "spy") == 0)
        memcached_behavior_set(memc, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    if (strcmp(mode, "spy") == 0)
        memcached_behavior_set(memc, MEMCACHED_BEHAVIOR_DISTRIBUTION,
                               MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA_SPY);
}

static void add_server(memcached_st *memc, char *text)
{
    if (text[0] == '/') {
        memcached_server_add_unix_socket(memc, text);
        return;
    }
    const char *host = strtok(text, ":");
    const char *port = strtok(NULL, ":");
    const char *weight = strtok(NULL, ":");
    memcached_server_add_with_weight(memc, host, (in_port_t)atoi(port),
                                     weight ? (uint32_t)atoi(weight) : 0);
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    const char *prefix = getenv("PREFIX");
    size_t prefix_len = prefix ? strlen(prefix) : 0;
    memcached_st *memc = memcached_create(NULL);
    configure(memc, argv[2]);
    if (prefix_len) memcached_callback_set(memc, MEMCACHED_CALLBACK_PREFIX_KEY, prefix);
    for (int i = 3; i < argc; i++) add_server(memc, argv[i]);
    FILE *keys = fopen(argv[1], "r");
    if (!keys) return 2;
    char key[512];
    while (fgets(key, sizeof key, keys)) {
        size_t len = strcspn(key, "\n");
        memcached_return_t rc =
            memcached_set(memc, key + prefix_len, len - prefix_len, key, len, 0, 0);
        if (memcached_success(rc)) continue;
        fprintf(stderr, "libmemcached: %.*s: %s\n", (int)len, key, memcached_strerror(memc, rc));
        return 1;
    }
    fclose(keys);
    memcached_free(memc);
    return 0;
}
