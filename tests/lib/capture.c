#include "lib/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int captured = -1, kept = -1, scratch = -1;
static char text[65536];

static void need(int good, const char *what)
{
    if (good) return;
    perror(what);
    abort();
}

void capture_begin(int fd)
{
    fflush(NULL);
    captured = fd;
    kept = dup(fd);
    scratch = memfd_create("capture", MFD_CLOEXEC);
    need(kept >= 0 && scratch >= 0, "capture");
    need(dup2(scratch, fd) == fd, "capture: dup2");
}

const char *capture_end(void)
{
    fflush(NULL);
    need(dup2(kept, captured) == captured, "capture: dup2");
    ssize_t n = pread(scratch, text, sizeof text - 1, 0);
    need(n >= 0, "capture: pread");
    text[n] = '\0';
    close(kept);
    close(scratch);
    return text;
}
