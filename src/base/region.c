/* A layout is a text: the name of what lies there, and all that another build may lay out otherwise. Two builds that differ in it
 * do not share the region, since one would read the other's numbers at the wrong places.
 *
 * The file is a memfd. It counts against the limit of a file's size (ulimit -f). Where that is too low, the region is mapped
 * without a file: the service works, and only an upgrade cannot take the region over. */
#include "base/region.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* -1: no file can be made. */
static int make_file(size_t bytes)
{
    int fd = memfd_create("moongate-board", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) == 0) return fd;
    close(fd);
    return -1;
}

static void *map(size_t bytes, int fd)
{
    int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *region_create(size_t bytes, const char *layout, int *fd)
{
    assert(bytes > sizeof(struct region_head) && strlen(layout) < REGION_LAYOUT);
    int file = fd ? make_file(bytes) : -1;
    struct region_head *head = map(bytes, file);
    if (!head) {
        int error = errno;
        if (file >= 0) close(file);
        errno = error;
        return NULL;
    }
    head->bytes = bytes;
    snprintf(head->layout, sizeof head->layout, "%s", layout);
    if (fd) *fd = file;
    return head;
}

/* The first n bytes of the layout are compared. */
static void *adopt(int fd, const char *layout, size_t n)
{
    struct stat file;
    errno = 0;
    if (fstat(fd, &file) != 0 || (size_t)file.st_size < sizeof(struct region_head)) return NULL;
    struct region_head *head = map((size_t)file.st_size, fd);
    if (!head) return NULL;
    bool fits = head->bytes == (uint64_t)file.st_size &&
                memchr(head->layout, '\0', REGION_LAYOUT) && strncmp(head->layout, layout, n) == 0;
    if (fits) return head;
    munmap(head, (size_t)file.st_size);
    errno = 0;
    return NULL;
}

void *region_adopt(int fd, const char *layout)
{
    return adopt(fd, layout, REGION_LAYOUT);
}

void *region_adopt_any(int fd, const char *start)
{
    return adopt(fd, start, strlen(start));
}

void region_destroy(void *region)
{
    struct region_head *head = region;
    if (head) munmap(head, head->bytes);
}
