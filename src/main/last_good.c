/* A start must not fail on the folder later: so it is tried out, as the user that moongate runs as. What is read from it is read
 * as that user, too, who could have put anything there.
 */
#include "main/last_good.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "main/user.h"
#include "master/state_file.h"

static int complain(const char *path, const char *why)
{
    fprintf(stderr, "moongate: last good script %s: %s: it is not used; correct the script\n", path,
            why);
    return -1;
}

/* The source in the file, or -1 after a complaint. */
static int read_last_good(const struct options *o, const char *path, uint64_t *saved)
{
    char why[STATE_WHY_MAX];
    int file = user_open(o->user, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return complain(path, strerror(errno));
    int fd = state_file_read(file, o->script, saved, why);
    close(file);
    return fd >= 0 ? fd : complain(path, why);
}

bool last_good_take(struct options *o)
{
    char *path, when[32];
    uint64_t saved = 0;
    struct tm parts;
    if (asprintf(&path, "%s/" STATE_FILE, o->state_dir) < 0) abort();
    int fd = read_last_good(o, path, &saved);
    free(path);
    if (fd < 0) return false;
    if (o->script_fd >= 0) close(o->script_fd);
    o->script_fd = fd;
    o->runs_last_good = true;
    time_t seconds = (time_t)saved;
    if (!gmtime_r(&seconds, &parts) || !strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts))
        strcpy(when, "?");
    log_warn("script %s: does not load: the last good one, of %s, takes its place (--state-dir); "
             "correct the file and reload",
             o->script, when);
    return true;
}

bool last_good_check_dir(const struct options *o)
{
    if (!o->state_dir || state_file_can_be_written(o->state_dir)) return true;
    fprintf(
        stderr,
        "moongate: --state-dir %s: %s: make the folder and let the user of moongate write to it\n",
        o->state_dir, strerror(errno));
    return false;
}
