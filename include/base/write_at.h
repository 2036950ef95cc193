/* write_at: all of some bytes into a file, from a place on. Owns nothing. */
#ifndef MOONGATE_BASE_WRITE_AT_H
#define MOONGATE_BASE_WRITE_AT_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0, or an errno: ENOSPC also where the disk takes nothing more and says no reason. What was written until then stays. */
int write_at(int fd, const void *bytes, size_t len, uint64_t at);

#endif
