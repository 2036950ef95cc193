/* pool: what of a key is hashed, the order of members, servers that are replaced, and those that are down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/pool.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* --- a pool of no worker ----------------------------------------------------------------------- */

static struct {
    struct backends set;
    struct arena arena;
    struct board_worker part;
    struct pool *pool;
} w;

static int make(void **state)
{
    memset(&w, 0, sizeof w);
    arena_init(&w.arena, 1024);
    backends_init(&w.set, NULL, &w.arena, &w.part);
    return 0;
}

static int forget(void **state)
{
    if (w.pool) pool_destroy(w.pool);
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
        .eject_floor = 0.5,
        .backend = backend_settings_default()};
}

static struct server_spec spec_of(const char *text)
{
    struct server_spec spec;
    assert_null(server_spec_parse(&spec, text, strlen(text)));
    return spec;
}

/* Reads texts up to a NULL; gives their number. */
static uint32_t specs_of(const char *const texts[], struct server_spec *specs)
{
    uint32_t n = 0;
    for (; texts[n]; n++) specs[n] = spec_of(texts[n]);
    return n;
}

static struct pool *open_pool(const struct pool_settings *settings, const char *const servers[])
{
    w.pool = pool_create(settings, &w.set);
    for (uint32_t i = 0; servers[i]; i++) {
        struct server_spec spec = spec_of(servers[i]);
        assert_null(pool_add_server(w.pool, &spec, settings->timeout, &settings->backend));
    }
    pool_close(w.pool);
    return w.pool;
}

static void close_pool(void)
{
    pool_destroy(w.pool);
    w.pool = NULL;
}

static const char *replace(const char *const servers[])
{
    struct server_spec specs[8];
    uint32_t n = specs_of(servers, specs);
    return pool_replace(w.pool, specs, n);
}

/* --- what is hashed ---------------------------------------------------------------------------- */

static const char *const two[] = {"127.0.0.1:1", "127.0.0.1:2", NULL};

/* tag, stop, key, what of it is hashed */
static const char *const parts[][4] = {
    {"", "", "a{b}|#|c", "a{b}|#|c"},
    {"{}", "", "{t}", "t"},
    {"{}", "", "a{t}b", "t"},
    {"{}", "", "a{t}b{u}", "t"},
    {"{}", "", "{{t}}", "{t"},
    {"{}", "", "}{t}", "t"},
    {"{}", "", "a{}b", "a{}b"},
    {"{}", "", "a{}b{c}", "a{}b{c}"},
    {"{}", "", "a{b", "a{b"},
    {"{}", "", "a}b{", "a}b{"},
    {"{}", "", "{", "{"},
    {"{}", "", "}", "}"},
    {"{}", "", "plain", "plain"},
    {"$$", "", "a$t$b$", "t"},
    {"$$", "", "a$$b$c$", "a$$b$c$"},
    {"$$", "", "a$b", "a$b"},
    {"\xc3\xa9", "", "a\xc3t\xa9", "t"},
    {"", "|#|", "a|#|b", "a"},
    {"", "|#|", "a|#|b|#|c", "a"},
    {"", "|#|", "a|#b", "a|#b"},
    {"", "|#|", "|#|b", ""},
    {"", "|#|", "a|#|", "a"},
    {"", "|", "a|b", "a"},
    {"{}", "|#|", "{t}|#|b", "t"},
    {"{}", "|#|", "a|#|{t}", "t"},
    {"{}", "|#|", "a{}|#|b", "a{}"},
};

static void a_tag_is_hashed_before_a_stop_and_that_before_the_whole_key(void **state)
{
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct pool_settings settings = usual_settings();
        const char *key = parts[i][2], *part = parts[i][3];
        memcpy(settings.hash_tag, parts[i][0], strlen(parts[i][0]));
        strcpy(settings.hash_stop, parts[i][1]);
        struct pool *p = open_pool(&settings, two);
        struct pool_choice choice = pool_explain(p, key, strlen(key));

        assert_true(choice.was_hashed && choice.how.has_point);
        if (choice.hashed_len != strlen(part) || memcmp(choice.hashed, part, strlen(part)) != 0)
            fail_msg("'%s': '%.*s'", key, (int)choice.hashed_len, choice.hashed);
        assert_int_equal(choice.how.hash, hash_bytes(HASH_MD5, part, strlen(part)));
        assert_ptr_equal(choice.member, pool_pick(p, key, strlen(key)));
        close_pool();
    }
}

/* The part lies in the key, which ends where it ends: nothing beyond is looked at. */
static void a_key_is_read_up_to_its_length(void **state)
{
    struct pool_settings settings = usual_settings();
    memcpy(settings.hash_tag, "{}", 2);
    strcpy(settings.hash_stop, "|#|");
    struct pool *p = open_pool(&settings, two);
    static const char key[] = "a{b}c|#|d";
    static const size_t hashed[] = {0, 1, 2, 3, 1, 1, 1, 1, 1, 1};
    for (size_t len = 1; len < sizeof key; len++) {
        char *exact = malloc(len);
        assert_non_null(exact);
        memcpy(exact, key, len);
        struct pool_choice choice = pool_explain(p, exact, len);
        assert_int_equal(choice.hashed_len, hashed[len]);
        assert_ptr_equal(choice.hashed, len < 4 ? exact : exact + 2);
        free(exact);
    }
}

static void an_only_server_gets_every_key_without_a_hash(void **state)
{
    struct pool_settings settings = usual_settings();
    struct pool *p = open_pool(&settings, (const char *const[]){"127.0.0.1:1", NULL});
    struct pool_choice choice = pool_explain(p, "key", 3);
    assert_ptr_equal(choice.member, &p->members[0]);
    assert_false(choice.was_hashed || choice.how.has_point);
    assert_int_equal(choice.how.hash, 0);
}

/* --- the order of members ---------------------------------------------------------------------- */

static const char *const unordered[] = {
    "127.0.0.1:7 bb", "127.0.0.1:11211", "127.0.0.1:2 c",    "127.0.0.1:12",
    "127.0.0.1:4",    "127.0.0.1:5 ba",  "127.0.0.1:6 \xc3", NULL};

/* The names, in the order of ORDERS. */
static const char *const ordered[ORDER_COUNT][7] = {
    {"bb", "127.0.0.1", "c", "127.0.0.1:12", "127.0.0.1:4", "ba", "\xc3"},
    {"c", "\xc3", "ba", "bb", "127.0.0.1", "127.0.0.1:4", "127.0.0.1:12"},
    {"127.0.0.1", "127.0.0.1:12", "127.0.0.1:4", "ba", "bb", "c", "\xc3"},
};

static void has_order(const struct pool *p, const char *const names[])
{
    assert_int_equal(p->members_n, COUNT(ordered[0]));
    for (uint32_t i = 0; i < p->members_n; i++) {
        assert_string_equal(p->members[i].name, names[i]);
        assert_int_equal(p->living[i], i);
    }
}

static void members_stand_in_the_order_asked_for_also_when_they_were_replaced(void **state)
{
    for (unsigned order = 0; order < ORDER_COUNT; order++) {
        struct pool_settings settings = usual_settings();
        settings.order = (enum order)order;
        has_order(open_pool(&settings, unordered), ordered[order]);
        assert_null(replace(two));
        assert_null(replace(unordered));
        has_order(w.pool, ordered[order]);
        close_pool();
    }
}

/* Of modula's four slots the first is a's, as it comes first, and the others are those of the one that weighs 3. */
static void a_member_keeps_its_weight_where_the_order_puts_it(void **state)
{
    static const char *const servers[] = {"127.0.0.1:1:3 long", "127.0.0.1:2:1 a", NULL};
    struct pool_settings settings = usual_settings();
    settings.selector.distribution = DISTRIBUTION_MODULA;
    settings.order = ORDER_LENGTH;
    struct pool *p = open_pool(&settings, servers);
    unsigned keys[2] = {0};
    for (unsigned i = 0; i < 4000; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "k%u", i);
        unsigned slot = hash_bytes(HASH_MD5, key, (size_t)len) % 4;
        const struct pool_member *m = pool_pick(p, key, (size_t)len);
        assert_ptr_equal(m, &p->members[slot > 0]);
        keys[slot > 0]++;
    }
    assert_string_equal(p->members[1].name, "long");
    assert_true(keys[1] > 2 * keys[0]);
}

static void weights_count_unless_the_pool_does_not_want_them(void **state)
{
    static const char *const servers[] = {"127.0.0.1:1:9 a", "127.0.0.1:2:1 b", NULL};
    for (unsigned unweighted = 0; unweighted < 2; unweighted++) {
        struct pool_settings settings = usual_settings();
        settings.unweighted = unweighted;
        struct pool *p = open_pool(&settings, servers);
        uint32_t points = 0;
        for (uint32_t i = 0; i < p->selector.ring.points_n; i++)
            points += p->selector.ring.points[i].server == 0;
        assert_int_equal(points, unweighted ? 160 : 288);
        close_pool();
    }
}

/* --- other servers ----------------------------------------------------------------------------- */

static const struct pool_member *member_named(const struct pool *p, const char *name)
{
    for (uint32_t i = 0; i < p->members_n; i++) {
        if (strcmp(p->members[i].name, name) == 0) return &p->members[i];
    }
    return NULL;
}

static struct backend *backend_named(const char *name)
{
    struct backend *b = w.set.first;
    while (b && strcmp(b->name, name) != 0) b = b->next;
    return b;
}

static void a_server_that_stays_keeps_its_backend_and_one_that_goes_is_given_up(void **state)
{
    struct pool_settings settings = usual_settings();
    struct pool *p = open_pool(&settings, two);
    struct backend *first = backend_named("127.0.0.1:1"), *second = backend_named("127.0.0.1:2");

    assert_null(
        replace((const char *const[]){"127.0.0.1:3", "127.0.0.1:2:5", "127.0.0.1:4", NULL}));
    assert_int_equal(p->members_n, 3);
    const struct pool_member *stays = member_named(p, "127.0.0.1:2");
    assert_ptr_equal(stays->backend, second);
    assert_true(stays->weight == 5 && stays->timeout == settings.timeout);
    assert_int_equal(second->counts, 1);
    assert_int_equal(first->counts, 0);
    assert_null(member_named(p, "127.0.0.1:1"));

    backends_sweep(&w.set);
    assert_null(backend_named("127.0.0.1:1"));
    assert_ptr_equal(backend_named("127.0.0.1:2"), second);
}

/* A named server that moves: its keys stay with the name. */
static void another_address_of_a_name_moves_no_key(void **state)
{
    static const char *const before[] = {"127.0.0.1:1 a", "127.0.0.1:2 b", "127.0.0.1:3 c", NULL};
    static const char *const after[] = {"127.0.0.1:1 a", "127.0.0.1:9 b", "127.0.0.1:3 c", NULL};
    struct pool_settings settings = usual_settings();
    struct pool *p = open_pool(&settings, before);
    uint32_t owner[200];
    for (uint32_t i = 0; i < COUNT(owner); i++)
        owner[i] = (uint32_t)(pool_pick(p, &i, sizeof i) - p->members);
    assert_null(replace(after));
    assert_string_equal(member_named(p, "b")->backend->name, "127.0.0.1:9");
    for (uint32_t i = 0; i < COUNT(owner); i++)
        assert_ptr_equal(pool_pick(p, &i, sizeof i), &p->members[owner[i]]);
}

static void a_pool_may_be_emptied_and_filled_again(void **state)
{
    struct pool_settings settings = usual_settings();
    struct pool *p = open_pool(&settings, two);
    for (int round = 0; round < 2; round++) {
        assert_null(replace((const char *const[]){NULL}));
        assert_int_equal(p->members_n, 0);
        assert_null(pool_pick(p, "key", 3));
        assert_null(pool_explain(p, "key", 3).member);
        assert_null(replace(two));
        assert_non_null(pool_pick(p, "key", 3));
    }
}

static void a_pool_that_was_never_filled_has_no_server_for_a_key(void **state)
{
    struct pool_settings settings = usual_settings();
    settings.on_failure = ON_FAILURE_REHASH;
    struct pool *p = open_pool(&settings, (const char *const[]){NULL});
    w.set.changes++;
    assert_null(pool_pick(p, "key", 3));
    assert_null(replace((const char *const[]){"127.0.0.1:1", NULL}));
    assert_ptr_equal(pool_pick(p, "key", 3), &p->members[0]);
}

static void too_many_servers_are_refused_and_nothing_changes(void **state)
{
    struct pool_settings settings = usual_settings();
    struct pool *p = open_pool(&settings, two);
    struct pool before = *p;
    struct server_spec *specs = calloc(POOL_SERVERS_MAX + 1, sizeof *specs);
    assert_non_null(specs);
    for (uint32_t i = 0; i <= POOL_SERVERS_MAX; i++) {
        specs[i] = spec_of("127.0.0.1");
        specs[i].addr.port = (uint16_t)(1 + i % 100);
        snprintf(specs[i].name, sizeof specs[i].name, "%u", i);
    }

    assert_string_equal(pool_replace(p, specs, POOL_SERVERS_MAX + 1),
                        "a pool takes at most 4096 servers");
    assert_ptr_equal(p->members, before.members);
    assert_int_equal(p->members_n, before.members_n);
    assert_int_equal(p->room, before.room);
    assert_int_equal(p->living_n, before.living_n);
    assert_ptr_equal(p->selector.ring.points, before.selector.ring.points);
    assert_int_equal(backend_named("127.0.0.1:1")->counts, 1);
    assert_int_equal(backend_named("127.0.0.1:3")->counts, 0);
    assert_non_null(pool_pick(p, "key", 3));
    backends_sweep(&w.set);
    assert_null(backend_named("127.0.0.1:3"));

    assert_null(pool_replace(p, specs, POOL_SERVERS_MAX));
    assert_int_equal(p->members_n, POOL_SERVERS_MAX);
    free(specs);
}

/* --- servers that are down --------------------------------------------------------------------- */

static void goes_down(const char *name, bool is_down)
{
    backend_named(name)->down = is_down;
    w.set.changes++;
}

/* Keys that go to a server which is down. */
static unsigned lost_keys(struct pool *p)
{
    unsigned lost = 0;
    for (uint32_t i = 0; i < 500; i++) lost += pool_pick(p, &i, sizeof i)->backend->down;
    return lost;
}

static const char *const four[] = {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4",
                                   NULL};

static struct pool *open_rehashing(double floor)
{
    struct pool_settings settings = usual_settings();
    settings.on_failure = ON_FAILURE_REHASH;
    settings.eject_floor = floor;
    return open_pool(&settings, four);
}

static void only_a_pool_that_rehashes_gives_away_the_keys_of_a_server_that_is_down(void **state)
{
    struct pool_settings settings = usual_settings();
    struct pool *p = open_pool(&settings, four);
    goes_down("127.0.0.1:2", true);
    assert_true(lost_keys(p) > 0);
    close_pool();

    p = open_rehashing(0.5);
    assert_int_equal(lost_keys(p), 0);
    assert_int_equal(p->living_n, 3);
    goes_down("127.0.0.1:2", false);
    goes_down("127.0.0.1:3", true);
    assert_int_equal(lost_keys(p), 0);
    assert_false(member_named(p, "127.0.0.1:2")->ejected);
    assert_true(member_named(p, "127.0.0.1:3")->ejected);
}

/* The share that stays, and how many of four do when all are down. */
static const struct {
    double floor;
    uint32_t stay;
} floors[] = {{0, 1}, {0.25, 1}, {0.26, 2}, {0.5, 2}, {0.75, 3}, {1, 4}};

static void a_pool_ejects_no_more_than_its_floor_allows(void **state)
{
    for (size_t i = 0; i < COUNT(floors); i++) {
        struct pool *p = open_rehashing(floors[i].floor);
        for (int k = 3; k >= 0; k--) goes_down(four[k], true);
        assert_non_null(pool_pick(p, "key", 3));
        assert_int_equal(p->living_n, floors[i].stay);
        for (int k = 0; k < 4; k++) goes_down(four[k], false);
        assert_non_null(pool_pick(p, "key", 3));
        assert_int_equal(p->living_n, 4);
        close_pool();
    }
}

static void servers_that_replace_others_are_ejected_too_when_they_are_down(void **state)
{
    struct pool *p = open_rehashing(0);
    goes_down("127.0.0.1:2", true);
    assert_null(replace(two));
    assert_int_equal(p->living_n, 1);
    assert_int_equal(lost_keys(p), 0);
}

#define of_a_pool(f) cmocka_unit_test_setup_teardown(f, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        of_a_pool(a_tag_is_hashed_before_a_stop_and_that_before_the_whole_key),
        of_a_pool(a_key_is_read_up_to_its_length),
        of_a_pool(an_only_server_gets_every_key_without_a_hash),
        of_a_pool(members_stand_in_the_order_asked_for_also_when_they_were_replaced),
        of_a_pool(a_member_keeps_its_weight_where_the_order_puts_it),
        of_a_pool(weights_count_unless_the_pool_does_not_want_them),
        of_a_pool(a_server_that_stays_keeps_its_backend_and_one_that_goes_is_given_up),
        of_a_pool(another_address_of_a_name_moves_no_key),
        of_a_pool(a_pool_may_be_emptied_and_filled_again),
        of_a_pool(a_pool_that_was_never_filled_has_no_server_for_a_key),
        of_a_pool(too_many_servers_are_refused_and_nothing_changes),
        of_a_pool(only_a_pool_that_rehashes_gives_away_the_keys_of_a_server_that_is_down),
        of_a_pool(a_pool_ejects_no_more_than_its_floor_allows),
        of_a_pool(servers_that_replace_others_are_ejected_too_when_they_are_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
