/* The file of a unix socket is known by its device and inode (net/socket_file.h), so these go along: the new process removes the
 * file at its end, and only that one. */
#include "net/inherited.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { KIND_MANAGERS = 1, KIND_EXTRA = 2 };

const char *inherited_print(const struct listener *l, char *text)
{
    int kind = (l->is_passed ? KIND_MANAGERS : 0) | (l->is_extra ? KIND_EXTRA : 0);
    snprintf(text, INHERITED_TEXT_MAX, "%d,%u,%d,%llu,%llu,%s", l->fd, l->number, kind,
             (unsigned long long)l->file.dev, (unsigned long long)l->file.ino, l->name);
    return text;
}

bool inherited_is_channel(int fd, pid_t pid)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof peer;
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           peer.pid == pid && pid > 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

bool inherited_read(struct passed *p, const char *text)
{
    unsigned long long dev, ino;
    int kind, used = -1;
    if (p->n == PASSED_ROOM) return false;
    struct passed_socket *s = &p->items[p->n];
    *s = (struct passed_socket){.fd = -1, .is_inherited = true};
    if (sscanf(text, "%d,%u,%d,%llu,%llu,%n", &s->fd, &s->number, &kind, &dev, &ino, &used) != 5 ||
        used < 0 || s->fd < 0 || strlen(text + used) >= sizeof s->name)
        return false;
    strcpy(s->name, text + used);
    s->is_managers = kind & KIND_MANAGERS;
    s->is_extra = kind & KIND_EXTRA;
    s->file = (struct socket_file){(dev_t)dev, (ino_t)ino};
    if (passed_look_at(s)) return false;
    p->n++;
    return true;
}
