/* taper: a `moongate ctl record` that runs beside the test, and what its file says.
 *
 * Belongs to the stage, which ends it. Texts and folders live as long as the test.
 */
#ifndef TESTS_E2E_TOOLS_TAPER_H
#define TESTS_E2E_TOOLS_TAPER_H

#include "client/feed.h"
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/program.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct taper {
    struct program program; /* first: the stage knows it by its actor */
    const char *socket, *file, *err;
};

static inline bool taper_leaves(struct actor *actor)
{
    program_kill((struct program *)(void *)actor);
    return true;
}

/* moongate in front of one memcached, with an admin socket at *path. */
static inline struct moongate *taped_moongate(const char **path)
{
    struct memcached *mc = memcached_start(NULL);
    *path = desk_path("admin.sock");
    return moongate_start(script_of_one(memcached_address(mc), ""), "--admin",
                          textf("unix:%s", *path), NULL);
}

/* A key that begins so and is recorded whatever share of the keys a busy machine lets workers record: its hash (client/feed.h) is one of
 * the lowest. Another one each time. */
static inline const char *taped_key(const char *prefix)
{
    static unsigned tried;
    char key[64];
    size_t begin = strlen(prefix);
    memcpy(key, prefix, begin);
    for (;;) {
        size_t len = begin;
        for (unsigned n = ++tried; n; n /= 26) key[len++] = (char)('a' + n % 26);
        if (feed_hash((uint8_t *)key, len) <= 65536) return textf("%.*s", (int)len, key);
    }
}

/* What a file has in it, as a text. */
static inline const char *file_text(const char *path)
{
    char *text = stage_memory(1 << 20);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, (1 << 20) - 1);
    if (fd >= 0) close(fd);
    return n < 0 ? "" : text;
}

/* Starts to record into `file`, with these words behind it, and waits until the service says that this very process does. m: whose log tells. */
static inline struct taper *tapes(struct moongate *m, const char *socket, const char *file,
                                  const char *const options[])
{
    struct taper *t = stage_memory(sizeof *t);
    const char *argv[24] = {getenv("MOONGATE"), "ctl", "-s", socket, "record", file};
    size_t n = 6;
    for (size_t i = 0; options && options[i]; i++) argv[n++] = options[i];
    t->socket = socket;
    t->file = file;
    t->err = textf("%s/err", program_folder());
    int err = open(t->err, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    t->program.actor.rank = RANK_CLIENT;
    t->program.actor.leaves = taper_leaves;
    program_start(&t->program, argv, -1, err);
    close(err);
    stage_enter(&t->program.actor);
    moongate_sees_log(m, textf(" by uid %d pid %d", (int)getuid(), (int)t->program.pid));
    return t;
}

/* The worker records: requests of c, of a key that begins so, come to be counted. They are gats, which requests_of leaves out. */
static inline void taper_records(struct client *c, const char *prefix)
{
    const char *key = taped_key(prefix);
    unsigned long before = stat_number(c, "proxy", "recorded_requests");
    double deadline = stage_now() + stage_deadline();
    while (stat_number(c, "proxy", "recorded_requests") == before) {
        if (stage_now() > deadline) stage_fails("nothing is recorded");
        client_asks(c, textf("gat 0 %s\r\n", key), "END\r\n");
    }
}

/* Waits for its end; returns what it has said on its standard error. */
static inline const char *taper_ends(struct taper *t, int code)
{
    bool is_gone = program_waits(&t->program);
    const char *err = file_text(t->err);
    if (!is_gone || !WIFEXITED(t->program.status) || WEXITSTATUS(t->program.status) != code)
        stage_fails("ctl record: %s, not %d: %s", program_end(&t->program), code, err);
    return err;
}

static inline const char *taper_is_interrupted(struct taper *t)
{
    kill(t->program.pid, SIGINT);
    return taper_ends(t, 0);
}

/* A file that is of at least so many bytes. */
struct grown {
    const char *path;
    off_t size;
};

static inline bool has_grown(void *what)
{
    const struct grown *g = what;
    struct stat about;
    return stat(g->path, &about) == 0 && about.st_size >= g->size;
}

static inline off_t size_of_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? about.st_size : -1;
}

/* The requests of a file, as `moongate recording --json` prints them, but for those of taper_records. */
static inline const char *requests_of(const char *file, int code)
{
    struct run run = moongate_runs("recording", "--json", file, NULL);
    exits(run, code);
    char *all = textf("%s", run.out), *end = all;
    for (const char *line = run.out, *next; *line; line = next) {
        next = next_line(line);
        if (strcmp(json_member(line, "command"), "gat") == 0) continue;
        memcpy(end, line, (size_t)(next - line));
        end += next - line;
    }
    *end = '\0';
    return all;
}

/* The nth line, from 0 on. */
static inline const char *line_at(const char *text, size_t n)
{
    while (n-- > 0) text = next_line(text);
    return text;
}

#endif
