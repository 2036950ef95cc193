/* scratch: a file in memory, and a name by which it can be opened.
 *
 * The test owns its descriptor, and closes it.
 */
#ifndef TESTS_UNIT_RECORD_SCRATCH_H
#define TESTS_UNIT_RECORD_SCRATCH_H

#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct scratch {
    int fd;
    char path[64];
};

static inline struct scratch scratch_begins(void)
{
    struct scratch s = {.fd = memfd_create("recording", MFD_CLOEXEC)};
    assert_true(s.fd >= 0);
    snprintf(s.path, sizeof s.path, "/proc/self/fd/%d", s.fd);
    return s;
}

static inline void scratch_becomes(const struct scratch *s, const void *bytes, size_t len)
{
    assert_int_equal(ftruncate(s->fd, 0), 0);
    assert_int_equal(pwrite(s->fd, bytes, len, 0), len);
}

#endif
