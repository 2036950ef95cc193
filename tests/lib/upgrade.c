#include "lib/upgrade.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    struct actor actor;
    const char *link, *binary;
};

static struct place *place; /* of the running play */

/* This program is the reaper of what the service leaves. */
static bool has_ended(void *pid)
{
    return waitpid(*(pid_t *)pid, NULL, WNOHANG) != 0;
}

void upgrade_sees_end(pid_t pid)
{
    if (!stage_waits(has_ended, &pid)) stage_fails("process %d does not end", (int)pid);
}

/* Nothing of the service is left: it was ended before. */
static bool place_leaves(struct actor *actor)
{
    struct place *p = (struct place *)(void *)actor;
    pid_t left[64];
    size_t n = program_children(getpid(), left, 64);
    setenv("MOONGATE", p->binary, 1);
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, "process %d is left\n", (int)left[i]);
        kill(left[i], SIGKILL);
    }
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    place = NULL;
    return n == 0;
}

void upgrade_begins_without_link(void)
{
    char path[4096];
    if (!realpath(getenv("MOONGATE"), path)) stage_fails("MOONGATE must name the binary");
    place = stage_memory(sizeof *place);
    *place = (struct place){.actor = {.fd = -1, .rank = RANK_FOLDER, .leaves = place_leaves},
                            .link = textf("%s/moongate", program_folder()),
                            .binary = textf("%s", path)};
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    stage_enter(&place->actor);
}

const char *upgrade_begins(void)
{
    upgrade_begins_without_link();
    upgrade_puts_binary();
    setenv("MOONGATE", place->link, 1);
    return place->link;
}

const char *upgrade_binary(void)
{
    return place->binary;
}

/* There is a file at each moment. */
static void replace(const char *fresh)
{
    if (rename(fresh, place->link) != 0) stage_fails("cannot rename %s", fresh);
}

static void put(const char *text, mode_t mode)
{
    const char *fresh = textf("%s.new", place->link);
    FILE *file = fopen(fresh, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(fresh, mode) != 0)
        stage_fails("cannot write %s", fresh);
    replace(fresh);
}

void upgrade_puts_script(const char *text)
{
    put(text, 0755);
}

void upgrade_puts_text(const char *text)
{
    put(text, 0644);
}

void upgrade_puts_nothing(void)
{
    if (unlink(place->link) != 0) stage_fails("cannot remove %s", place->link);
}

void upgrade_puts_binary(void)
{
    const char *fresh = textf("%s.new", place->link);
    if (symlink(place->binary, fresh) != 0) stage_fails("cannot make a link");
    replace(fresh);
}
