#include "tools/replay_tool.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/renew.h"
#include "replay/report.h"

/* A renew_write_fn. */
static void write_page(const void *about, FILE *out)
{
    report_write(about, out);
}

/* A device, such as /dev/stdout, is written as it is. */
static bool is_plain(const char *path)
{
    struct stat about;
    return stat(path, &about) < 0 || S_ISREG(about.st_mode);
}

bool replay_save_page(const struct replay_results *r, const char *path)
{
    bool good = is_plain(path) ? renew_file(path, false, write_page, r)
                               : renew_in_place(path, false, write_page, r);
    if (!good)
        fprintf(stderr,
                "moongate: replay: --report %s: not written: %s: give a file in a folder that has "
                "room\n",
                path, strerror(errno));
    return good;
}
