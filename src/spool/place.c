#include "spool/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/hold.h"

enum { AGE_MOST = 365 * 86400 };

const char *spool_place_init(struct spool_place *p, const char *dir)
{
    size_t len = strlen(dir);
    *p = (struct spool_place){.max_size = SPOOL_SIZE, .max_total = SPOOL_TOTAL};
    if (dir[0] != '/') return "dir: give an absolute path: it begins with /";
    while (len > 1 && dir[len - 1] == '/') len--;
    if (len == 1) return "dir: give a folder below /";
    if (len >= SPOOL_DIR_MAX) return "dir: the path is too long: give one of at most 90 bytes";
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)dir[i] < ' ') return "dir: the path has a control byte";
    memcpy(p->dir, dir, len);
    return NULL;
}

const char *spool_place_wrong(const struct spool_place *p)
{
    if (p->max_size < SPOOL_SIZE_LEAST) return "max_size: give at least 65536 bytes";
    if (p->max_size > p->max_total) return "max_size: it is more than max_total";
    if (p->max_total > 1ull << 40) return "max_total: give at most 1 TiB";
    if (p->max_age > AGE_MOST) return "max_age: give at most a year";
    return NULL;
}

void spool_place_print(const struct spool_place *p, char text[SPOOL_PLACE_TEXT])
{
    snprintf(text, SPOOL_PLACE_TEXT, "max_size %" PRIu64 " max_total %" PRIu64 " max_age %" PRIu32,
             p->max_size, p->max_total, p->max_age);
}

/* A word and its number. */
static bool take_bound(struct spool_place *p, const char *name, const char *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (errno || *end || value[0] < '0' || value[0] > '9') return false;
    if (strcmp(name, "max_size") == 0)
        p->max_size = number;
    else if (strcmp(name, "max_total") == 0)
        p->max_total = number;
    else if (strcmp(name, "max_age") == 0 && number <= UINT32_MAX)
        p->max_age = (uint32_t)number;
    return true;
}

bool spool_place_parse(struct spool_place *p, const char *text, size_t len)
{
    char copy[4 * SPOOL_PLACE_TEXT], *save, *name;
    if (len >= sizeof copy || memchr(text, '\0', len)) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
        const char *value = strtok_r(NULL, " ", &save);
        if (!value || !take_bound(p, name, value)) return false;
    }
    return true;
}

void spool_place_socket(const char *dir, char path[SPOOL_SOCKET_MAX])
{
    snprintf(path, SPOOL_SOCKET_MAX, "%.*s/" SPOOL_SOCKET, SPOOL_DIR_MAX - 1, dir);
}

/* --- trying ------------------------------------------------------------------------------------ */

static bool fail(char why[SPOOL_WHY_MAX], const char *dir, const char *reason, const char *advice)
{
    snprintf(why, SPOOL_WHY_MAX, "spool folder %s: %s%s%s", dir, reason, advice[0] ? ": " : "",
             advice);
    return false;
}

/* The folder exists afterwards, and so it is on the disk. */
static bool make(const char *dir, char why[SPOOL_WHY_MAX])
{
    char parent[SPOOL_DIR_MAX];
    if (mkdir(dir, 0700) != 0) {
        if (errno == EEXIST) return true;
        const char *advice = errno == ENOENT ? "make the folder above it first"
                                             : "make it, for the user that moongate runs as";
        return fail(why, dir, strerror(errno), advice);
    }
    snprintf(parent, sizeof parent, "%s", dir);
    *strrchr(parent, '/') = '\0';
    int fd = open(parent[0] ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return true; /* a folder may be passed and not read */
    (void)fsync(fd);
    close(fd);
    return true;
}

/* A file can be made in it. */
static bool write_in(int dir, const char *path, char why[SPOOL_WHY_MAX])
{
    char name[40];
    snprintf(name, sizeof name, "try.%d", (int)getpid());
    (void)unlinkat(dir, name, 0);
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && (errno == ENOSPC || errno == EDQUOT)) return true; /* deletes are refused then */
    if (fd < 0) return fail(why, path, strerror(errno), "let moongate's user write there");
    close(fd);
    (void)unlinkat(dir, name, 0);
    return true;
}

/* Another service's spooler has it. One whose master has died is about to end. */
static bool is_free(int dir, const char *path, const int32_t masters[2], char why[SPOOL_WHY_MAX])
{
    char reason[80];
    int32_t master = hold_master(dir);
    if (master <= 0 || master == masters[0] || master == masters[1]) return true;
    if (kill(master, 0) != 0 && errno == ESRCH) return true;
    snprintf(reason, sizeof reason, "the moongate of process %d has it", (int)master);
    return fail(why, path, reason, "give each service a folder of its own");
}

bool spool_place_try(const char *dir, const int32_t masters[2], char why[SPOOL_WHY_MAX])
{
    struct stat about;
    if (!make(dir, why)) return false;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        int error = errno;
        if (fd >= 0) close(fd);
        return fail(why, dir, strerror(error), "make it a folder of moongate's user");
    }
    bool good = write_in(fd, dir, why) && is_free(fd, dir, masters, why);
    if (good && (about.st_mode & (S_IWGRP | S_IWOTH)))
        good = fail(why, dir, "others may write there", "chmod 700");
    close(fd);
    return good;
}
