/* region: memory that processes share. It may lie in a file of memory, so that a process that is started by exec(2) can map it,
 * too.
 *
 * Who creates or adopts a region destroys it, which unmaps it in this process, and closes its file. Each struct that lies in a
 * region begins with a region_head, which says what lies there: a process adopts only what is laid out as it would lay it out
 * itself.
 */
#ifndef MOONGATE_BASE_REGION_H
#define MOONGATE_BASE_REGION_H

#include <stddef.h>
#include <stdint.h>

enum { REGION_LAYOUT = 96 };

struct region_head {
    uint64_t bytes; /* of the whole region */
    char layout[REGION_LAYOUT];
};

/* Maps so many bytes, all zero but for the head. With fd NULL no file is made, and only processes that are forked later share it.
 * Else *fd becomes the file, close-on-exec, which the caller owns; or -1 when none can be made. NULL with errno. */
void *region_create(size_t bytes, const char *layout, int *fd);

/* Maps the region in that file. NULL when its layout is another one, or with errno. The caller still owns fd. */
void *region_adopt(int fd, const char *layout);

/* The same with any layout that begins like this. */
void *region_adopt_any(int fd, const char *start);

/* Unmaps it, in this process. NULL is allowed. */
void region_destroy(void *region);

#endif
