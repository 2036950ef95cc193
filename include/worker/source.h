/* source: the files of a script, as they were read once, in a memory file that all processes share. In it is a bundle.
 *
 * Who opens a source has the script's own text in it. The check's child adds every file that the script reads while it loads
 * (source_try). The master hands the descriptor to every worker and to those that are started later, so that all of them run what was
 * checked, whatever happens to the files meanwhile. The process that opened or received the descriptor owns it.
 */
#ifndef MOONGATE_WORKER_SOURCE_H
#define MOONGATE_WORKER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/place.h"
#include "worker/converted.h"
#include "worker/option_table.h"

struct bundle;
struct bundle_file;
struct script;
struct script_host;

/* A source of a text that is in no file. -1 with errno. */
int source_open_text(const char *path, const char *text);

/* A source for the built-in script: there are secrets in it (base/secret.h), once it was tried. -1 with errno. */
int source_open_empty(void);

/* Reads the file at path. Returns a descriptor (close-on-exec), or -1 with errno. A pipe is waited for
 * until its other side closes it. */
int source_open(const char *path);

/* The same, for a process that must not wait: only a regular file is read. */
int source_open_again(const char *path);

/* Why source_open_again failed, from its errno. */
const char *source_explain(int error);

/* The bundle behind fd, which the caller owns, and its first file: the text of the script `path`, valid as long as the bundle. NULL, and the error
 * (SCRIPT_ERROR_MAX bytes). */
struct bundle *source_read(const char *path, int fd, struct bundle_file *main, char *error);

/* script_load of the file from the source behind fd; another proxy's configuration is converted first (converted.h). What is not in the
 * source is read from the disk. */
struct script *source_load(const struct script_host *host, const struct script_file *file, int fd,
                           uint32_t generation, char *error);

/* The same, and what the script has read is added to the source, also when it does not load; so are the reader's notes. */
struct script *source_try(const struct script_host *host, const struct script_file *file, int fd,
                          uint32_t generation, char *error);

/* Nobody can change the source from now on. */
void source_seal(int fd);

/* The listeners of the script (mg.listen): items as those of --bind, and the addresses of each, a line each. The caller releases them.
 * False: there is no such list, as a script has written to its source. */
struct source_listeners {
    struct option_list items, addresses;
};
bool source_listeners(int fd, struct source_listeners *to);
void source_listeners_release(struct source_listeners *l);

/* The folders in which deletes of the script wait (mg.spool_deletes), at most SPOOL_PLACES_MOST. How many; -1: there is no such list, as a
 * script has written to its source. */
int source_spools(int fd, struct spool_place to[SPOOL_PLACES_MOST]);

/* Calls fn for each file in the source: the script first, then in the order in which they were read; what was looked for and not
 * found is among them, and files that its discoveries follow, and notes. Nothing for a source that cannot be read (fd may be -1). */
typedef void source_file_fn(void *arg, const struct bundle_file *file);
void source_files(int fd, source_file_fn *fn, void *arg);

#endif
