#include "lib/seat.h"

#include "lib/moongate.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRIES = 50, WORKERS_MOST = 64 };

static struct sockaddr_in end_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_in end = {.sin_port = 0};
    socklen_t n = sizeof end;
    if (ask(fd, (struct sockaddr *)&end, &n) != 0 || end.sin_family != AF_INET)
        stage_fails("a client has no address of IPv4");
    return end;
}

/* The inode of the server's end, from the kernel's table of connections; 0: it is not there. */
static unsigned long server_end(int client_fd)
{
    struct sockaddr_in mine = end_of(client_fd, getsockname), its = end_of(client_fd, getpeername);
    char line[512];
    unsigned long found = 0;
    FILE *table = fopen("/proc/net/tcp", "re");
    if (!table) stage_fails("cannot read /proc/net/tcp");
    while (!found && fgets(line, sizeof line, table)) {
        unsigned from, from_port, to, to_port;
        unsigned long inode;
        if (sscanf(line, "%*s %x:%x %x:%x %*s %*s %*s %*s %*s %*s %lu", &from, &from_port, &to,
                   &to_port, &inode) == 5 &&
            from == its.sin_addr.s_addr && from_port == ntohs(its.sin_port) &&
            to == mine.sin_addr.s_addr && to_port == ntohs(mine.sin_port))
            found = inode;
    }
    fclose(table);
    return found;
}

static bool process_holds(pid_t pid, unsigned long inode)
{
    const char *wanted = textf("socket:[%lu]", inode);
    const char *folder = textf("/proc/%d/fd", (int)pid);
    DIR *all = opendir(folder);
    bool found = false;
    if (!all) return false;
    for (struct dirent *entry; !found && (entry = readdir(all));) {
        char target[64] = "";
        if (readlinkat(dirfd(all), entry->d_name, target, sizeof target - 1) > 0)
            found = strcmp(target, wanted) == 0;
    }
    closedir(all);
    return found;
}

bool client_is_at(const struct client *c, pid_t pid)
{
    unsigned long inode = server_end(client_descriptor(c));
    return inode && process_holds(pid, inode);
}

struct seat {
    struct moongate *m;
    int fd;
    pid_t worker;
};

static bool is_taken(void *what)
{
    struct seat *s = what;
    pid_t workers[WORKERS_MOST];
    unsigned long inode = server_end(s->fd);
    size_t n = program_children(moongate_pid(s->m), workers, WORKERS_MOST);
    for (size_t i = 0; inode && i < n; i++)
        if (process_holds(workers[i], inode)) s->worker = workers[i];
    return s->worker != 0;
}

pid_t seat_of(struct moongate *m, int fd)
{
    struct seat s = {m, fd, 0};
    if (!stage_waits(is_taken, &s)) stage_fails("no worker holds a client's connection");
    return s.worker;
}

struct client *client_connects_at(struct moongate *m, pid_t worker)
{
    for (int i = 0; i < TRIES; i++) {
        struct client *c = client_connects(m);
        client_sees_nothing_more(c); /* a worker has it */
        if (client_is_at(c, worker)) return c;
        client_closes(c);
    }
    stage_fails("worker %d gets none of %d clients", (int)worker, TRIES);
    return NULL;
}
