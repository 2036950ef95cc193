/* etcd_keys: the keys below a prefix, with their values, as etcd has them; and the servers that they stand for.
 *
 * A plain value that owns its memory, which etcd_keys_release frees. Sorted by key, so that equal contents give equal answers, in every
 * worker and after every order of changes. In a worker.
 *
 *   key    PREFIX NAME        NAME names the server, unless it is the server's own address or the value has a name
 *   value  a server as in server.h, `host:port:weight name`; white space around it does not count
 *        | {"server": "host:port", "weight": 2, "name": "a"}       of which only "server" is needed
 *
 * A key that ends in a slash and has no value is a folder, and none of the servers.
 */
#ifndef MOONGATE_DISCOVERY_ETCD_KEYS_H
#define MOONGATE_DISCOVERY_ETCD_KEYS_H

#include "discovery/discovered.h"
#include "discovery/etcd_message.h"

struct etcd_key {
    char *key; /* owned; behind the prefix: the value follows it in the same memory */
    const char *value;
    size_t key_len, value_len;
};

/* I6: n <= DISCOVERED_MAX, bytes <= ETCD_BYTES_MAX. */
struct etcd_keys {
    char prefix[512]; /* ends with a slash */
    struct etcd_key *items;
    uint32_t n, room;
    size_t bytes; /* of all keys and values */
};

void etcd_keys_init(struct etcd_keys *k, const char *prefix);

/* Forgets all keys; the prefix stays. */
void etcd_keys_clear(struct etcd_keys *k);
void etcd_keys_release(struct etcd_keys *k);

/* Sets or removes a key. NULL, or what is wrong; then nothing has changed. */
const char *etcd_keys_change(struct etcd_keys *k, const struct etcd_pair *pair);

/* Adds the servers to an empty list. Returns NULL, or a sentence that names the first key that is no server, and says how many are when
 * there are more: thread-local. */
const char *etcd_keys_servers(const struct etcd_keys *k, struct discovered_list *list);

/* The server of a key and its value. NULL, or what is wrong. */
const char *etcd_server(struct server_spec *spec, const char *name, size_t name_len,
                        const char *value, size_t value_len);

#endif
