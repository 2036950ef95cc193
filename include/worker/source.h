/* source: what a script's file held when it was read, in a memory file that all processes share.
 *
 * The master reads the file once and hands its text to the check, to every worker and to those that are respawned later, so
 * that all of them run the same script whatever happens to the file meanwhile. The process that opened or
 * received the descriptor owns it. (Files that the script requires are read by each worker.)
 */
#ifndef MOONGATE_WORKER_SOURCE_H
#define MOONGATE_WORKER_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct script;
struct script_host;

/* Reads the file at path. Returns a descriptor (close-on-exec), or -1 with errno. */
int source_open(const char *path);

/* The text behind a descriptor, *len bytes, from malloc; NULL with errno. */
char *source_read(int fd, size_t *len);

/* script_load of the file `path` (NULL: the built-in script), whose text is behind fd, see source. */
struct script *source_load(const struct script_host *host, const char *path, int fd,
                           uint32_t generation, char *error);

#endif
