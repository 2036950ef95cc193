#include "lib/server_end.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS_MAX = 64 };

/* The inode of the socket that is connected to this one; 0: there is none. Other connections may have one port in common with it. */
static unsigned long inode_of_other_end(int fd)
{
    struct sockaddr_in own = {0}, other = {0};
    socklen_t n = sizeof own, m = sizeof other;
    char wanted[64], line[512];
    unsigned long inode = 0;
    FILE *file = fopen("/proc/net/tcp", "re");
    if (!file || getsockname(fd, (struct sockaddr *)&own, &n) < 0 ||
        getpeername(fd, (struct sockaddr *)&other, &m) < 0)
        stage_fails("a connection is over before it was looked for");
    snprintf(wanted, sizeof wanted, ": %08X:%04X %08X:%04X ", other.sin_addr.s_addr,
             ntohs(other.sin_port), own.sin_addr.s_addr, ntohs(own.sin_port));
    while (!inode && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, wanted);
        if (at) sscanf(at + strlen(wanted), "%*x %*x:%*x %*x:%*x %*x %*u %*u %lu", &inode);
    }
    fclose(file);
    return inode;
}

static bool has_socket(pid_t pid, unsigned long inode)
{
    char path[64], wanted[64], target[64];
    bool has = false;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    DIR *folder = opendir(path);
    if (!folder) return false;
    for (struct dirent *entry; !has && (entry = readdir(folder));) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        has = strcmp(target, wanted) == 0;
    }
    closedir(folder);
    return has;
}

struct wanted_end {
    struct moongate *m;
    int fd;
    pid_t worker;
};

static bool is_found(void *what)
{
    struct wanted_end *w = what;
    pid_t workers[WORKERS_MAX];
    unsigned long inode = inode_of_other_end(w->fd);
    size_t n = program_children(moongate_pid(w->m), workers, WORKERS_MAX);
    for (size_t i = 0; inode && i < n; i++)
        if (has_socket(workers[i], inode)) w->worker = workers[i];
    return w->worker != 0;
}

pid_t worker_of_connection(struct moongate *m, int fd)
{
    struct wanted_end w = {m, fd, 0};
    if (!stage_waits(is_found, &w)) stage_fails("no worker has a client's connection");
    return w.worker;
}
