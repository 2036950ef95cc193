/* text: numbers out of lines and into them, at the edges of 64 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/text.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define IN(text)     text, sizeof(text) - 1
#define NO           0, false

/* The bytes; what each of the three readers makes of them. */
static const struct {
    const char *bytes;
    size_t len;
    int64_t as_signed;
    bool is_signed;
    uint64_t as_unsigned;
    bool is_unsigned;
    uint64_t as_digits;
    bool is_digits;
} table[] = {
    {IN(""), NO, NO, NO},
    {IN(" "), NO, NO, NO},
    {IN("\t"), NO, NO, NO},
    {IN("+"), NO, NO, NO},
    {IN("-"), NO, NO, NO},
    {IN("+-1"), NO, NO, NO},
    {IN("--1"), NO, NO, NO},
    {IN("- 1"), NO, NO, NO},
    {IN("x"), NO, NO, NO},
    {IN("x1"), NO, NO, NO},
    {IN("1x"), NO, NO, NO},
    {IN("1e3"), NO, NO, NO},
    {IN("0x10"), NO, NO, NO},
    {IN("1.5"), NO, NO, NO},
    {IN("1\0"), NO, NO, NO},
    {IN("\0"), NO, NO, NO},
    {IN("/"), NO, NO, NO},
    {IN(":"), NO, NO, NO},
    {IN("\xb2"), NO, NO, NO},
    {IN("0"), 0, true, 0, true, 0, true},
    {IN("1"), 1, true, 1, true, 1, true},
    {IN("007"), 7, true, 7, true, 7, true},
    {IN("-0"), 0, true, 0, true, NO},
    {IN("+1"), 1, true, 1, true, NO},
    {IN("-1"), -1, true, NO, NO},
    {IN(" 5"), 5, true, 5, true, NO},
    {IN("\t\n\v\f\r 5"), 5, true, 5, true, NO},
    {IN("5\t"), 5, true, 5, true, NO},
    {IN("5 x"), 5, true, 5, true, NO},
    {IN("5\v7"), 5, true, 5, true, NO},
    {IN("2147483647"), INT32_MAX, true, INT32_MAX, true, INT32_MAX, true},
    {IN("-2147483648"), INT32_MIN, true, NO, NO},
    {IN("4294967295"), UINT32_MAX, true, UINT32_MAX, true, UINT32_MAX, true},
    {IN("4294967296"), 4294967296, true, 4294967296, true, 4294967296, true},
    {IN("9223372036854775807"), INT64_MAX, true, INT64_MAX, true, INT64_MAX, true},
    {IN("-9223372036854775807"), -INT64_MAX, true, NO, NO},
    {IN("9223372036854775808"), NO, (uint64_t)1 << 63, true, (uint64_t)1 << 63, true},
    {IN("-9223372036854775808"), INT64_MIN, true, NO, NO},
    {IN("-9223372036854775809"), NO, INT64_MAX, true, NO},
    {IN("18446744073709551615"), NO, UINT64_MAX, true, UINT64_MAX, true},
    {IN("-18446744073709551615"), NO, 1, true, NO},
    {IN("18446744073709551616"), NO, NO, NO},
    {IN("-18446744073709551616"), NO, NO, NO},
    {IN("99999999999999999999"), NO, NO, NO},
    {IN("123456789012345678901234567890"), NO, NO, NO},
    {IN("00000000000000000000000000000001"), 1, true, 1, true, 1, true},
};

static void numbers_are_read_as_the_c_library_reads_them(void **state)
{
    struct guard g;
    guard_init(&g, 64);
    for (size_t i = 0; i < COUNT(table); i++) {
        const uint8_t *bytes = guard_place(&g, table[i].bytes, table[i].len);
        int64_t n = 0;
        uint64_t u = 0, d = 0;
        assert_int_equal(text_read_signed(bytes, table[i].len, &n), table[i].is_signed);
        assert_int_equal(text_read_unsigned(bytes, table[i].len, &u), table[i].is_unsigned);
        assert_int_equal(text_read_digits(bytes, table[i].len, &d), table[i].is_digits);
        if (table[i].is_signed) assert_true(n == table[i].as_signed);
        if (table[i].is_unsigned) assert_true(u == table[i].as_unsigned);
        if (table[i].is_digits) assert_true(d == table[i].as_digits);
    }
    guard_release(&g);
}

static void assert_written(uint64_t number)
{
    uint8_t bytes[TEXT_NUMBER_ROOM];
    char wanted[32];
    int len = snprintf(wanted, sizeof wanted, "%" PRIu64, number);
    assert_int_equal(text_write_unsigned(bytes, number), len);
    assert_memory_equal(bytes, wanted, (size_t)len);
    len = snprintf(wanted, sizeof wanted, "%" PRId64, (int64_t)number);
    assert_int_equal(text_write_signed(bytes, (int64_t)number), len);
    assert_memory_equal(bytes, wanted, (size_t)len);
}

static void numbers_are_written_in_the_fewest_digits(void **state)
{
    for (uint64_t number = 0; number < 1000; number++) assert_written(number);
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t around = 0; around < 5; around++)
            assert_written(((uint64_t)1 << bit) + around - 2);
    }
    for (uint64_t ten = 1, i = 0; i < 20; i++, ten *= 10) {
        assert_written(ten);
        assert_written(ten - 1);
        assert_written(0 - ten);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_as_the_c_library_reads_them),
        cmocka_unit_test(numbers_are_written_in_the_fewest_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
