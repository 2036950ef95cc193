/* The file of a unix socket decides who may connect. bind(2) makes it with a mode that follows the umask, so it never has more
 * rights than it should. It gets its owner before listen(2); until then connect(2) fails.
 *
 * A file is removed only if its device and inode are those of the file that was made: another program may have replaced it by its
 * own socket in the meantime. */
#include "net/socket_file.h"

#include "net/socket.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool socket_file_is_stale(const struct addr *addr)
{
    int fd = socket_open(addr);
    if (fd < 0) return false;
    bool stale = connect(fd, &addr->sa.any, addr->len) != 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

/* bind(2) makes the file with the rights that the umask leaves, so there is no moment at which it has more. */
static bool bind_with_mode(int fd, const struct addr *addr, int mode)
{
    mode_t had = 0;
    if (mode >= 0) had = umask(0777 & ~(mode_t)mode);
    bool bound = bind(fd, &addr->sa.any, addr->len) == 0;
    if (mode >= 0) umask(had);
    return bound;
}

/* Changes only what differs: chown(2) to the owner that a file has already may be refused. */
static bool give_away(const char *path, const struct bind_access *access)
{
    struct stat file;
    if (lstat(path, &file) != 0) return false;
    uid_t uid = access->uid == file.st_uid ? (uid_t)-1 : access->uid;
    gid_t gid = access->gid == file.st_gid ? (gid_t)-1 : access->gid;
    if (uid == (uid_t)-1 && gid == (gid_t)-1) return true;
    return lchown(path, uid, gid) == 0;
}

bool socket_file_make(struct socket_file *f, int fd, const struct addr *addr,
                      const struct bind_access *access, bool *owner)
{
    const char *path = addr->sa.un.sun_path;
    struct stat file;
    assert(addr_is_unix(addr));
    *owner = false;
    if (!bind_with_mode(fd, addr, access->mode)) return false;
    *owner = true;
    if (!give_away(path, access) || lstat(path, &file) != 0) {
        int error = errno;
        unlink(path);
        errno = error;
        return false;
    }
    *f = (struct socket_file){file.st_dev, file.st_ino};
    return true;
}

bool socket_file_is_at(const struct socket_file *f, const struct addr *addr)
{
    struct stat file;
    assert(addr_is_unix(addr));
    return lstat(addr->sa.un.sun_path, &file) == 0 && file.st_dev == f->dev &&
           file.st_ino == f->ino && f->ino != 0;
}

bool socket_file_change(const struct socket_file *f, const struct addr *addr,
                        const struct bind_access *access)
{
    const char *path = addr->sa.un.sun_path;
    struct bind_access whole = *access;
    assert(addr_is_unix(addr));
    if (!socket_file_is_at(f, addr)) {
        errno = ENOENT;
        return false;
    }
    if (whole.uid == (uid_t)-1) whole.uid = geteuid();
    if (whole.gid == (gid_t)-1) whole.gid = getegid();
    if (whole.mode < 0) {
        mode_t mask = umask(077);
        umask(mask);
        whole.mode = (int)(0777 & ~mask);
    }
    return give_away(path, &whole) && chmod(path, (mode_t)whole.mode) == 0;
}

bool socket_file_remove(struct socket_file *f, const struct addr *addr)
{
    assert(addr_is_unix(addr));
    const char *path = addr->sa.un.sun_path;
    bool is_ours = socket_file_is_at(f, addr);
    *f = (struct socket_file){0};
    return !is_ours || unlink(path) == 0 || errno == ENOENT;
}

/* To remove a file takes the right to write to its folder. In a folder with the sticky bit, such as /tmp, it also takes to be
 * root or to own the folder or the file. */
bool file_is_removable(const char *path)
{
    char folder[4096];
    struct stat in, file;
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;
    if (len >= sizeof folder) return false;
    if (slash && len == 0) len = 1; /* of /name */
    snprintf(folder, sizeof folder, "%.*s", (int)len, slash ? path : ".");
    if (access(folder, W_OK | X_OK) != 0 || stat(folder, &in) != 0) return false;
    if (!(in.st_mode & S_ISVTX) || geteuid() == 0 || in.st_uid == geteuid()) return true;
    return lstat(path, &file) == 0 && file.st_uid == geteuid();
}
