/* script_host: a worker's rest, as a script needs it to be loaded and asked, without a loop.
 *
 * One static `w` a test program; make() makes what it owns before each test, forget() frees it. Included once, by the program's only
 * source.
 */
#ifndef TESTS_UNIT_SCRIPT_HOST_H
#define TESTS_UNIT_SCRIPT_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shared.h"
#include "lib/capture.h"
#include "route/flow.h"
#include "script/script.h"
#include "script/state.h"
#include "store/store.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define MG           "local mg = require 'moongate'\n"
#define ANY          "return mg.pool { '127.0.0.1:1' }\n"
#define AS_ROUTE(of)                                                                               \
    MG "local pool = mg.pool { '127.0.0.1:1' }\nreturn function(req)\n" of "\nend\n"

/* --- a worker's rest --------------------------------------------------------------------------- */

/* What a script runs in, and the scripts and files of one test. */
static struct {
    struct backends backends;
    struct arena arena;
    struct board_worker part;
    struct turn turn;
    struct request *slots;
    struct answer *answers;
    struct script_host host;
    struct script *script;
    struct pool *const *pools;
    char top[32]; /* removed after each test */
    char dir[48]; /* where scripts are */
    char path[96];
    char error[SCRIPT_ERROR_MAX];
} w;

static inline void remove_files(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", w.top);
    assert_int_equal(system(command), 0);
}

static inline int make(void **state)
{
    memset(&w, 0, sizeof w);
    arena_init(&w.arena, 64 * 1024);
    backends_init(&w.backends, NULL, &w.arena, &w.part);
    turn_init(&w.turn, NULL, &w.arena, &w.backends, &w.part.row,
              &(struct turn_limits){.rules = {.max_value = 1000}});
    w.slots = w.turn.slots;
    w.answers = w.turn.answers;
    w.host = (struct script_host){.backends = &w.backends,
                                  .arena = &w.arena,
                                  .row = &w.part.row,
                                  .turn = &w.turn,
                                  .max_value = 1000,
                                  .connections = 2,
                                  .metrics = &w.part.metrics,
                                  .shared = shared_create(1 << 20, NULL),
                                  .stores = store_region_create(1ull << 30, NULL),
                                  .workers = 1,
                                  .jit = true};
    assert_non_null(w.host.shared);
    assert_non_null(w.host.stores);
    w.turn.stores = w.host.stores;
    w.host.stores = w.turn.stores = store_region_create(4ull << 30, NULL);
    assert_non_null(w.host.stores);
    strcpy(w.top, "/tmp/moongate-unit-XXXXXX");
    assert_non_null(mkdtemp(w.top));
    snprintf(w.dir, sizeof w.dir, "%s/scripts", w.top);
    assert_int_equal(mkdir(w.dir, 0700), 0);
    return 0;
}

static inline void drop_result(void *owner, uint32_t place, const struct result *result)
{
}

static inline bool is_never_awaited(const void *owner)
{
    return false;
}

/* What the requests of these tests are answered with is dropped. */
static const struct receiver dropped = {.on_result = drop_result, .is_awaited = is_never_awaited};

/* Functions that wait end before their script, as a turn sees to. */
static inline void end_waiting(void)
{
    struct flow *later = w.turn.later;
    w.turn.later = NULL;
    w.turn.later_end = &w.turn.later;
    while (later) { /* what they have sent has not begun yet */
        struct flow *flow = later;
        later = flow->next;
        if (flow->legs[0].is_out) leg_result(&flow->legs[0], 0, &(struct result){RESULT_MISS});
    }
    if (w.turn.flows) flows_end(&w.turn);
    if (!w.script) return;
    struct generation *g = script_routes(w.script);
    g->ready = NULL;
    g->ready_end = &g->ready;
}

static inline void unload(void)
{
    end_waiting();
    if (w.script) script_destroy(w.script);
    w.script = NULL;
}

static inline int forget(void **state)
{
    unload();
    for (const struct backend *b = w.backends.first; b; b = b->next) assert_int_equal(b->counts, 0);
    turn_release(&w.turn);
    backends_release(&w.backends);
    shared_destroy(w.host.shared);
    store_region_destroy(w.host.stores);
    arena_release(&w.arena);
    remove_files();
    return 0;
}

static inline void write_file(const char *name, const void *bytes, size_t len)
{
    snprintf(w.path, sizeof w.path, "%s/%s", w.dir, name);
    FILE *file = fopen(w.path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static inline void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

/* True when the text loads as a script; else w.error says why not. */
static inline bool loads(const char *text)
{
    unload();
    w.error[0] = 0;
    write_text("script.lua", text);
    w.script = script_load(&w.host, w.path, text, strlen(text), 3, w.error);
    return w.script != NULL;
}

static inline void load(const char *text)
{
    if (!loads(text)) fail_msg("%s\n%s", w.error, text);
}

/* The script does not load, and `where` ("script.lua:2") and `why` are in what is said. */
static inline void fails(const char *text, const char *where, const char *why)
{
    char whole[128];
    if (loads(text)) fail_msg("it loaded:\n%s", text);
    snprintf(whole, sizeof whole, "%s/%s", w.dir, where);
    if (!strstr(w.error, whole) || !strstr(w.error, why))
        fail_msg("wanted %s %s, got: %s", where, why, w.error);
    assert_null(strchr(w.error, '\r'));
}

/* --- requests ---------------------------------------------------------------------------------- */

/* A request as the client's side puts it into slot i; key and value live as long as the test. */
static inline struct request *request_at(uint32_t i, enum command command, const char *key,
                                         const char *value)
{
    static int nobody;
    w.slots[i] = (struct request){.command_id = (uint8_t)command,
                                  .owner = (uintptr_t)&nobody,
                                  .receiver = (uintptr_t)&dropped,
                                  .key_at = (uintptr_t)key,
                                  .key_len = (uint16_t)strlen(key),
                                  .value_at = (uintptr_t)value,
                                  .value_len = value ? (uint32_t)strlen(value) : 0};
    return &w.slots[i];
}

static inline void route(uint32_t n)
{
    uint32_t pools;
    script_route(w.script, w.slots, w.answers, n);
    w.pools = script_pools(w.script, &pools);
    for (uint32_t i = 0; i < n; i++) assert_int_not_equal(w.answers[i].route, ANSWER_NONE);
}

/* What the end of a turn does to slots and memory. */
static inline void end_turn(void)
{
    memset(w.slots, 0, sizeof *w.slots * TURN_SLOTS);
    arena_reset(&w.arena);
}

static inline struct request *route_one(enum command command, const char *key, const char *value)
{
    struct request *r = request_at(0, command, key, value);
    route(1);
    return r;
}

static inline void assert_refused(uint32_t i, const char *text)
{
    assert_int_equal(w.answers[i].route, ANSWER_REFUSE);
    assert_int_equal(w.answers[i].text_len, strlen(text));
    assert_memory_equal((const void *)w.answers[i].text_at, text, strlen(text));
}

static inline void assert_key(const struct request *r, const char *key)
{
    assert_int_equal(r->key_len, strlen(key));
    assert_memory_equal((const void *)r->key_at, key, strlen(key));
}

static inline void assert_value(const struct request *r, const char *value)
{
    assert_int_equal(r->value_len, strlen(value));
    assert_memory_equal((const void *)r->value_at, value, strlen(value));
}

static inline const char *server_of(uint32_t i)
{
    assert_true(w.answers[i].route >= 0);
    return script_routes(w.script)->routes[w.answers[i].route]->pool->members[0].backend->name;
}

/* Routes slots [0..n) and returns what was logged meanwhile. */
static inline const char *logged_while_routing(uint32_t n)
{
    capture_begin(STDERR_FILENO);
    route(n);
    return capture_end();
}

#define alone(test) cmocka_unit_test_setup_teardown(test, make, forget)

#endif
