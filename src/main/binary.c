/* /proc/self/exe is the file that runs. When a package replaces the binary, that file has no name any more, and the new one has
 * the old path. So the path is found at start: argv[0] as the shell has looked it up. argv[0] may be any text, so the path counts
 * only if it leads to the file that runs; links on the way stay in it, since an upgrade may consist in pointing one elsewhere. */
#include "main/binary.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_this(const char *path)
{
    struct stat own, file;
    return stat("/proc/self/exe", &own) == 0 && stat(path, &file) == 0 &&
           own.st_dev == file.st_dev && own.st_ino == file.st_ino;
}

/* False: no folder of PATH has it. */
static bool look_up(struct upgrade_command *command, const char *name)
{
    const char *path = getenv("PATH");
    for (const char *at = path; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
        size_t len = strcspn(at, ":");
        snprintf(command->path, sizeof command->path, "%.*s/%s", len ? (int)len : 1, len ? at : ".",
                 name);
        if (is_this(command->path)) return true;
    }
    return false;
}

/* A relative path is made absolute, for the log. */
static bool take_path(struct upgrade_command *command, const char *path)
{
    char folder[PATH_MAX] = "";
    if (path[0] != '/' && !getcwd(folder, sizeof folder)) folder[0] = '\0';
    int len = snprintf(command->path, sizeof command->path, "%s%s%s", folder, folder[0] ? "/" : "",
                       strncmp(path, "./", 2) == 0 && folder[0] ? path + 2 : path);
    return len < (int)sizeof command->path && is_this(command->path);
}

void binary_find(struct upgrade_command *command, char **argv)
{
    command->argv = argv;
    const char *name = argv[0] ? argv[0] : "";
    if (strchr(name, '/') ? take_path(command, name) : look_up(command, name)) return;
    ssize_t n = readlink("/proc/self/exe", command->path, sizeof command->path - 1);
    command->path[n > 0 ? n : 0] = '\0';
}
