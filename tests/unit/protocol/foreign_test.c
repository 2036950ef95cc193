/* foreign: what the first bytes of a connection are of, and from which byte on that is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/foreign.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>

#define IN(text) text, sizeof(text) - 1

/* The bytes, what they are, and how many of them are needed to say so. */
static const struct {
    const char *bytes;
    size_t len;
    enum foreign is;
    size_t known_from;
} table[] = {
    {IN("\x80"), FOREIGN_BINARY, 1},
    {IN("\x80\x0b\0\0\0\0\0\0"), FOREIGN_BINARY, 1},
    {IN("\x16\x03\x01\x02"), FOREIGN_TLS, 2},
    {IN("\x16\x03\x03"), FOREIGN_TLS, 2},
    {IN("\x16g"), FOREIGN_NONE, 2},
    {IN("\x81"), FOREIGN_NONE, 1},
    {IN("GET / HTTP/1.1\r\n"), FOREIGN_HTTP, 5},
    {IN("GET http://x/ HTTP/1.1\r\n"), FOREIGN_HTTP, 5},
    {IN("POST /k HTTP/1.1\r\n"), FOREIGN_HTTP, 6},
    {IN("HEAD / HTTP/1.0\r\n"), FOREIGN_HTTP, 6},
    {IN("PUT /x HTTP/1.1\r\n"), FOREIGN_HTTP, 5},
    {IN("PATCH /x HTTP/1.1\r\n"), FOREIGN_HTTP, 7},
    {IN("DELETE /x HTTP/1.1\r\n"), FOREIGN_HTTP, 8},
    {IN("TRACE /x HTTP/1.1\r\n"), FOREIGN_HTTP, 7},
    {IN("OPTIONS * HTTP/1.1\r\n"), FOREIGN_HTTP, 9},
    {IN("CONNECT x:443 HTTP/1.1\r\n"), FOREIGN_HTTP, 9},
    {IN("PRI * HTTP/2.0\r\n"), FOREIGN_HTTP, 5},
    {IN("*1\r\n$4\r\nPING\r\n"), FOREIGN_RESP, 4},
    {IN("*1000000\r\n"), FOREIGN_RESP, 10},
    {IN("*12345678\r\n"), FOREIGN_NONE, 9},
    {IN("*\r\n"), FOREIGN_NONE, 2},
    {IN("*1\n"), FOREIGN_NONE, 3},
    {IN("*1\rx"), FOREIGN_NONE, 4},
    {IN("get k\r\n"), FOREIGN_NONE, 1},
    {IN("mg k\r\n"), FOREIGN_NONE, 1},
    {IN(" get k\r\n"), FOREIGN_NONE, 1},
    {IN("\r\n"), FOREIGN_NONE, 1},
    {IN("GETS k\r\n"), FOREIGN_NONE, 4},
    {IN("GET k\r\n"), FOREIGN_NONE, 5},
    {IN("GOT"), FOREIGN_NONE, 2},
    {IN("Get / HTTP/1.1\r\n"), FOREIGN_NONE, 2},
    {IN("PING\r\n"), FOREIGN_NONE, 2},
    {IN("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"), FOREIGN_NONE, 3},
    {IN("CONNECT \r\n"), FOREIGN_NONE, 9},
};

static void every_prefix_is_unsure_until_it_can_be_said(void **state)
{
    struct guard g;
    (void)state;
    guard_init(&g, 64);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (size_t n = 0; n <= table[i].len; n++) {
            enum foreign wanted = n < table[i].known_from ? FOREIGN_UNSURE : table[i].is;
            enum foreign is = foreign_of(guard_place(&g, table[i].bytes, n), n);
            if (is != wanted) fail_msg("row %zu, %zu bytes: %d, not %d", i, n, is, wanted);
        }
    }
    guard_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_is_unsure_until_it_can_be_said),
    };
    return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
