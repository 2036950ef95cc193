/* Before the process becomes the user of --user for good, it takes that user's rights for a moment to open files: what succeeds then
 * succeeds at a reload or a rotation, too. A process that is not root has only its own rights, which are then the right ones. */
#include "main/user.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- for good --------------------------------------------------------------------------------- */

static const struct passwd *find_user(const char *name)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (!user)
        fprintf(stderr, "moongate: user %s: %s: choose another with -u\n", name,
                errno ? strerror(errno) : "not known on this system");
    return user;
}

bool user_is_known(const char *name)
{
    return find_user(name) != NULL;
}

/* Groups first, then the group, then the user: after setuid the process may no longer change the other two. */
bool user_switch(const char *name)
{
    const struct passwd *user = find_user(name);
    if (!user) return false;
    if (geteuid() == user->pw_uid && getuid() == user->pw_uid) return true;
    if (geteuid() != 0) {
        fprintf(stderr, "moongate: user %s: only root may switch: start as root or leave out -u\n",
                name);
        return false;
    }
    if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0) {
        fprintf(stderr, "moongate: user %s: %s: leave out -u\n", name, strerror(errno));
        return false;
    }
    assert(getuid() == user->pw_uid && geteuid() == user->pw_uid && getegid() == user->pw_gid);
    return true;
}

/* The kernel does the same when root becomes another user (/proc/sys/fs/suid_dumpable). */
void user_hides(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0);
}

/* --- for a moment ----------------------------------------------------------------------------- */

/* The user whose rights differ from those of this process; or NULL. user_is_known has complained about an unknown one. */
static const struct passwd *find_other(const char *name)
{
    return name && geteuid() == 0 ? getpwnam(name) : NULL;
}

bool user_gets(const char *name, int fd)
{
    const struct passwd *user = find_other(name);
    return !user || fchown(fd, user->pw_uid, user->pw_gid) == 0;
}

/* What root had. */
struct own {
    gid_t group;
    int groups_n;
    gid_t *groups;
};

static bool own_save(struct own *own)
{
    own->group = getegid();
    own->groups_n = getgroups(0, NULL);
    own->groups = own->groups_n < 0 ? NULL : calloc((size_t)own->groups_n + 1, sizeof(gid_t));
    return own->groups && getgroups(own->groups_n, own->groups) == own->groups_n;
}

/* The user first: only root may set groups. A process that cannot get its own rights back must not go on. */
static void own_restore(struct own *own)
{
    int error = errno;
    if (seteuid(0) != 0 || setegid(own->group) != 0 ||
        setgroups((size_t)own->groups_n, own->groups) != 0)
        abort();
    free(own->groups);
    errno = error;
}

int user_open(const char *name, const char *path, int flags)
{
    const struct passwd *user = find_other(name);
    struct own own = {0};
    int fd = -1;
    if (!user) return open(path, flags);
    if (!own_save(&own)) {
        free(own.groups);
        return -1;
    }
    if (initgroups(name, user->pw_gid) == 0 && setegid(user->pw_gid) == 0 &&
        seteuid(user->pw_uid) == 0)
        fd = open(path, flags);
    own_restore(&own);
    return fd;
}

/* A pipe cannot be read again by anybody: there is nothing to look at. */
bool user_may_read(const char *name, const char *script)
{
    struct stat file;
    if (stat(script, &file) != 0 || !S_ISREG(file.st_mode)) return true;
    int fd = user_open(name, script, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    fprintf(stderr,
            "moongate: script %s: user %s: %s: let that user read the file and enter its folders\n",
            script, name, strerror(errno));
    return false;
}
