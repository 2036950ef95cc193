#include "lib/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ACTORS_MAX = 4096 };

struct keepsake {
    struct keepsake *next;
    max_align_t memory[];
};

static struct {
    struct actor *actors;
    struct keepsake *keepsakes;
} stage;

/* What AddressSanitizer calls at the start of each program that has it. */
static bool has_sanitizer(const char *path)
{
    static const char name[] = "__asan_init";
    struct stat s;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    bool has = false;
    void *at = fstat(fd, &s) == 0 ? mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                                  : MAP_FAILED;
    if (at != MAP_FAILED) {
        has = memmem(at, (size_t)s.st_size, name, sizeof name) != NULL;
        munmap(at, (size_t)s.st_size);
    }
    close(fd);
    return has;
}

bool stage_is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    static enum { UNKNOWN, NO, YES } answer;
    if (answer == UNKNOWN) answer = has_sanitizer(getenv("MOONGATE")) ? YES : NO;
    return answer == YES;
#endif
}

double stage_deadline(void)
{
    const char *asked = getenv("DEADLINE");
    if (asked) return strtod(asked, NULL);
    return 20; /* busy machines: only what fails waits so long */
}

double stage_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void *stage_memory(size_t n)
{
    struct keepsake *k = calloc(1, sizeof *k + n);
    if (!k) abort();
    k->next = stage.keepsakes;
    stage.keepsakes = k;
    return k->memory;
}

char *textf(const char *format, ...)
{
    va_list arguments;
    char *made = NULL;
    va_start(arguments, format);
    int n = vasprintf(&made, format, arguments);
    va_end(arguments);
    if (n < 0) abort();
    char *kept = stage_memory((size_t)n + 1);
    memcpy(kept, made, (size_t)n);
    free(made);
    return kept;
}

void stage_fails(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    for (struct actor *a = stage.actors; a; a = a->next)
        if (a->tells) a->tells(a);
    fail();
    abort(); /* fail() does not return, but does not say so */
}

void stage_enter(struct actor *actor)
{
    actor->next = stage.actors;
    stage.actors = actor;
}

bool stage_dismiss(struct actor *actor)
{
    struct actor **at = &stage.actors;
    bool is_well = actor->leaves(actor); /* still on stage: it may have to wait for its own end */
    while (*at && *at != actor) at = &(*at)->next;
    if (*at) *at = actor->next;
    return is_well;
}

static struct actor *first_of_rank(enum actor_rank rank)
{
    struct actor *a = stage.actors;
    while (a && a->rank != rank) a = a->next;
    return a;
}

static void burn_keepsakes(void)
{
    while (stage.keepsakes) {
        struct keepsake *k = stage.keepsakes;
        stage.keepsakes = k->next;
        free(k);
    }
}

/* Also run at exit, should cmocka leave in the middle of a test. */
static void stage_empty(void)
{
    stage_clear(NULL);
}

int stage_set(void **state)
{
    static bool is_set;
    (void)state;
    if (is_set) return 0;
    is_set = true;
    signal(SIGPIPE, SIG_IGN);
    atexit(stage_empty);
    return 0;
}

int stage_clear(void **state)
{
    bool is_well = true;
    (void)state;
    for (int rank = 0; rank < RANKS; rank++) {
        struct actor *a;
        while ((a = first_of_rank((enum actor_rank)rank))) is_well = stage_dismiss(a) && is_well;
    }
    burn_keepsakes();
    return is_well ? 0 : -1;
}

void stage_clears(void)
{
    if (stage_clear(NULL) != 0) stage_fails("an act did not end well");
}

/* An actor may dismiss another one while it acts: what is gone is not called. */
static bool is_on_stage(const struct actor *actor, int fd)
{
    for (const struct actor *a = stage.actors; a; a = a->next)
        if (a == actor) return a->fd == fd;
    return false;
}

void stage_turns(int milliseconds)
{
    static struct pollfd polls[ACTORS_MAX];
    static struct actor *who[ACTORS_MAX];
    nfds_t n = 0;
    for (struct actor *a = stage.actors; a && n < ACTORS_MAX; a = a->next) {
        short events = a->wants ? a->wants(a) : POLLIN;
        if (a->fd < 0 || events == 0) continue;
        polls[n] = (struct pollfd){.fd = a->fd, .events = events};
        who[n++] = a;
    }
    if (poll(polls, n, milliseconds) < 0 && errno != EINTR) abort();
    for (nfds_t i = 0; i < n; i++)
        if (polls[i].revents && is_on_stage(who[i], polls[i].fd))
            who[i]->acts(who[i], polls[i].revents);
}

bool stage_waits_for(stage_condition *condition, void *what, double seconds)
{
    double end = stage_now() + seconds;
    while (!condition(what)) {
        double left = end - stage_now();
        if (left <= 0) return false;
        /* Some conditions show no event on a descriptor (/proc, a queue length): look again
         * soon. */
        stage_turns(2);
    }
    return true;
}

bool stage_waits(stage_condition *condition, void *what)
{
    return stage_waits_for(condition, what, stage_deadline());
}
