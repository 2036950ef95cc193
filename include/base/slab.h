/* slab: fast memory for the small structs that come and go with every request.
 *
 * Free lists of blocks (multiples of 64 bytes to 512, then powers of two to 4 KiB), carved from 64 KiB pieces and kept for the
 * life of the process; larger blocks go to malloc. One set of lists a process, no locks. The borrower owns the block, remembers the
 * size that it borrowed, and returns it. Out of memory ends the process: the master starts a new worker, and this one could not go
 * on in any sensible way. Under AddressSanitizer every block is a malloc, so that a use after the return is seen.
 */
#ifndef MOONGATE_BASE_SLAB_H
#define MOONGATE_BASE_SLAB_H

#include <stddef.h>

/* At least `size` bytes, not cleared. Never NULL. */
void *slab_borrow(size_t size) __attribute__((returns_nonnull, malloc));

/* size: as in the slab_borrow that gave p, which is not NULL. */
void slab_return(void *p, size_t size);

/* How many bytes a block borrowed with `size` really has. */
size_t slab_room(size_t size);

#endif
