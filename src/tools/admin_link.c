#include "tools/admin_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "net/socket.h"

bool admin_link_find(const char *given, struct addr_spec *spec, char *error)
{
    const char *folders = getenv("RUNTIME_DIRECTORY");
    char text[4096];
    if (given)
        snprintf(text, sizeof text, "unix:%s", strncmp(given, "unix:", 5) == 0 ? given + 5 : given);
    else if (folders && folders[0] == '/')
        snprintf(text, sizeof text, "unix:%.*s/admin.sock", (int)strcspn(folders, ":"), folders);
    else
        snprintf(text, sizeof text, "unix:/run/moongate/admin.sock");
    const char *wrong = addr_spec_parse(spec, text, strlen(text));
    if (wrong) snprintf(error, ADMIN_LINK_ERROR, "socket %.200s: %s", text + 5, wrong);
    return !wrong;
}

static void advise(int error, const char *option, char *to, size_t room)
{
    switch (error) {
    case EACCES:
    case EPERM:
        snprintf(to, room, "run this as root, or as the user whom the socket's mode lets in");
        break;
    case ENOENT:
        snprintf(to, room, "start moongate with --admin unix:/path, and give %s /path", option);
        break;
    case ECONNREFUSED:
        snprintf(to, room, "the moongate that made it has ended: start it again");
        break;
    default: snprintf(to, room, "give another with %s", option);
    }
}

/* connect(2) on a unix socket waits only while the backlog is full, which EAGAIN says. */
int admin_link_connect(const struct addr_spec *spec, const char *option, double deadline,
                       char *error)
{
    struct addr addr;
    int fd = -1, wrong = EAGAIN;
    if (!addr_spec_is_literal(spec, 0, &addr)) wrong = EINVAL;
    while (wrong == EAGAIN && process_clock() < deadline) {
        if (fd >= 0) close(fd);
        wrong = socket_connect(&addr, -1, &fd);
        if (wrong == EAGAIN) poll(NULL, 0, 20);
    }
    if (wrong == 0) return fd;
    if (fd >= 0) close(fd);
    char advice[100];
    advise(wrong, option, advice, sizeof advice);
    snprintf(error, ADMIN_LINK_ERROR, "socket %s: %s: %s", spec->path, strerror(wrong), advice);
    return -1;
}
