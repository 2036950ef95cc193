/* The keys below a prefix of etcd, and the servers that they name. */
#include "discovery/etcd_keys.h"

#include <assert.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 4096 }; /* bytes of a value that can be a server */

/* The last sentence with a key or a name in it. */
static _Thread_local char sentence[320];

/* --- servers ------------------------------------------------------------------------------------- */

static const char *wrong_member(const char *name)
{
    snprintf(sentence, sizeof sentence,
             "there is no '%.40s': a server has \"server\", \"weight\" and \"name\"", name);
    return sentence;
}

static const char *read_weight(struct server_spec *spec, struct json_object *value)
{
    double weight = json_object_get_double(value);
    bool is_number =
        json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
    if (!is_number || !(weight >= 0 && weight <= SERVER_WEIGHT_MAX))
        return "\"weight\" is not a number in 0..1000000";
    spec->weight = weight;
    return NULL;
}

/* `server` comes first, whatever the order of the members: it fills the whole spec. */
static const char *read_members(struct server_spec *spec, struct json_object *object)
{
    struct json_object *server = NULL;
    const char *wrong = NULL;
    json_object_object_get_ex(object, "server", &server);
    if (!server || !json_object_is_type(server, json_type_string))
        return "it has no \"server\", a text such as \"10.0.0.1:11211\"";
    wrong = server_spec_parse(spec, json_object_get_string(server),
                              (size_t)json_object_get_string_len(server));
    json_object_object_foreach(object, name, value)
    {
        if (wrong || strcmp(name, "server") == 0) continue;
        if (strcmp(name, "weight") == 0)
            wrong = read_weight(spec, value);
        else if (strcmp(name, "name") == 0 && json_object_is_type(value, json_type_string))
            wrong = server_spec_set_name(spec, json_object_get_string(value),
                                         (size_t)json_object_get_string_len(value));
        else
            wrong = strcmp(name, "name") == 0 ? "\"name\" is not a text" : wrong_member(name);
    }
    return wrong;
}

static const char *read_object(struct server_spec *spec, const char *text, size_t len)
{
    struct json_tokener *tokener = json_tokener_new_ex(2);
    const char *wrong = "it is not JSON";
    if (!tokener) abort();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)len);
    if (object && json_object_is_type(object, json_type_object) &&
        json_tokener_get_parse_end(tokener) == len)
        wrong = read_members(spec, object);
    json_object_put(object);
    json_tokener_free(tokener);
    return wrong;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

const char *etcd_server(struct server_spec *spec, const char *name, size_t name_len,
                        const char *value, size_t value_len)
{
    char address[SERVER_TEXT_MAX];
    while (value_len && is_space(*value)) value++, value_len--;
    while (value_len && is_space(value[value_len - 1])) value_len--;
    if (value_len == 0) return "it has no value: a server such as 10.0.0.1:11211";
    if (value_len > VALUE_MAX) return "its value is longer than 4096 bytes";
    const char *wrong = value[0] == '{' ? read_object(spec, value, value_len)
                                        : server_spec_parse(spec, value, value_len);
    if (wrong || spec->name[0]) return wrong;
    server_show(spec, address);
    if (strlen(address) == name_len && memcmp(address, name, name_len) == 0) return NULL;
    return server_spec_set_name(spec, name, name_len);
}

/* --- keys ---------------------------------------------------------------------------------------- */

void etcd_keys_init(struct etcd_keys *k, const char *prefix)
{
    *k = (struct etcd_keys){0};
    snprintf(k->prefix, sizeof k->prefix, "%s", prefix);
}

void etcd_keys_clear(struct etcd_keys *k)
{
    for (uint32_t i = 0; i < k->n; i++) free(k->items[i].key);
    k->n = 0;
    k->bytes = 0;
}

void etcd_keys_release(struct etcd_keys *k)
{
    etcd_keys_clear(k);
    free(k->items);
    *k = (struct etcd_keys){0};
}

static int compare(const struct etcd_key *item, const char *key, size_t len)
{
    int order = memcmp(item->key, key, item->key_len < len ? item->key_len : len);
    return order ? order : (item->key_len > len) - (item->key_len < len);
}

/* Where the key is, or would be. */
static uint32_t find(const struct etcd_keys *k, const char *key, size_t len, bool *is_there)
{
    uint32_t from = 0, to = k->n;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare(&k->items[middle], key, len) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    *is_there = from < k->n && compare(&k->items[from], key, len) == 0;
    return from;
}

static void remove_at(struct etcd_keys *k, uint32_t at)
{
    struct etcd_key *item = &k->items[at];
    k->bytes -= item->key_len + item->value_len;
    free(item->key);
    memmove(item, item + 1, (k->n - at - 1) * sizeof *item);
    k->n--;
}

static void insert_at(struct etcd_keys *k, uint32_t at, const struct etcd_key *item)
{
    if (k->n == k->room) {
        k->room = k->room ? k->room * 2 : 16;
        k->items = reallocarray(k->items, k->room, sizeof *k->items);
        if (!k->items) abort();
    }
    memmove(&k->items[at + 1], &k->items[at], (k->n - at) * sizeof *item);
    k->items[at] = *item;
    k->n++;
    k->bytes += item->key_len + item->value_len;
}

const char *etcd_keys_change(struct etcd_keys *k, const struct etcd_pair *pair)
{
    size_t before = strlen(k->prefix);
    bool is_there;
    if (pair->key_len < before || memcmp(pair->key, k->prefix, before) != 0)
        return "its answer has a key that does not begin with the prefix";
    const char *name = pair->key + before;
    struct etcd_key item = {.key_len = pair->key_len - before, .value_len = pair->value_len};
    size_t bytes = item.key_len + item.value_len;
    uint32_t at = find(k, name, item.key_len, &is_there);
    size_t was = is_there ? k->items[at].key_len + k->items[at].value_len : 0;
    if (!pair->is_deleted && !is_there && k->n == DISCOVERED_MAX)
        return "there are more than 4096 keys below the prefix";
    if (!pair->is_deleted && k->bytes - was + bytes > ETCD_BYTES_MAX)
        return "the keys below the prefix and their values have more than 4 MiB";
    if (is_there) remove_at(k, at);
    if (pair->is_deleted) return NULL;
    item.key = malloc(bytes + 1);
    if (!item.key) abort();
    memcpy(item.key, name, item.key_len);
    memcpy(item.key + item.key_len, pair->value, item.value_len);
    item.value = item.key + item.key_len;
    insert_at(k, at, &item);
    return NULL;
}

static bool is_folder(const struct etcd_key *item)
{
    return !item->value_len && (!item->key_len || item->key[item->key_len - 1] == '/');
}

const char *etcd_keys_servers(const struct etcd_keys *k, struct discovered_list *list)
{
    const struct etcd_key *first = NULL;
    char why[160] = "";
    uint32_t n = 0;
    assert(list->n == 0);
    for (uint32_t i = 0; i < k->n; i++) {
        const struct etcd_key *item = &k->items[i];
        struct server_spec spec;
        if (is_folder(item)) continue;
        const char *wrong =
            etcd_server(&spec, item->key, item->key_len, item->value, item->value_len);
        if (!wrong) discovered_add(list, &spec);
        if (!wrong || n++) continue;
        first = item;
        snprintf(why, sizeof why, "%s", wrong);
    }
    if (!first && list->n) return NULL;
    if (!first)
        snprintf(sentence, sizeof sentence, "there is no key below %.150s", k->prefix);
    else
        snprintf(sentence, sizeof sentence, "key %.80s%.*s: %s", k->prefix,
                 (int)(first->key_len < 60 ? first->key_len : 60), first->key, why);
    size_t len = strlen(sentence);
    if (n > 1) snprintf(sentence + len, sizeof sentence - len, " (%u keys are left out)", n);
    for (char *p = sentence; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = '?';
    return sentence;
}
