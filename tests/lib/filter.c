/* filter: with PLAY='a_get_*' in the environment, a test program runs only its tests of such a name. It acts before main; no other
 * file calls anything here. */
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
