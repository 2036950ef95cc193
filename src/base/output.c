/* A command that prints its result has failed when the result did not arrive, and a caller that looks only at the exit code must
 * learn it. stdio keeps the output back, so that the failure often shows no earlier than at the last flush. */
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"

/* The wrong way round: reading the standard input and writing the other two still fails, as they do when they are closed. A terminal
 * shows each line at once; else the buffer holds what most commands print, so that the flush that fails is ours, and says why. */
void output_begin(void)
{
    static char room[64 * 1024];
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (!isatty(STDOUT_FILENO)) setvbuf(stdout, room, _IOFBF, sizeof room);
}

static const char *advice(int error)
{
    switch (error) {
    case EBADF: return "open it for writing";
    case EPIPE: return "let its reader read to the end";
    default: return "free some room, or write to another place";
    }
}

/* Of the first flush that failed: stdio forgets it together with the bytes. */
static int first_error;

bool output_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0) return true;
    if (!first_error) first_error = errno;
    return false;
}

int output_finish(int code)
{
    if (output_flush() && !ferror(stdout)) return code;
    fprintf(stderr, "moongate: standard output: %s: %s\n",
            first_error ? strerror(first_error) : "a part could not be written",
            advice(first_error));
    return EXIT_SYSTEM;
}
