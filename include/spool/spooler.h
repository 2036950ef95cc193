/* spooler: the process that has the spool folders: it alone waits for their disk.
 *
 * A child of the master (worker/spool_child.h), which owns it, or of a single process. It opens the folders that the master names, talks to workers
 * over the socket in each folder (spool/words.h), and ends when the master closes its end of the control socket. To kill it at any
 * moment loses nothing that was acknowledged.
 */
#ifndef MOONGATE_SPOOL_SPOOLER_H
#define MOONGATE_SPOOL_SPOOLER_H

#include <stdint.h>

/* What it has done, as `stats proxy` shows it; it alone writes there. */
struct spooler_counts {
    uint64_t *kept, *replayed, *refused, *dropped; /* since the service started */
    uint64_t *pending;                             /* now */
};

/* control: a SOCK_SEQPACKET socket to the master, which it owns; master: the process whose spooler it is. Returns an exit code. */
int spooler_run(int control, int32_t master, const struct spooler_counts *counts);

#endif
