/* machine: how much memory this process may have: the machine's, or that of its cgroups where that is less.
 *
 * Owns nothing, has no state; reads files below `root`: "" for those of the system, a folder for a test.
 */
#ifndef MOONGATE_BASE_MACHINE_H
#define MOONGATE_BASE_MACHINE_H

#include <stdint.h>

/* Bytes; 0: not known. */
uint64_t machine_memory(const char *root);

#endif
