/* slab: fast memory for the small things that come and go with every request.
 *
 * Freelists of power-of-two blocks (64 bytes to 4 KiB), carved from 64 KiB pieces and kept for the life of the process;
 * larger blocks go to malloc. One set of lists a process, no locks. The caller remembers the size it
 * borrowed. Out of memory ends the process: a worker is respawned, and nothing sensible could go on.
 * Under AddressSanitizer every block is a malloc of its own, so that misuse is seen.
 */
#ifndef MOONGATE_BASE_SLAB_H
#define MOONGATE_BASE_SLAB_H

#include <stddef.h>

/* At least `size` bytes, not cleared. Never NULL. */
void *slab_borrow(size_t size) __attribute__((returns_nonnull, malloc));

/* size: what was asked for when p was borrowed. */
void slab_return(void *p, size_t size);

/* How many bytes a block borrowed with `size` really has. */
size_t slab_room(size_t size);

#endif
