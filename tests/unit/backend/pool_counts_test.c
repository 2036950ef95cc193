/* pool: its entry among the counters, over reloads and beyond the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/pool.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct {
    struct backends set;
    struct arena arena;
    struct board_worker part;
} w;

static int make(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    arena_init(&w.arena, 1024);
    backends_init(&w.set, NULL, &w.arena, &w.part);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    backends_release(&w.set);
    arena_release(&w.arena);
    return 0;
}

static struct pool_settings usual_settings(void)
{
    return (struct pool_settings){
        .name = "p",
        .selector = {.distribution = DISTRIBUTION_KETAMA, .hash = HASH_MD5},
        .timeout = 1,
        .backend = backend_settings_default()};
}

static struct pool *open_pool(const struct pool_settings *settings, const char *const servers[])
{
    struct pool *pool = pool_create(settings, &w.set);
    for (uint32_t i = 0; servers[i]; i++) {
        struct server_spec spec;
        assert_null(server_spec_parse(&spec, servers[i], strlen(servers[i])));
        assert_null(pool_add_server(pool, &spec, settings->timeout, &settings->backend));
    }
    assert_null(pool_close(pool));
    return pool;
}

/* As at a reload: the new script's pool is made before the old script's is gone. Counters stay in any case. */
static void levels_go_with_the_last_pool_of_a_name(void **state)
{
    static const char *const servers[] = {"127.0.0.1:1", "127.0.0.1:2", NULL};
    struct pool_settings settings = usual_settings();
    struct pool *old = open_pool(&settings, servers);
    const struct board_pool *entry = &w.part.tables.pools[old->place];
    (void)state;
    w.part.tables.pools[old->place].requests = 5;
    pool_note_levels(old);
    assert_int_equal(entry->users, 1);
    assert_int_equal(entry->servers, 2);
    assert_int_equal(entry->in_ring, 2);
    assert_int_equal(entry->answering, 0);
    struct pool *new = open_pool(&settings, servers);
    assert_int_equal(new->place, old->place);
    assert_int_equal(entry->users, 2);
    pool_destroy(old);
    assert_int_equal(entry->users, 1);
    assert_int_equal(entry->servers, 2);
    pool_destroy(new);
    assert_int_equal(entry->users, 0);
    assert_int_equal(entry->servers, 0);
    assert_int_equal(entry->in_ring, 0);
    assert_int_equal(entry->requests, 5);
}

/* Another name has another entry, until there is no room. */
static void pools_beyond_the_table_count_together(void **state)
{
    struct pool *pools[BOARD_POOLS + 2];
    struct pool_settings settings = usual_settings();
    (void)state;
    for (unsigned i = 0; i < BOARD_POOLS + 2; i++) {
        snprintf(settings.name, sizeof settings.name, "p%u", i);
        pools[i] = pool_create(&settings, &w.set);
        assert_int_equal(pools[i]->place, i < BOARD_POOLS - 1 ? i : BOARD_POOLS - 1);
    }
    assert_string_equal(w.part.tables.pools[BOARD_POOLS - 1].name, "other");
    assert_int_equal(w.part.tables.pools[BOARD_POOLS - 1].users, 3);
    for (unsigned i = 0; i < BOARD_POOLS + 2; i++) pool_destroy(pools[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_go_with_the_last_pool_of_a_name, make, forget),
        cmocka_unit_test_setup_teardown(pools_beyond_the_table_count_together, make, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
