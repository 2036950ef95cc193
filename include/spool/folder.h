/* folder: a folder on the disk with the spools of its servers, of which one process at a time is the writer.
 *
 * Owned by the spooler. It owns its spools, its lock and the socket that it listens on. While another process has the lock it waits for it, and
 * tries again when folder_look is called.
 */
#ifndef MOONGATE_SPOOL_FOLDER_H
#define MOONGATE_SPOOL_FOLDER_H

#include "spool/place.h"
#include "spool/spool.h"

enum { FOLDER_SPOOLS = 16384 };

enum folder_state {
    FOLDER_CLOSED,  /* it could not be opened: why */
    FOLDER_WAITING, /* another process has it */
    FOLDER_OPEN,    /* this process has it, and listens */
};

struct folder {
    struct folder *next; /* the spooler's */
    struct spool_place place;
    enum folder_state state;
    int32_t master;  /* whose spooler this is */
    int dir, lock;   /* -1: not open; not locked */
    int listener;    /* -1 unless FOLDER_OPEN */
    double next_try; /* seconds of process_clock */
    char why[128];   /* of FOLDER_CLOSED, as the log says it */
    struct spool_room room;
    struct spool *spools;
    uint32_t spools_n;
};

struct folder *folder_create(const struct spool_place *place, int32_t master);
void folder_destroy(struct folder *f);

/* Other bounds hold from now on. */
void folder_bound(struct folder *f, const struct spool_place *place);

/* Opens it if it is not, and may be. The state afterwards. */
enum folder_state folder_look(struct folder *f, double now);

/* Lets go of it: the spools are freed, what is on the disk stays. It may be opened again. */
void folder_close(struct folder *f);

/* The spool of that server; NULL: there is none, or (create) there are too many. */
struct spool *folder_find(struct folder *f, const char *name, size_t len);
struct spool *folder_need(struct folder *f, const char *name, size_t len);

/* Frees the spools that are empty and have nothing to say. */
void folder_sweep(struct folder *f);

/* Before spools are synced: new files are in the folder. 0, or errno. */
int folder_sync(struct folder *f) __attribute__((warn_unused_result));

/* It was removed from the disk. */
bool folder_is_gone(const struct folder *f);

#endif
