/* spool: the deletes that wait for one server, on the disk: its files, what of them is done, and what is being written.
 *
 * Owned by its folder, in the spooler's process alone: each function here may wait for the disk.
 *
 * Deletes have numbers, from 1 on since this process opened the spool; they are kept, given and done in this order. spool_add notes one in
 * memory, spool_sync brings all that were added since the last one to the disk, together: only then are they kept. If that fails, none of
 * them is. What is given out (spool_give) is on the disk, and stays there until it is done.
 */
#ifndef MOONGATE_SPOOL_SPOOL_H
#define MOONGATE_SPOOL_SPOOL_H

#include "spool/known.h"
#include "spool/segment.h"
#include "spool/words.h"

enum {
    SPOOL_SEGMENT = 4 << 20, /* bytes of a file, about; at most an eighth of max_size */
    SPOOL_BUFFER = 64 * 1024 /* bytes that are added before they are written */
};

/* What all spools of a folder share; the folder's. */
struct spool_room {
    int dir;
    uint64_t max_size, max_total;
    uint32_t max_age; /* seconds; 0: none */
    uint64_t bytes;   /* of all files */
    uint32_t budget;  /* slots of known.h */
    uint64_t seed;    /* of hashes of lines */
    bool has_new;     /* a file was made: the folder must be synced */
    bool is_gone;     /* the folder was removed from the disk */
    uint64_t dropped; /* deletes that were too old, or damaged, or that an operator has dropped */
};

/* Who replays: the spooler's. */
struct spool_lease {
    void *holder;      /* a client; NULL: nobody */
    bool is_due;       /* it gets a GIVE with the end of the turn */
    double began;      /* seconds of process_clock */
    uint64_t replayed; /* since then */
};

struct spool_place_in {
    uint32_t sequence;
    uint64_t at;     /* in that file */
    uint64_t number; /* of the last delete before it */
};

struct spool {
    struct spool *next; /* of the folder */
    struct spool_room *room;
    char name[SPOOL_NAME_MAX + 1];
    char base[SEGMENT_BASE];
    struct segment *found; /* files that are not read yet */
    uint32_t found_n;
    struct segment *segments; /* in order; the last one may be open */
    uint32_t segments_n;
    uint32_t sequence;           /* of the next file */
    uint64_t epoch;              /* of the files; 0: there is none yet */
    bool is_mixed;               /* they are of several: a disk has brought some back */
    uint64_t bytes;              /* of its files, what is in the buffer included */
    uint64_t last, synced;       /* numbers: of the last delete, of the last that is on the disk */
    struct spool_place_in done;  /* before it all is done */
    struct spool_place_in given; /* before it all is given out; not before done */
    uint64_t handed;             /* the number of the last one that was given out */
    uint64_t answered;           /* of the last that is done, within what was given */
    uint32_t oldest;             /* the time of the first that is not done; 0: there is none */
    uint32_t next_oldest;        /* of the first that is not given out; 0: likewise */
    struct known known;
    unsigned char *buffer; /* what the last segment gets next; NULL: none */
    size_t buffered;
    int failed;       /* errno of the group that is being added; 0 */
    uint64_t refused; /* since the process started */
    struct spool_lease lease;
    bool was_told;   /* the workers know that it has some */
    bool is_noted;   /* the log says so */
    bool is_full;    /* likewise, that it is */
    bool has_failed; /* likewise, that the disk does not take it */
};

enum spool_added {
    SPOOL_ADDED,
    SPOOL_KNOWN, /* the same line waits already, and has not been given out */
    SPOOL_FULL,
    SPOOL_TOTAL_FULL, /* the folder is */
    SPOOL_FAILED      /* errno: spool->failed */
};

/* An empty spool. */
struct spool *spool_create(struct spool_room *room, const char *name, size_t len);
void spool_destroy(struct spool *s); /* what is on the disk stays */

/* Notes a file that is there already; of one server in the order of their sequence. Until spool_load it counts as one delete. */
void spool_find(struct spool *s, const struct segment *segment);

/* Reads what was found, unless that is done. What is damaged is named in the log. All functions but spool_pending want it first. */
void spool_load(struct spool *s);

static inline bool spool_is_loaded(const struct spool *s)
{
    return !s->found_n;
}

/* Adds a request's line. now: seconds since 1970. */
enum spool_added spool_add(struct spool *s, const void *line, size_t len, uint32_t now);

/* There is something to be synced. */
bool spool_is_dirty(const struct spool *s);

/* 0: all that was added is on the disk, once the folder is synced. Else errno: nothing that was added since the last one is kept. */
int spool_sync(struct spool *s) __attribute__((warn_unused_result));

/* The same in steps, so that several spools are synced at once. Writes what was added: the descriptor that is to be synced; -1: none is. Then, with the error of
 * that sync, or 0: as spool_sync. */
int spool_write(struct spool *s);
int spool_finish(struct spool *s, int error) __attribute__((warn_unused_result));

/* How many deletes wait, those included that are being replayed. */
static inline uint64_t spool_pending(const struct spool *s)
{
    return s->found_n ? 1 : s->last - s->answered;
}

/* All that was given out is done. */
static inline bool spool_is_settled(const struct spool *s)
{
    return s->answered == s->given.number;
}

/* Fills a GIVE. False: nothing is left to be given, and all is done (when spool_is_settled). */
bool spool_give(struct spool *s, struct spool_packet *to, uint32_t now);

/* All up to that number is done; others than those that were given out are ignored. How many that are. */
uint64_t spool_done(struct spool *s, uint64_t number);

/* What is given out and not done is given again. */
void spool_return(struct spool *s);

/* Files in which all deletes are older than max_age go. */
void spool_expire(struct spool *s, uint32_t now);

/* Everything goes, nothing may be dirty. How many deletes those were. */
uint64_t spool_drop(struct spool *s);

/* --- for the files of a spool alone ------------------------------------------------------------ */

/* The segment that things are added to; NULL: there is none yet. */
struct segment *spool_active(const struct spool *s);

/* Makes one where there is none, or it is full. 0, or errno. */
int spool_open_active(struct spool *s, size_t more);

/* The first segments go, so many, with their files. */
void spool_remove(struct spool *s, uint32_t n);

/* Nothing is left. */
void spool_reset(struct spool *s);

/* The first segment at or after that place; *at becomes where to read on in it. segments_n: there is none. */
uint32_t spool_locate(const struct spool *s, const struct spool_place_in *place, uint64_t *at);

#endif
