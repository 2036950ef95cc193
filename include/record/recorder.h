/* recorder: writes a recording (record/file.h), for `moongate ctl record`.
 *
 * A struct recorder belongs to the caller of recorder_create, who destroys it; it owns memory for two blocks, and not its descriptor.
 * One process.
 */
#ifndef MOONGATE_RECORD_RECORDER_H
#define MOONGATE_RECORD_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "record/file.h"

struct recorder;

/* Begins a file at fd, which is empty: its header. */
struct recorder *recorder_create(int fd, const struct recording_about *about);

/* Frees it. What was not flushed is lost. */
void recorder_destroy(struct recorder *r);

/* Each of these may write a block. False: it could not be written, errno says why, and the file was cut back to its last whole block;
 * from then on nothing more is written. */

/* The numbers in t are those of this build (take_mark). */
bool recorder_take(struct recorder *r, const struct take *t) __attribute__((warn_unused_result));

/* From here on so many of UINT32_MAX keys are recorded (UINT32_MAX: all). */
bool recorder_share(struct recorder *r, uint32_t share) __attribute__((warn_unused_result));

/* So many requests could not be recorded, lately. */
void recorder_lost(struct recorder *r, uint64_t requests);

/* Nothing was recorded between these times, for that reason (a short line). */
bool recorder_gap(struct recorder *r, uint64_t from_us, uint64_t to_us, const char *why)
    __attribute__((warn_unused_result));

/* Writes what there is as a block: to be called once a second, as what has not been written is lost with the process. */
bool recorder_flush(struct recorder *r) __attribute__((warn_unused_result));

/* Flushes, and writes the mark of a whole recording. */
bool recorder_finish(struct recorder *r) __attribute__((warn_unused_result));

/* Bytes of the file, with what waits to be compressed counted as it is. */
uint64_t recorder_bytes(const struct recorder *r);

#endif
