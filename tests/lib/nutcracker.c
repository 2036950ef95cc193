#include "lib/nutcracker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/program.h"

struct nutcracker {
    struct program program; /* first: the stage knows it by its actor */
    const char *folder;     /* configuration, log, and a socket for each pool */
    size_t pools;
    size_t reached;
    int stats; /* a port */
};

static struct nutcracker *nutcracker_of(struct actor *actor)
{
    return (struct nutcracker *)(void *)actor;
}

static bool nutcracker_leaves(struct actor *actor)
{
    program_kill(&nutcracker_of(actor)->program);
    return true;
}

static void nutcracker_tells(struct actor *actor)
{
    struct nutcracker *n = nutcracker_of(actor);
    FILE *log = fopen(textf("%s/log", n->folder), "re");
    char line[512];
    if (!log) return;
    fprintf(stderr, "  log of nutcracker (%s):\n", program_end(&n->program));
    while (fgets(line, sizeof line, log)) fputs(line, stderr);
    fclose(log);
}

const char *nutcracker_address(const struct nutcracker *n, size_t pool)
{
    return textf("unix:%s/%zu", n->folder, pool);
}

const char *nutcracker_stats_address(const struct nutcracker *n)
{
    return textf("127.0.0.1:%d", n->stats);
}

const char *nutcracker_file(const struct nutcracker *n)
{
    return textf("%s/yml", n->folder);
}

void nutcracker_kill(struct nutcracker *n)
{
    stage_dismiss(&n->program.actor);
}

static void write_configuration(const struct nutcracker *n, const char *const pools[])
{
    const char *path = textf("%s/yml", n->folder);
    FILE *file = fopen(path, "we");
    if (!file) stage_fails("cannot write %s", path);
    for (size_t i = 0; i < n->pools; i++)
        fprintf(file, "pool%zu:\n  listen: %s/%zu\n%s", i, n->folder, i, pools[i]);
    if (fclose(file) != 0) stage_fails("cannot write %s", path);
}

static bool is_reached(const char *address)
{
    struct address to = address_read(address);
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = connect(fd, &to.as.any, to.n) == 0;
    close(fd);
    return is_there;
}

static bool is_up_or_gone(void *what)
{
    struct nutcracker *n = what;
    while (n->reached < n->pools && is_reached(nutcracker_address(n, n->reached))) n->reached++;
    return n->reached == n->pools || n->program.is_gone;
}

/* Debian puts it where only root's shell looks. */
static const char *binary(void)
{
    static const char debian[] = "/usr/sbin/nutcracker";
    return access(debian, X_OK) == 0 ? debian : "nutcracker";
}

static bool starts(struct nutcracker *n)
{
    n->stats = address_free_port();
    const char *const argv[] = {binary(),
                                "-c",
                                textf("%s/yml", n->folder),
                                "-o",
                                textf("%s/log", n->folder),
                                "-v",
                                "3",
                                "-a",
                                "127.0.0.1",
                                "-s",
                                textf("%d", n->stats),
                                NULL};
    n->reached = 0;
    program_start(&n->program, argv, -1, -1);
    n->program.is_gone = false;
    if (!stage_waits(is_up_or_gone, n)) stage_fails("nutcracker cannot be reached");
    return !n->program.is_gone;
}

struct nutcracker *nutcracker_start(const char *const pools[], size_t n)
{
    struct nutcracker *made = stage_memory(sizeof *made);
    made->program.actor = (struct actor){
        .fd = -1, .rank = RANK_PROGRAM, .leaves = nutcracker_leaves, .tells = nutcracker_tells};
    made->folder = program_folder();
    made->pools = n;
    stage_enter(&made->program.actor);
    write_configuration(made, pools);
    /* Another process may take the free port of its statistics before it does. */
    for (int attempt = 0; attempt < 5; attempt++)
        if (starts(made)) return made;
    stage_fails("nutcracker does not start");
}
