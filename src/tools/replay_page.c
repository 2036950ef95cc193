#include "tools/replay_tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/report.h"

/* False with errno. */
static bool write_page(const struct replay_results *r, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out) return false;
    report_write(r, out);
    bool good = fflush(out) == 0 && !ferror(out);
    int error = errno;
    if (fclose(out) != 0 && good) return false;
    errno = error;
    return good;
}

/* A device, such as /dev/stdout, is written as it is. */
static bool is_plain(const char *path)
{
    struct stat about;
    return stat(path, &about) < 0 || S_ISREG(about.st_mode);
}

bool replay_save_page(const struct replay_results *r, const char *path)
{
    char *new = NULL;
    if (asprintf(&new, "%s.new", path) < 0) abort();
    bool good = is_plain(path) ? write_page(r, new) && rename(new, path) == 0 : write_page(r, path);
    int error = errno;
    if (!good && is_plain(path)) unlink(new);
    free(new);
    if (!good)
        fprintf(stderr,
                "moongate: replay: --report %s: not written: %s: give a file in a folder that has "
                "room\n",
                path, strerror(error));
    return good;
}
