#include "lib/shim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/program.h"

struct shim_actor {
    struct actor actor;
    struct shim *memory;
    char *asan; /* what ASAN_OPTIONS was; NULL: nothing */
};

static void unset(struct shim_actor *a)
{
    unsetenv("LD_PRELOAD");
    unsetenv("MOONGATE_SHIM");
    if (a->asan) setenv("ASAN_OPTIONS", a->asan, 1);
}

static bool shim_leaves(struct actor *actor)
{
    struct shim_actor *a = (struct shim_actor *)(void *)actor;
    unset(a);
    munmap(a->memory, sizeof *a->memory);
    return true;
}

/* The library is built for each play: it takes a tenth of a second. */
static const char *build(const char *folder)
{
    const char *cc = getenv("CC"), *library = textf("%s/shim.so", folder);
    const char *const argv[] = {cc && *cc ? cc : "cc",
                                "-std=gnu11",
                                "-O1",
                                "-shared",
                                "-fPIC",
                                "-Itests",
                                "-D_GNU_SOURCE",
                                "tests/lib/preload/shim.c",
                                "-o",
                                library,
                                "-ldl",
                                NULL};
    struct run run = program_run(argv);
    if (run.code != 0) stage_fails("the shim cannot be built: %s", run.err);
    return library;
}

static struct shim *map(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct shim)) < 0) stage_fails("cannot make %s", path);
    void *memory = mmap(NULL, sizeof(struct shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) stage_fails("cannot map %s", path);
    return memory;
}

struct shim *shim_begin(void)
{
    struct shim_actor *a = stage_memory(sizeof *a);
    const char *folder = program_folder(), *library = build(folder), *asan = getenv("ASAN_OPTIONS");
    a->memory = map(textf("%s/shim", folder));
    a->actor = (struct actor){.fd = -1, .rank = RANK_PROGRAM, .leaves = shim_leaves};
    if (asan) a->asan = textf("%s", asan);
    stage_enter(&a->actor);
    setenv("LD_PRELOAD", library, 1);
    setenv("MOONGATE_SHIM", textf("%s/shim", folder), 1);
    if (asan) /* which wants to be loaded first */
        setenv("ASAN_OPTIONS", textf("%s:verify_asan_link_order=0", asan), 1);
    return a->memory;
}

void shim_is_left(void)
{
    unsetenv("LD_PRELOAD");
}

void shim_fails(struct shim *s, enum shim_call call, pid_t process, int times, int error)
{
    struct shim_fault *f = &s->faults[call];
    f->met = 0;
    f->process = process;
    f->error = error;
    f->left = times;
}

static bool has_failed(void *what)
{
    const struct shim_fault *f = what;
    return f->left <= 0 && f->met > 0;
}

void shim_has_failed(struct shim *s, enum shim_call call)
{
    static const char *const names[] = {
#define X(name, text) text,
        SHIM_CALLS(X)
#undef X
    };
    if (!stage_waits(has_failed, &s->faults[call]))
        stage_fails("%s has failed %d times, and is to fail %d more", names[call],
                    s->faults[call].met, s->faults[call].left);
}
