/* ejection: errors in a row, what ends a row, and when a server is out of which ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/ejection.h"
#include "backend/pool.h"
#include "backend/texts.h"
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- pools of no worker ------------------------------------------------------------------------ */

static struct {
    struct backends set;
    struct arena arena;
    struct board_worker part;
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
    backends_release(&w.set);
    arena_release(&w.arena);
    return 0;
}

static struct server_spec spec_of(const char *text)
{
    struct server_spec spec;
    assert_null(server_spec_parse(&spec, text, strlen(text)));
    return spec;
}

static struct pool *pool_of(const char *name, double retry)
{
    struct pool_settings settings = {
        .selector = {.distribution = DISTRIBUTION_MODULA, .hash = HASH_MD5},
        .timeout = 1,
        .eject_retry = retry,
        .backend = backend_settings_default()};
    snprintf(settings.name, sizeof settings.name, "%s", name);
    settings.backend.eject = EJECTS_TWEMPROXY;
    settings.backend.failure_limit = 3;
    struct pool *p = pool_create(&settings, &w.set);
    for (int i = 1; i <= 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "10.0.0.%d:1", i);
        struct server_spec spec = spec_of(text);
        assert_null(pool_add_server(p, &spec, 1, &settings.backend));
    }
    assert_null(pool_close(p));
    return p;
}

static struct backend *server_of(struct pool *p, uint32_t i)
{
    return p->members[i].backend;
}

/* What fifo_answer does. */
static void answers(struct backend *b)
{
    b->forgiven = b->faults;
}

static void faults(struct backend *b, unsigned times)
{
    while (times--) ejection_fault(b);
}

/* --- counting ---------------------------------------------------------------------------------- */

static void so_many_errors_in_a_row_put_a_server_out_until_its_time_is_over(void **state)
{
    struct pool *p = pool_of("p", 30);
    struct backend *b = server_of(p, 1);
    w.set.now = 100;
    faults(b, 2);
    assert_int_equal(pool_living(p), 3);
    answers(b);
    faults(b, 2);
    assert_int_equal(pool_living(p), 3);
    faults(b, 1);
    assert_int_equal(pool_living(p), 2);
    assert_true(p->members[1].ejected);
    assert_int_equal(b->stats->ejected, 1);
    assert_int_equal(b->stats->ejections, 1);
    w.set.now = 129.999;
    assert_int_equal(pool_living(p), 2);
    w.set.now = 130; /* without anything that happens */
    assert_int_equal(pool_living(p), 3);
    assert_int_equal(b->stats->ejected, 0);
    faults(b, 2); /* and it costs as many again */
    assert_int_equal(pool_living(p), 3);
    faults(b, 1);
    assert_int_equal(pool_living(p), 2);
    assert_int_equal(b->stats->ejections, 2);
    pool_destroy(p);
    assert_int_equal(b->stats->ejected, 0);
}

/* An answer that comes behind it on another connection brings it back no sooner. */
static void an_answer_does_not_bring_a_server_back(void **state)
{
    struct pool *p = pool_of("p", 30);
    w.set.now = 1;
    faults(server_of(p, 0), 3);
    answers(server_of(p, 0));
    assert_int_equal(pool_living(p), 2);
    w.set.now = 31;
    assert_int_equal(pool_living(p), 3);
    pool_destroy(p);
}

static void the_first_time_that_is_over_counts(void **state)
{
    struct pool *p = pool_of("p", 10);
    w.set.now = 1;
    faults(server_of(p, 0), 3);
    w.set.now = 5;
    faults(server_of(p, 1), 3);
    assert_int_equal(pool_living(p), 1);
    w.set.now = 11;
    assert_int_equal(pool_living(p), 2);
    assert_true(p->members[1].ejected);
    w.set.now = 15;
    assert_int_equal(pool_living(p), 3);
    assert_true(isinf(p->look_at));
    pool_destroy(p);
}

static void all_servers_may_be_out(void **state)
{
    struct pool *p = pool_of("p", 10);
    w.set.now = 1;
    for (uint32_t i = 0; i < 3; i++) faults(server_of(p, i), 3);
    assert_int_equal(pool_living(p), 0);
    assert_null(pool_pick(p, "k", 1));
    assert_null(pool_explain(p, "k", 1).member);
    assert_string_equal(pool_lacks_servers(p), "pool p has ejected all its servers");
    w.set.now = 11;
    assert_non_null(pool_pick(p, "k", 1));
    pool_destroy(p);
}

/* Two pools with one server: the same errors, each with its time. */
static void each_pool_has_its_own_time(void **state)
{
    struct pool *p = pool_of("p", 10), *q = pool_of("q", 20);
    assert_ptr_equal(server_of(p, 0), server_of(q, 0));
    w.set.now = 1;
    faults(server_of(p, 0), 3);
    assert_int_equal(server_of(p, 0)->stats->ejected, 0); /* nobody has looked yet */
    assert_int_equal(pool_living(p), 2);
    assert_int_equal(pool_living(q), 2);
    assert_int_equal(server_of(p, 0)->stats->ejected, 2);
    w.set.now = 12;
    assert_int_equal(pool_living(p), 3);
    assert_int_equal(pool_living(q), 2);
    pool_destroy(p);
    faults(server_of(q, 0), 3); /* a pool that is gone is not told */
    assert_int_equal(pool_living(q), 2);
    pool_destroy(q);
}

static void what_is_known_of_a_server_survives_a_new_list(void **state)
{
    struct pool *p = pool_of("p", 10);
    w.set.now = 1;
    faults(server_of(p, 0), 3);
    faults(server_of(p, 1), 2);
    struct server_spec specs[] = {spec_of("10.0.0.4:1"), spec_of("10.0.0.2:1"),
                                  spec_of("10.0.0.1:1")};
    assert_null(pool_replace(p, specs, 3));
    assert_int_equal(pool_living(p), 2);
    assert_true(p->members[2].ejected);
    assert_int_equal(server_of(p, 2)->stats->ejected, 1);
    faults(server_of(p, 1), 1);
    assert_int_equal(pool_living(p), 1);
    w.set.now = 11;
    assert_int_equal(pool_living(p), 3);
    pool_destroy(p);
}

/* --- texts ------------------------------------------------------------------------------------- */

/* What twemproxy 0.5.0 says, measured: see tests/e2e/servers/eject_test.c. */
static void reasons_are_told_as_twemproxy_tells_them(void **state)
{
    static const char *const rows[][2] = {
        {"Connection refused", "Connection refused"},
        {"Connection reset by peer", "Connection reset by peer"},
        {"closed by the server", "unknown"},
        {"timeout", "Connection timed out"},
        {"timeout (2 calls in a row)", "Connection timed out"},
        {"connect timeout", "Connection timed out"},
        {"no answer to version", "Connection timed out"},
        {"stalled", "Connection timed out"},
        {"not resolved: no answer yet", "Host is down"},
        {"no socket: Too many open files", "Too many open files"},
        {"desync: unsolicited bytes", "Invalid argument"},
        {"too many calls wait", "too many calls wait"},
    };
    struct pool *p = pool_of("p", 10);
    struct backend *b = server_of(p, 0);
    char text[FAILURE_ROOM];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(failure_as_twemproxy(rows[i][0]), rows[i][1]);
        b->settings.texts = TEXTS_TWEMPROXY;
        assert_string_equal(failure_text(b, rows[i][0], text), rows[i][1]);
        assert_true(failure_is_whole(b));
    }
    b->settings.texts = TEXTS_SERVER;
    assert_string_equal(failure_text(b, "timeout", text), "10.0.0.1:1 timeout");
    assert_false(failure_is_whole(b));
    pool_destroy(p);
}

/* A reason; what is said of a call that was sent; and of one that was not, while the server is down. Sources: see src/backend/texts.c. */
static void reasons_are_told_as_mcrouter_tells_them(void **state)
{
    static const char out_timeout[] = "Server unavailable. Reason: mc_res_timeout",
                      out_connect[] = "Server unavailable. Reason: mc_res_connect_error";
    static const char *const rows[][3] = {
        {"timeout", "Reply timeout", out_timeout},
        {"timeout (3 calls in a row)", "Reply timeout", out_timeout},
        {"stalled", "Reply timeout", out_timeout},
        {"no answer to version", "Reply timeout", out_timeout},
        {"connect timeout",
         "Timed out when trying to connect to server. Ex: AsyncSocketException: connect timed out "
         "after 250ms, type = Timed out",
         "Server unavailable. Reason: mc_res_connect_timeout"},
        {"Connection refused",
         "AsyncSocketException: connect failed, type = Socket not open, errno = 111 (Connection "
         "refused)",
         out_connect},
        {"No such file or directory",
         "AsyncSocketException: connect failed, type = Socket not open, errno = 2 (No such file or "
         "directory)",
         out_connect},
        {"not resolved: no answer yet",
         "AsyncSocketException: AsyncMcClient, type = Socket not open", out_connect},
        {"no socket: Too many open files", "connection error", out_connect},
        {"closed by the server", "Connection closed by the server.",
         "Connection closed by the server."},
        {"Connection reset by peer", "remote error", "remote error"},
        {"desync: unsolicited bytes", "remote error", "remote error"},
        {"kept down by its option `down`", "unavailable", "unavailable"},
        {"moongate ends", "aborted", "aborted"},
        {"too many bytes wait", "local error", "local error"},
        {"too many calls wait", "Max pending requests (7) reached for destination \"10.0.0.1:1\".",
         "Max pending requests (7) reached for destination \"10.0.0.1:1\"."},
    };
    struct pool *p = pool_of("p", 10);
    struct backend *b = server_of(p, 0);
    char text[FAILURE_ROOM];
    b->settings.texts = TEXTS_MCROUTER;
    b->settings.connect_timeout = 0.25;
    b->settings.depth = 7;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(failure_text(b, rows[i][0], text), rows[i][1]);
        assert_string_equal(refusal_text(b, rows[i][0], text), rows[i][2]);
    }
    assert_true(failure_is_whole(b));
    b->settings.texts = TEXTS_SERVER;
    assert_string_equal(refusal_text(b, "timeout", text), "10.0.0.1:1 timeout");
    pool_destroy(p);
}

#define alone(f) cmocka_unit_test_setup_teardown(f, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(so_many_errors_in_a_row_put_a_server_out_until_its_time_is_over),
        alone(an_answer_does_not_bring_a_server_back),
        alone(the_first_time_that_is_over_counts),
        alone(all_servers_may_be_out),
        alone(each_pool_has_its_own_time),
        alone(what_is_known_of_a_server_survives_a_new_list),
        alone(reasons_are_told_as_twemproxy_tells_them),
        alone(reasons_are_told_as_mcrouter_tells_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
