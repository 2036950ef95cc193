/* sync: brings several files to the disk at once.
 *
 * Owns nothing. A disk takes many syncs that come together in nearly the time of one, while one after the other they take as long as there
 * are files: so a few threads call fdatasync, which touch nothing else, and are gone when this returns. Of the spooler alone.
 */
#ifndef MOONGATE_SPOOL_SYNC_H
#define MOONGATE_SPOOL_SYNC_H

#include <stddef.h>

enum { SYNC_THREADS = 16, SYNC_ALONE = 2 }; /* so few files are synced one after the other */

struct spool;

struct sync {
    struct spool *spool; /* the caller's */
    int fd;              /* -1: nothing is to be synced */
    int error;           /* of the sync: errno, or 0 */
};

/* Syncs all, and sets their errors. */
void sync_all(struct sync *all, size_t n);

#endif
