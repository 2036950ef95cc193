/* hold: which process has a spool folder: the one that holds the lock of the file `lock` in it.
 *
 * The descriptor is the lock: the spooler that opened it owns it and closes it, and the kernel does when it dies. In the file stands the
 * id of the holder's master.
 */
#ifndef MOONGATE_SPOOL_HOLD_H
#define MOONGATE_SPOOL_HOLD_H

#include <stdint.h>

/* Takes the folder behind dir for the spooler of that master, without waiting. The lock; -1 with errno: EWOULDBLOCK when another process has
 * it. */
int hold_take(int dir, int32_t master);

/* The master of the process that has it; 0: it is free; -1: that is not known. */
int32_t hold_master(int dir);

#endif
