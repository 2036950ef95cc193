#include "base/renew.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

bool renew_in_place(const char *path, bool is_safe, renew_write_fn *write, const void *about)
{
    FILE *out = fopen(path, "we");
    if (!out) return false;
    write(about, out);
    bool good = fflush(out) == 0 && !ferror(out) && (!is_safe || fsync(fileno(out)) == 0);
    int error = errno;
    if (fclose(out) != 0 && good) return false;
    errno = error;
    return good;
}

bool renew_file(const char *path, bool is_safe, renew_write_fn *write, const void *about)
{
    char *new = NULL;
    if (asprintf(&new, "%s.new", path) < 0) abort();
    bool good = renew_in_place(new, is_safe, write, about) && rename(new, path) == 0;
    int error = errno;
    if (!good) unlink(new);
    free(new);
    errno = error;
    return good;
}
