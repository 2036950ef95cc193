/* watch_folders: the folders in which something must happen before a file at a path becomes another one, as inotify(7) watches them.
 *
 * Owned by a watch_set. It only says that a look is worth while, and never what has changed.
 */
#ifndef MOONGATE_MASTER_WATCH_FOLDERS_H
#define MOONGATE_MASTER_WATCH_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>

struct watch_folder {
    int number; /* of inotify */
    bool is_wanted;
};

struct watch_folders {
    int fd; /* -1: the kernel has none for us */
    struct watch_folder *all;
    size_t n, room;
    bool is_noted; /* the log says that some are not watched */
};

/* Where there is no inotify, the log says so. */
void watch_folders_init(struct watch_folders *f);

/* From here to watch_folders_end, watch_folders_add names the paths that matter. Others are let go of. */
void watch_folders_begin(struct watch_folders *f);

/* The folder of the file at path, and the folder of each symbolic link on the way to it. */
void watch_folders_add(struct watch_folders *f, const char *path);

void watch_folders_end(struct watch_folders *f);

/* Reads all events away. */
void watch_folders_drain(struct watch_folders *f);

/* Closes the descriptor. A child may do so: the watches are the parent's. */
void watch_folders_close(struct watch_folders *f);

void watch_folders_release(struct watch_folders *f);

#endif
