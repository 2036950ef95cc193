/* filter: PLAY='a_get_*' runs only the tests of that name, of any program that is linked with this: * and ? stand for any
 * characters. No other file calls anything here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

__attribute__((constructor)) static void play_is_read(void)
{
    cmocka_set_test_filter(getenv("PLAY"));
}
