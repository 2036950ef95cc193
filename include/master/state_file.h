/* state_file: the last good script on the disk, with all that it requires: DIR/last-good, for --state-dir DIR.
 *
 * Functions without a state of their own; callers own the descriptors. A saver writes the file, in a process of its own, since a disk may take
 * long; main reads it at start (--start-with-last-good). Invariant: under that name is a whole file or none.
 */
#ifndef MOONGATE_MASTER_STATE_FILE_H
#define MOONGATE_MASTER_STATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_FILE "last-good"

enum { STATE_WHY_MAX = 256 };

/* Writes the source behind fd (see worker/source.h), saved at that time (seconds since 1970). 0, or errno. */
int state_file_write(const char *dir, int fd, uint64_t saved) __attribute__((warn_unused_result));

/* True when this process can write to DIR; else errno says why not. */
bool state_file_can_be_written(const char *dir);

/* The source in that file, whose script must have this path, and when it was saved. -1, and why. */
int state_file_read(int file, const char *script, uint64_t *saved, char why[STATE_WHY_MAX]);

/* What is wrong with the bytes of such a file, in constant text; NULL: nothing. */
const char *state_file_wrong(const char *bytes, size_t len);

#endif
