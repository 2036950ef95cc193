/* abi: both compilers lay out what C and Lua share alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "placement/hash.h"
#include "script/abi.h"
#include "script/modules.h"
#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define REQUEST_FIELDS(X)                                                                          \
    X(key_at)                                                                                      \
    X(value_at)                                                                                    \
    X(value_len)                                                                                   \
    X(key_len)                                                                                     \
    X(command_id)                                                                                  \
    X(noreply)                                                                                     \
    X(exptime)                                                                                     \
    X(asked_exptime)                                                                               \
    X(client_flags)                                                                                \
    X(number)                                                                                      \
    X(args_at)                                                                                     \
    X(args_len)                                                                                    \
    X(meta)                                                                                        \
    X(owner)                                                                                       \
    X(receiver)                                                                                    \
    X(value_blob)                                                                                  \
    X(shown_key_at)                                                                                \
    X(fill)                                                                                        \
    X(part)                                                                                        \
    X(affinity)                                                                                    \
    X(shown_key_len)                                                                               \
    X(multi)                                                                                       \
    X(depth)                                                                                       \
    X(function_id)
#define ANSWER_FIELDS(X)                                                                           \
    X(route)                                                                                       \
    X(text_len)                                                                                    \
    X(text_at)
#define BATCH_FIELDS(X)                                                                            \
    X(slots)                                                                                       \
    X(answers)                                                                                     \
    X(capacity)                                                                                    \
    X(at)                                                                                          \
    X(request)
#define SERVER_FIELDS(X)                                                                           \
    X(name)                                                                                        \
    X(name_len)                                                                                    \
    X(port)                                                                                        \
    X(weight)                                                                                      \
    X(timeout)                                                                                     \
    X(backend)
#define OPTIONS_FIELDS(X)                                                                          \
    X(name)                                                                                        \
    X(name_len)                                                                                    \
    X(hash_tag)                                                                                    \
    X(hash_stop)                                                                                   \
    X(hash_stop_len)                                                                               \
    X(unhashed_prefix)                                                                             \
    X(unhashed_prefix_len)                                                                         \
    X(seed)                                                                                        \
    X(seed_text)                                                                                   \
    X(seed_text_len)                                                                               \
    X(eject_floor)                                                                                 \
    X(eject_retry)                                                                                 \
    X(discover)                                                                                    \
    X(discover_len)                                                                                \
    X(discover_interval)                                                                           \
    X(discover_timeout)                                                                            \
    X(discover_debounce)                                                                           \
    X(discover_auth)                                                                               \
    X(discover_ca)                                                                                 \
    X(discover_cert)                                                                               \
    X(discover_key)                                                                                \
    X(server)                                                                                      \
    X(points)                                                                                      \
    X(distribution)                                                                                \
    X(hash)                                                                                        \
    X(naming)                                                                                      \
    X(order)                                                                                       \
    X(on_failure)                                                                                  \
    X(weighted)                                                                                    \
    X(hash_empty_tag)                                                                              \
    X(discover_shrink)                                                                             \
    X(discover_secure)                                                                             \
    X(discover_any_certificate)
#define TLS_FIELDS(X)                                                                              \
    X(ca)                                                                                          \
    X(cert)                                                                                        \
    X(key)                                                                                         \
    X(name)                                                                                        \
    X(min)                                                                                         \
    X(ciphers)                                                                                     \
    X(verify)
#define ROUTE_FIELDS(X)                                                                            \
    X(on)                                                                                          \
    X(tries)                                                                                       \
    X(order)                                                                                       \
    X(wait)                                                                                        \
    X(function_id)                                                                                 \
    X(most_in_flight)                                                                              \
    X(keys)                                                                                        \
    X(match)                                                                                       \
    X(parts)                                                                                       \
    X(edit)                                                                                        \
    X(near)                                                                                        \
    X(place)                                                                                       \
    X(cap)                                                                                         \
    X(first)                                                                                       \
    X(servers)                                                                                     \
    X(reads)                                                                                       \
    X(last)                                                                                        \
    X(by)                                                                                          \
    X(distribution)                                                                                \
    X(hash)                                                                                        \
    X(seed)                                                                                        \
    X(seconds)                                                                                     \
    X(share)                                                                                       \
    X(burst)                                                                                       \
    X(before)                                                                                      \
    X(after)                                                                                       \
    X(percentile)                                                                                  \
    X(least)                                                                                       \
    X(most)                                                                                        \
    X(within)                                                                                      \
    X(tick)
#define WORD_FIELDS(X)                                                                             \
    X(text)                                                                                        \
    X(len)                                                                                         \
    X(number)                                                                                      \
    X(burst)                                                                                       \
    X(child)                                                                                       \
    X(command)
#define VALUE_FIELDS(X)                                                                            \
    X(bytes)                                                                                       \
    X(len)                                                                                         \
    X(first)                                                                                       \
    X(n)                                                                                           \
    X(flags)                                                                                       \
    X(cas)                                                                                         \
    X(ttl)                                                                                         \
    X(marks)
#define BYTES_FIELDS(X)                                                                            \
    X(at)                                                                                          \
    X(len)
#define RESULT_FIELDS(X)                                                                           \
    X(kind)                                                                                        \
    X(value_len)                                                                                   \
    X(value_at)                                                                                    \
    X(text_at)                                                                                     \
    X(text_len)                                                                                    \
    X(flags)                                                                                       \
    X(cas)                                                                                         \
    X(number)                                                                                      \
    X(ttl)
#define SETTING_FIELDS(X)                                                                          \
    X(name)                                                                                        \
    X(least)                                                                                       \
    X(most)                                                                                        \
    X(is_whole)

#define SHARED_FIELDS(X)                                                                           \
    X(text)                                                                                        \
    X(number)                                                                                      \
    X(text_len)                                                                                    \
    X(kind)
#define USAGE_FIELDS(X)                                                                            \
    X(capacity)                                                                                    \
    X(used)                                                                                        \
    X(items)
#define SETTABLE_FIELDS(X)                                                                         \
    X(name)                                                                                        \
    X(words)                                                                                       \
    X(least)                                                                                       \
    X(most)                                                                                        \
    X(is_whole)

/* Every field: its place and size. The last field of a struct ends it but for padding, so none is forgotten there. */
static const struct field {
    const char *type, *name;
    size_t offset, size;
} fields[] = {
#define FIELD(type, name) {#type, #name, offsetof(type, name), sizeof((type *)0)->name},
#define X(name)           FIELD(struct request, name)
    REQUEST_FIELDS(X)
#undef X
#define X(name) FIELD(struct answer, name)
        ANSWER_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_batch, name)
            BATCH_FIELDS(X)
#undef X
#define X(name, type, fallback, least, most, meaning) FIELD(struct backend_settings, name)
                BACKEND_SETTINGS(X)
#undef X
#define X(name) FIELD(struct mg_server_options, name)
                    SERVER_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_setting, name)
                        SETTING_FIELDS(X)
#undef X
#define X(name) FIELD(struct route_options, name)
                            ROUTE_FIELDS(X)
#undef X
#define X(name) FIELD(struct route_word, name)
                                WORD_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_value, name)
                                    VALUE_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_bytes, name)
                                        BYTES_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_result, name)
                                            RESULT_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_pool_options, name)
                                                OPTIONS_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_tls_options, name)
                                                    TLS_FIELDS(X)
#undef X
#define X(name) FIELD(struct shared_value, name)
                                                        SHARED_FIELDS(X)
#undef X
#define X(name) FIELD(struct mg_shared_usage, name)
                                                            USAGE_FIELDS(X)
#undef X
#define X(name) FIELD(struct script_option, name)
                                                                SETTABLE_FIELDS(X)
#undef X
                                                                    FIELD(struct metric_counter,
                                                                          value)
                                                                        FIELD(struct metric_gauge,
                                                                              value)};

static const struct {
    const char *type;
    size_t size, alignment;
} structs[] = {
#define STRUCT(type)                                                                               \
    {                                                                                              \
#type, sizeof(type), _Alignof(type)                                                        \
    }
    STRUCT(struct request),           STRUCT(struct answer),
    STRUCT(struct mg_batch),          STRUCT(struct backend_settings),
    STRUCT(struct mg_server_options), STRUCT(struct mg_setting),
    STRUCT(struct mg_pool_options),   STRUCT(struct route_options),
    STRUCT(struct route_word),        STRUCT(struct mg_value),
    STRUCT(struct mg_bytes),          STRUCT(struct mg_result),
    STRUCT(struct shared_value),      STRUCT(struct mg_shared_usage),
    STRUCT(struct script_option),     STRUCT(struct metric_counter),
    STRUCT(struct metric_gauge),      STRUCT(struct mg_tls_options),
};

static const struct {
    const char *name;
    int value;
} constants[] = {
#define CONSTANT(name)                                                                             \
    {                                                                                              \
#name, name                                                                                \
    }
    CONSTANT(MG_ABI_VERSION),
    CONSTANT(ANSWER_MISS),
    CONSTANT(ANSWER_REFUSE),
    CONSTANT(ANSWER_NONE),
    CONSTANT(MG_EDIT_OK),
    CONSTANT(MG_EDIT_OVER),
    CONSTANT(MG_EDIT_BAD_KEY),
    CONSTANT(MG_EDIT_TOO_LARGE),
    CONSTANT(MG_EDIT_NO_VALUE),
    CONSTANT(MG_DISTRIBUTION),
    CONSTANT(MG_HASH),
    CONSTANT(MG_NAMING),
    CONSTANT(MG_ORDER),
    CONSTANT(MG_ON_FAILURE),
    CONSTANT(MG_BY_TURN),
    CONSTANT(MG_BY_LUA),
    CONSTANT(MG_NO_FLAG),
    CONSTANT(MG_CALL_OVER),
    CONSTANT(MG_CALL_NO_VALUE),
    CONSTANT(MG_NO_POOL),
    CONSTANT(MG_DISCOVERED),
    CONSTANT(ANSWER_TAKEN),
    CONSTANT(MG_ORDER),
    CONSTANT(MG_CALL_NO_MEMORY),
    CONSTANT(MG_CALL_TOO_MANY_SPAWNED),
    CONSTANT(MG_ON_FAILURE),
    CONSTANT(MG_LEVEL),
    CONSTANT(SHARED_TEXT),
    CONSTANT(SHARED_NUMBER),
    CONSTANT(SHARED_BOOLEAN),
    CONSTANT(SHARED_OK),
    CONSTANT(SHARED_ABSENT),
    CONSTANT(SHARED_EXISTS),
    CONSTANT(SHARED_TOO_LARGE),
    CONSTANT(SHARED_NO_NUMBER),
};

/* A Lua that knows moongate's declarations. */
static int make(void **state)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "ffi");
    lua_call(L, 1, 1);
    lua_setglobal(L, "ffi");
    lua_pushstring(L, script_cdef);
    lua_setglobal(L, "cdef");
    if (luaL_dostring(L, "ffi.cdef(cdef)") != 0) {
        print_error("%s\n", lua_tostring(L, -1));
        return -1;
    }
    *state = L;
    return 0;
}

static int forget(void **state)
{
    lua_close(*state);
    return 0;
}

/* What a Lua expression of up to two words in it comes to. */
static long value_of(lua_State *L, const char *expression, const char *first, const char *second)
{
    lua_pushfstring(L, "local a, b = '%s', '%s' return tonumber(%s)", first, second, expression);
    if (luaL_dostring(L, lua_tostring(L, -1)) != 0) fail_msg("%s", lua_tostring(L, -1));
    assert_true(lua_isnumber(L, -1));
    long value = (long)lua_tonumber(L, -1);
    lua_settop(L, 0);
    return value;
}

static void every_struct_has_the_same_size_on_both_sides(void **state)
{
    for (size_t i = 0; i < COUNT(structs); i++) {
        assert_int_equal(value_of(*state, "ffi.sizeof(a)", structs[i].type, ""), structs[i].size);
        assert_int_equal(value_of(*state, "ffi.alignof(a)", structs[i].type, ""),
                         structs[i].alignment);
    }
}

static void every_field_has_the_same_place_on_both_sides(void **state)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        const struct field *f = &fields[i];
        assert_int_equal(value_of(*state, "ffi.offsetof(a, b)", f->type, f->name), f->offset);
    }
}

/* A new field must be added to the table above: fields lie close, with less than an alignment between. */
static void the_table_names_every_field(void **state)
{
    size_t end = 0;
    for (size_t i = 0; i < COUNT(fields); i++) {
        bool first = i == 0 || strcmp(fields[i].type, fields[i - 1].type) != 0;
        bool last = i + 1 == COUNT(fields) || strcmp(fields[i].type, fields[i + 1].type) != 0;
        if (first) end = 0;
        assert_in_range(fields[i].offset, end, end + fields[i].size - 1);
        end = fields[i].offset + fields[i].size;
        if (!last) continue;
        for (size_t k = 0; k < COUNT(structs); k++) {
            if (strcmp(structs[k].type, fields[i].type) == 0)
                assert_in_range(structs[k].size, end, end + structs[k].alignment - 1);
        }
    }
}

static void constants_have_the_same_value_on_both_sides(void **state)
{
    for (size_t i = 0; i < COUNT(constants); i++)
        assert_int_equal(value_of(*state, "ffi.C[a]", constants[i].name, ""), constants[i].value);
}

static void functions_are_found_in_the_program(void **state)
{
    assert_int_equal(value_of(*state, "ffi.C.mg_abi_version()", "", ""), MG_ABI_VERSION);
    assert_int_equal(value_of(*state, "ffi.C.mg_find(ffi.C.MG_HASH, a, #a)", "md5", ""), HASH_MD5);
    assert_int_equal(value_of(*state, "ffi.C.mg_find(ffi.C.MG_HASH, a, #a)", "nosuch", ""), -1);
    assert_int_equal(value_of(*state, "ffi.C.mg_command_text(255) == nil and 1 or 0", "", ""), 1);
}

/* Compiled code on x64 reads all 64 bits of such a result, of which C defines the lower half only. */
static void no_function_returns_a_uint32(void **state)
{
    static const char before[] = "uint32_t mg_";
    for (const char *at = script_cdef; (at = strstr(at, before)); at++) {
        if (at == script_cdef || at[-1] == '\n' || at[-1] == ';') fail_msg("%.40s", at);
    }
    assert_non_null(strstr(script_cdef, "double mg_request_hash(")); /* functions do begin lines */
    assert_int_equal(strstr(script_cdef, "double mg_request_hash(")[-1], '\n');
}

static void lua_cannot_write_what_only_c_may(void **state)
{
    static const char *const read_only[] = {
        "key_at", "value_at", "key_len", "value_len",    "command_id",    "owner",
        "number", "noreply",  "part",    "shown_key_at", "asked_exptime", "client_flags"};
    lua_State *L = *state;
    for (size_t i = 0; i < COUNT(read_only); i++) {
        lua_pushfstring(L, "local r = ffi.new 'struct request'  r.%s = 1", read_only[i]);
        assert_int_not_equal(luaL_dostring(L, lua_tostring(L, -1)), 0);
        assert_non_null(strstr(lua_tostring(L, -1), "constant"));
        lua_settop(L, 0);
    }
    assert_int_equal(luaL_dostring(L, "local r = ffi.new 'struct request'  r.exptime = 1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_struct_has_the_same_size_on_both_sides),
        cmocka_unit_test(every_field_has_the_same_place_on_both_sides),
        cmocka_unit_test(the_table_names_every_field),
        cmocka_unit_test(constants_have_the_same_value_on_both_sides),
        cmocka_unit_test(functions_are_found_in_the_program),
        cmocka_unit_test(no_function_returns_a_uint32),
        cmocka_unit_test(lua_cannot_write_what_only_c_may),
    };
    return cmocka_run_group_tests(tests, make, forget);
}
