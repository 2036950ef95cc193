/* nutcracker_stats: the document, from a board and from what a worker says of its pools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/board.h"
#include "master/nutcracker_stats.h"

static char *text;
static size_t len;

static double down_since(void *arg, const char *server)
{
    *(unsigned *)arg += 1;
    return strcmp(server, "b:2") == 0 ? 1700000000.25 : 0;
}

static void add_server(struct records *r, const char *pool, const char *server, const char *name)
{
    record_begin(r, "server");
    record_text(r, "pool", pool);
    record_text(r, "server", server);
    if (name) record_text(r, "name", name);
    record_end(r);
}

static void add_pool(struct records *r, const char *pool, const char *eject)
{
    record_begin(r, "pool");
    record_text(r, "pool", pool);
    record_text(r, "eject", eject);
    record_end(r);
}

static void print(struct board *board, const struct records *pools, void *asked)
{
    struct survey *survey = survey_take(board);
    struct nutcracker_view v = {.source = "host",
                                .version = "1.2.3",
                                .now = 1700000001,
                                .survey = survey,
                                .pools = pools,
                                .down_since = down_since,
                                .arg = asked};
    assert_non_null(survey);
    free(text);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    nutcracker_stats_print(&v, out);
    assert_int_equal(fclose(out), 0);
    survey_destroy(survey);
}

static void says(const char *part)
{
    if (!strstr(text, part)) fail_msg("no %s in %s", part, text);
}

#define HEAD                                                                                       \
    "{\"service\":\"nutcracker\",\"source\":\"host\",\"version\":\"1.2.3\",\"uptime\":0,"          \
    "\"timestamp\":1700000001,\"total_connections\":7,\"curr_connections\":3"

static void the_document_has_pools_and_their_servers(void **state)
{
    struct board *board = board_create(2, 1 << 16);
    struct records pools;
    unsigned asked = 0;
    board->parts[0].row.total_connections = 7;
    board->parts[1].row.curr_connections = 3;
    struct board_server *a = board_server(&board->parts[0].tables, "a:1");
    struct board_server *b = board_server(&board->parts[1].tables, "b:2");
    struct board_pool *p = board_pool(&board->parts[0].tables, "alpha");
    struct board_listener *l = board_listener(&board->parts[0].tables, "alpha");
    a->requests = 10, a->responses = 9, a->bytes_written = 100, a->bytes_read = 200;
    a->ready = 1, a->in_flight = 1, a->closes = 4, a->failed = 5, a->timeouts = 6, a->falls = 2;
    b->down = 1, b->falls = 3, b->ejections = 8;
    p->refused = 1, p->timeouts = 2, p->failed = 4;
    l->total_connections = 5, l->curr_connections = 2;
    records_init(&pools, 1 << 16);
    add_pool(&pools, "alpha", "none");
    add_server(&pools, "alpha", "a:1", "one");
    add_server(&pools, "alpha", "b:2", NULL);
    add_pool(&pools, "beta", "twemproxy");
    add_server(&pools, "beta", "b:2", NULL);
    add_server(&pools, "beta", "c:3", NULL);
    print(board, &pools, &asked);
    says(HEAD
         ",\"alpha\":{\"client_eof\":3,\"client_err\":0,\"client_connections\":2,\"server_ejects\":"
         "5,"
         "\"forward_error\":7,\"fragments\":0,\"one\":{\"server_eof\":4,\"server_err\":5,"
         "\"server_timedout\":6,\"server_connections\":1,\"server_ejected_at\":0,\"requests\":10,"
         "\"request_bytes\":100,\"responses\":9,\"response_bytes\":200,\"in_queue\":0,"
         "\"in_queue_bytes\":0,\"out_queue\":1,\"out_queue_bytes\":0},\"b:2\":{");
    says("\"server_ejected_at\":1700000000250000,");
    says("}},\"beta\":{\"client_eof\":0,\"client_err\":0,\"client_connections\":0,\"server_"
         "ejects\":8,"
         "\"forward_error\":0,\"fragments\":0,\"b:2\":{\"server_eof\":0,");
    assert_string_equal(text + len - 5, "0}}}\n");
    assert_int_equal(asked, 2); /* for those that are down alone */
    records_release(&pools);
    board_destroy(board);
}

static void without_an_answer_there_are_no_pools(void **state)
{
    struct board *board = board_create(1, 1 << 16);
    struct records none;
    unsigned asked = 0;
    board->parts[0].row.total_connections = 7;
    board->parts[0].row.curr_connections = 3;
    print(board, NULL, &asked);
    assert_string_equal(text, HEAD "}\n");
    records_init(&none, 1 << 16);
    print(board, &none, &asked);
    assert_string_equal(text, HEAD "}\n");
    records_release(&none);
    board_destroy(board);
}

static int forget(void **state)
{
    free(text);
    text = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_document_has_pools_and_their_servers, forget),
        cmocka_unit_test_teardown(without_an_answer_there_are_no_pools, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
