/* etcd's JSON, read by json-c and written by hand: see etcd_message.h. */
#include "discovery/etcd_message.h"

#include <assert.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base64.h"

enum {
    NESTED_MAX = 16, /* etcd's own messages have 5 levels */
    TEXT_MAX = 200   /* bytes of etcd's words that are shown */
};

/* The last sentence with etcd's own words in it. */
static _Thread_local char sentence[TEXT_MAX + 100];

/* --- members of an object ------------------------------------------------------------------------ */

/* NULL when it is not there, is null, or has another type. */
static struct json_object *member(struct json_object *of, const char *name, json_type type)
{
    struct json_object *value = NULL;
    if (!of || !json_object_is_type(of, json_type_object)) return NULL;
    json_object_object_get_ex(of, name, &value);
    return value && json_object_is_type(value, type) ? value : NULL;
}

static const char *text_of(struct json_object *of, const char *name)
{
    struct json_object *value = member(of, name, json_type_string);
    return value ? json_object_get_string(value) : NULL;
}

static bool is_true(struct json_object *of, const char *name)
{
    struct json_object *value = member(of, name, json_type_boolean);
    return value && json_object_get_boolean(value);
}

/* A number of 64 bits, in a string or not. 0: it is not there, or is none. */
static uint64_t number_of(struct json_object *of, const char *name)
{
    struct json_object *value = member(of, name, json_type_int);
    const char *text = text_of(of, name);
    uint64_t number = 0;
    if (value) return json_object_get_uint64(value);
    for (const char *p = text ? text : ""; *p; p++) {
        if (*p < '0' || *p > '9' || number > (UINT64_MAX - 9) / 10) return 0;
        number = number * 10 + (uint64_t)(*p - '0');
    }
    return number;
}

static int64_t count_of(struct json_object *of, const char *name)
{
    uint64_t number = number_of(of, name);
    return number > INT64_MAX ? 0 : (int64_t)number;
}

/* etcd's words, for the log. */
static const char *quote(const char *before, const char *words)
{
    snprintf(sentence, sizeof sentence, "%s%.*s", before, TEXT_MAX, words);
    for (char *p = sentence; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = '?';
    return sentence;
}

/* --- messages ------------------------------------------------------------------------------------ */

void etcd_reader_init(struct etcd_reader *r)
{
    *r = (struct etcd_reader){.tokener = json_tokener_new_ex(NESTED_MAX)};
    if (!r->tokener) abort();
    json_tokener_set_flags(r->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
}

void etcd_reader_reset(struct etcd_reader *r)
{
    json_tokener_reset(r->tokener);
    json_object_put(r->object);
    r->object = NULL;
    r->taken = 0;
}

void etcd_reader_release(struct etcd_reader *r)
{
    etcd_reader_reset(r);
    json_tokener_free(r->tokener);
    free(r->decoded);
    *r = (struct etcd_reader){0};
}

static enum etcd_status refuse(struct etcd_message *m, const char *wrong)
{
    m->wrong = wrong;
    return ETCD_WRONG;
}

/* The error of any kind of answer, in etcd's words; NULL: it is none. */
static const char *error_of(struct json_object *object)
{
    struct json_object *error = member(object, "error", json_type_object);
    const char *words = text_of(error ? error : object, "message");
    if (!words) words = text_of(object, "error");
    if (!words && !error) return NULL;
    return quote("it says: ", words && words[0] ? words : "an error without words");
}

/* The list of keys, of events, or NULL. */
static struct json_object *list_of(struct json_object *object)
{
    struct json_object *result = member(object, "result", json_type_object);
    struct json_object *list = member(result ? result : object, "kvs", json_type_array);
    return list ? list : member(result, "events", json_type_array);
}

static enum etcd_status understand(struct etcd_reader *r, struct etcd_message *m)
{
    struct json_object *result = member(r->object, "result", json_type_object);
    struct json_object *object = result ? result : r->object, *list = list_of(r->object);
    struct json_object *header = member(object, "header", json_type_object);
    if (!json_object_is_type(r->object, json_type_object))
        return refuse(m, "its answer is not an object: it is not etcd");
    m->wrong = error_of(r->object);
    if (m->wrong) return ETCD_OK;
    if (!header) return refuse(m, "its answer has no header: it is not etcd");
    m->cluster = number_of(header, "cluster_id");
    m->revision = count_of(header, "revision");
    m->count = count_of(object, "count");
    m->created = is_true(object, "created");
    m->is_canceled = is_true(object, "canceled");
    m->is_compacted = number_of(object, "compact_revision") > 0;
    m->why = text_of(object, "cancel_reason");
    m->why = m->why ? quote("it says: ", m->why) : "";
    m->token = text_of(object, "token");
    m->pairs = list ? (uint32_t)json_object_array_length(list) : 0;
    return ETCD_OK;
}

/* json-c keeps what it has read of a message that is not whole. */
enum etcd_status etcd_next(struct etcd_reader *r, const char *bytes, size_t len, size_t *used,
                           struct etcd_message *m)
{
    *m = (struct etcd_message){.why = ""};
    json_object_put(r->object);
    r->object = NULL;
    *used = 0;
    if (len == 0) return ETCD_AGAIN;
    size_t left = ETCD_BYTES_MAX - r->taken;
    size_t n = len < left ? len : left;
    struct json_object *object = json_tokener_parse_ex(r->tokener, bytes, (int)n);
    enum json_tokener_error error = json_tokener_get_error(r->tokener);
    *used = json_tokener_get_parse_end(r->tokener);
    r->taken += *used;
    if (error == json_tokener_continue)
        return n == len ? ETCD_AGAIN : refuse(m, "its answer is longer than 4 MiB");
    json_tokener_reset(r->tokener);
    r->taken = 0;
    r->object = object;
    if (error != json_tokener_success) return refuse(m, "its answer is not JSON: it is not etcd");
    return understand(r, m);
}

enum etcd_status etcd_whole(struct etcd_reader *r, const char *bytes, size_t len,
                            struct etcd_message *m)
{
    size_t used;
    etcd_reader_reset(r);
    enum etcd_status status = etcd_next(r, bytes, len, &used, m);
    if (status == ETCD_AGAIN) return refuse(m, "its answer ends too early");
    if (status == ETCD_WRONG) return status;
    for (size_t i = used; i < len; i++)
        if (!strchr(" \t\r\n", bytes[i]) || !bytes[i])
            return refuse(m, "its answer has more than one part: it is not etcd");
    return ETCD_OK;
}

const char *etcd_token(const struct etcd_message *m, char *to, size_t room)
{
    size_t len = m->token ? strlen(m->token) : 0;
    if (!len) return "its answer has no token: it is not etcd";
    if (len >= room) return "its token is longer than 2047 bytes";
    for (const char *p = m->token; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f) return "its token has a space or control byte";
    memcpy(to, m->token, len + 1);
    return NULL;
}

/* --- pairs --------------------------------------------------------------------------------------- */

/* Decodes behind what is there already. False: it is not base64. Nothing is an empty text. */
static bool decode(struct json_object *of, const char *name, uint8_t *to, size_t *n)
{
    struct json_object *value = member(of, name, json_type_string);
    size_t len = value ? (size_t)json_object_get_string_len(value) : 0;
    const uint8_t *text = value ? (const uint8_t *)json_object_get_string(value) : NULL;
    *n = 0;
    if (len == 0) return true;
    if (!base64_is_valid(text, len)) return false;
    *n = base64_decode(text, len, to);
    return true;
}

static size_t length_of(struct json_object *of, const char *name)
{
    struct json_object *value = member(of, name, json_type_string);
    return value ? (size_t)json_object_get_string_len(value) : 0;
}

/* "PUT" is left out, as it is 0. */
static const char *read_type(struct json_object *event, bool *is_deleted)
{
    struct json_object *value = NULL;
    *is_deleted = false;
    if (!json_object_object_get_ex(event, "type", &value)) return NULL;
    const char *type = text_of(event, "type");
    *is_deleted = type && strcmp(type, "DELETE") == 0;
    return type && (*is_deleted || strcmp(type, "PUT") == 0)
               ? NULL
               : "its answer has an event of a type that is not known";
}

const char *etcd_pair_at(struct etcd_reader *r, uint32_t at, struct etcd_pair *pair)
{
    struct json_object *list = list_of(r->object), *kv;
    assert(list && at < json_object_array_length(list));
    struct json_object *item = json_object_array_get_idx(list, at);
    *pair = (struct etcd_pair){0};
    if (!item || !json_object_is_type(item, json_type_object))
        return "its answer has a key that is not an object";
    const char *wrong = read_type(item, &pair->is_deleted);
    if (wrong) return wrong;
    kv = member(item, "kv", json_type_object);
    if (!kv) kv = item;
    size_t room = length_of(kv, "key") + length_of(kv, "value");
    if (room > r->room) {
        r->decoded = realloc(r->decoded, room);
        if (!r->decoded) abort();
        r->room = room;
    }
    if (!decode(kv, "key", r->decoded, &pair->key_len) || pair->key_len == 0 ||
        !decode(kv, "value", r->decoded + pair->key_len, &pair->value_len))
        return "its answer has a key or a value that is not base64";
    pair->key = (const char *)r->decoded;
    pair->value = pair->key + pair->key_len;
    return NULL;
}

/* --- requests ------------------------------------------------------------------------------------ */

/* Behind text, which it may not be longer than base64 makes it. */
static size_t put_base64(char *to, const char *bytes, size_t len)
{
    size_t n = base64_encode((const uint8_t *)bytes, len, (uint8_t *)to);
    to[n] = '\0';
    return n;
}

/* From prefix to the first key that does not begin with it: its last byte, a slash, is the next one there. */
static size_t put_keys(char *to, const char *prefix)
{
    char beyond[512];
    size_t len = strlen(prefix), n;
    assert(len > 0 && len < sizeof beyond && prefix[len - 1] == '/');
    memcpy(beyond, prefix, len);
    beyond[len - 1] = '/' + 1;
    n = (size_t)sprintf(to, "{\"key\":\"");
    n += put_base64(to + n, prefix, len);
    n += (size_t)sprintf(to + n, "\",\"range_end\":\"");
    n += put_base64(to + n, beyond, len);
    return n + (size_t)sprintf(to + n, "\"");
}

size_t etcd_ask_range(char *text, const char *prefix, uint32_t limit)
{
    size_t n = put_keys(text, prefix);
    if (limit) return n + (size_t)sprintf(text + n, ",\"limit\":\"%u\"}", limit);
    return n + (size_t)sprintf(text + n, ",\"count_only\":true}");
}

size_t etcd_ask_watch(char *text, const char *prefix, int64_t revision)
{
    size_t n = (size_t)sprintf(text, "{\"create_request\":");
    n += put_keys(text + n, prefix);
    return n + (size_t)sprintf(text + n, ",\"start_revision\":\"%lld\"}}", (long long)revision);
}

/* As \u00XX, where JSON does not take a byte as it is. Bytes that are not UTF-8 go as they are: etcd replaces them. */
static size_t put_text(char *to, const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        unsigned char byte = (unsigned char)*p;
        if (byte < ' ' || byte == '"' || byte == '\\')
            n += (size_t)sprintf(to + n, "\\u%04x", byte);
        else
            to[n++] = *p;
    }
    to[n] = '\0';
    return n;
}

size_t etcd_ask_token(char *text, const char *user, const char *password)
{
    size_t n = (size_t)sprintf(text, "{\"name\":\"");
    n += put_text(text + n, user);
    n += (size_t)sprintf(text + n, "\",\"password\":\"");
    n += put_text(text + n, password);
    return n + (size_t)sprintf(text + n, "\"}");
}
