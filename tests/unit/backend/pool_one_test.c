/* pool_one: a pool of a single server of another pool: the same connections and counters, and a drain that counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/ejection.h"
#include "backend/steering.h"
#include <cmocka.h>
#include <string.h>

static struct {
    struct backends set;
    struct arena arena;
    struct board_worker part;
    struct steering steering;
    struct pool *pool;
} w;

static int make(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    arena_init(&w.arena, 1024);
    backends_init(&w.set, NULL, &w.arena, &w.part);
    w.set.steering = &w.steering;
    return 0;
}

static int forget(void **state)
{
    (void)state;
    pool_destroy(w.pool);
    backends_release(&w.set);
    arena_release(&w.arena);
    return 0;
}

/* Two servers, of which the second has a timeout of its own, in a pool with that distribution. */
static struct pool *open_pool(enum distribution distribution, enum on_failure on_failure)
{
    static const char *const servers[] = {"127.0.0.1:1:2", "127.0.0.1:2 second"};
    struct pool_settings settings = {.name = "p",
                                     .selector = {.distribution = distribution, .hash = HASH_MD5},
                                     .timeout = 1,
                                     .hash_tag = "{",
                                     .on_failure = on_failure,
                                     .backend = backend_settings_default()};
    settings.hash_tag[1] = '}';
    w.pool = pool_create(&settings, &w.set);
    for (uint32_t i = 0; i < 2; i++) {
        struct server_spec spec;
        assert_null(server_spec_parse(&spec, servers[i], strlen(servers[i])));
        assert_null(pool_add_server(w.pool, &spec, 1 + i, &settings.backend));
    }
    assert_null(pool_close(w.pool));
    return w.pool;
}

static const struct backend *picks(struct pool *p, const char *key)
{
    const struct pool_member *m = pool_pick(p, key, strlen(key));
    return m ? m->backend : NULL;
}

static void drains(const char *server, bool drained)
{
    struct steer steer = {.drained = drained, .weight = -1};
    strcpy(steer.server, server);
    assert_true(steering_set(&w.steering, &steer));
    steering_changed(&w.set);
}

static void each_key_goes_to_its_server_by_the_connections_of_the_whole_pool(void **state)
{
    struct pool *p = open_pool(DISTRIBUTION_RENDEZVOUS, ON_FAILURE_MISS);
    (void)state;
    for (uint32_t at = 0; at < 2; at++) {
        struct pool *one = pool_one(p, at);
        assert_ptr_equal(one, pool_one(p, at));
        assert_ptr_equal(one, pool_one(one, 0));
        assert_int_equal(one->place, p->place);
        assert_int_equal(one->settings.on_failure, ON_FAILURE_MISS);
        assert_string_equal(one->settings.name, "p");
        assert_ptr_equal(picks(one, "k"), p->members[at].backend);
        assert_ptr_equal(picks(one, "another {t}"), p->members[at].backend);
        assert_true(pool_pick(one, "k", 1)->timeout == p->members[at].timeout);
        assert_string_equal(one->members[0].name, p->members[at].name);
    }
}

static void it_is_explained_as_the_member_of_the_whole_pool(void **state)
{
    struct pool *p = open_pool(DISTRIBUTION_RENDEZVOUS, ON_FAILURE_ERROR);
    struct pool_choice choice = pool_explain(pool_one(p, 1), "k", 1);
    (void)state;
    assert_ptr_equal(choice.member, &p->members[1]);
    assert_false(choice.was_hashed);
}

static void a_drained_server_has_no_keys_there_even_where_the_whole_pool_keeps_it(void **state)
{
    struct pool *p = open_pool(DISTRIBUTION_KETAMA, ON_FAILURE_ERROR);
    struct pool *first = pool_one(p, 0), *second = pool_one(p, 1);
    (void)state;
    drains("127.0.0.1:1", true);
    assert_null(picks(first, "k"));
    assert_string_equal(pool_lacks_servers(first), "127.0.0.1:1 is drained");
    assert_null(pool_explain(first, "k", 1).member);
    assert_ptr_equal(picks(second, "k"), p->members[1].backend);
    assert_ptr_equal(picks(p, "k"), p->members[1].backend);
    drains("127.0.0.1:2", true);
    assert_null(picks(second, "k"));
    assert_non_null(picks(p, "k"));
    drains("127.0.0.1:1", false);
    assert_ptr_equal(picks(first, "k"), p->members[0].backend);
    assert_null(picks(second, "k"));
}

static void a_server_that_is_down_keeps_its_route_where_the_pool_rehashes(void **state)
{
    struct pool *p = open_pool(DISTRIBUTION_KETAMA, ON_FAILURE_REHASH);
    struct pool *first = pool_one(p, 0);
    (void)state;
    p->members[0].backend->down = true;
    w.set.changes++;
    assert_ptr_equal(picks(first, "k"), p->members[0].backend);
    assert_ptr_equal(picks(p, "k"), p->members[1].backend);
}

static void a_server_that_the_pool_has_ejected_keeps_its_route(void **state)
{
    struct pool_settings settings = {.name = "p",
                                     .selector = {.hash = HASH_MD5},
                                     .timeout = 1,
                                     .eject_retry = 9,
                                     .backend = backend_settings_default()};
    struct server_spec spec;
    (void)state;
    settings.backend.eject = EJECTS_TWEMPROXY;
    settings.backend.failure_limit = 1;
    w.pool = pool_create(&settings, &w.set);
    assert_null(server_spec_parse(&spec, "127.0.0.1:1", 11));
    assert_null(pool_add_server(w.pool, &spec, 1, &settings.backend));
    assert_null(pool_close(w.pool));
    struct pool *one = pool_one(w.pool, 0);
    assert_non_null(picks(w.pool, "k"));
    ejection_fault(w.pool->members[0].backend);
    assert_null(picks(w.pool, "k"));
    assert_ptr_equal(picks(one, "k"), w.pool->members[0].backend);
    drains("127.0.0.1:1", true);
    assert_null(picks(one, "k"));
}

#define of_a_pool(f) cmocka_unit_test_setup_teardown(f, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        of_a_pool(each_key_goes_to_its_server_by_the_connections_of_the_whole_pool),
        of_a_pool(it_is_explained_as_the_member_of_the_whole_pool),
        of_a_pool(a_drained_server_has_no_keys_there_even_where_the_whole_pool_keeps_it),
        of_a_pool(a_server_that_the_pool_has_ejected_keeps_its_route),
        of_a_pool(a_server_that_is_down_keeps_its_route_where_the_pool_rehashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
