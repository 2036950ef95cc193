/* tape: recordings that a test makes by hand, and what `moongate replay --json` says of them.
 *
 * The stage owns the files and texts.
 */
#ifndef TESTS_UNIT_REPLAY_TAPE_H
#define TESTS_UNIT_REPLAY_TAPE_H

#include "base/live.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "protocol/command.h"
#include "record/recorder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAPE_BEGAN = 1795933723 }; /* seconds since 1970 */

struct tape {
    const char *path;
    int fd;
    struct recorder *recorder;
    double at; /* seconds since it began, of the next take */
    uint32_t client;
};

static inline struct tape tape_of(const struct recording_about *how)
{
    struct recording_about about = *how;
    struct tape t = {.path = textf("%s/tape", program_folder()), .client = 1};
    strcpy(about.version, "0.1.0");
    about.begun_us = TAPE_BEGAN * 1000000ull;
    about.number = 1;
    about.sample = 1;
    t.fd = open(t.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(t.fd >= 0);
    t.recorder = recorder_create(t.fd, &about);
    return t;
}

static inline struct tape tape_begins(enum recording_mode mode)
{
    return tape_of(&(struct recording_about){.mode = mode});
}

static inline void tape_ends(struct tape *t)
{
    assert_true(recorder_finish(t->recorder));
    recorder_destroy(t->recorder);
    close(t->fd);
}

static inline void tape_takes(struct tape *t, struct take take)
{
    take.at_us = TAPE_BEGAN * 1000000ull + (uint64_t)(t->at * 1e6);
    take.client = t->client;
    if (take.parts == 0) take.parts = 1;
    if (take.us == 0) take.us = 100;
    assert_true(recorder_take(t->recorder, &take));
}

/* A request of one key. */
static inline struct take take_of(enum command command, const char *key, enum live_result result)
{
    return (struct take){.command = (uint8_t)command,
                         .result = (uint8_t)result,
                         .key = (const uint8_t *)key,
                         .key_len = (uint16_t)strlen(key)};
}

/* A get, whose answer had a value of so many bytes. */
static inline void tape_gets(struct tape *t, const char *key, size_t bytes)
{
    struct take take = take_of(COMMAND_GET, key, bytes ? LIVE_HIT : LIVE_MISS);
    take.bytes = bytes ? strlen(textf("VALUE %s 0 %zu\r\n\r\n", key, bytes)) + bytes : 5;
    tape_takes(t, take);
}

static inline void tape_sets(struct tape *t, const char *key, size_t bytes, int64_t exptime)
{
    struct take take = take_of(COMMAND_SET, key, LIVE_STORED);
    take.value_len = (uint32_t)bytes;
    take.exptime = exptime;
    take.bytes = 8;
    tape_takes(t, take);
}

static inline void tape_deletes(struct tape *t, const char *key, bool was_there)
{
    tape_takes(t, take_of(COMMAND_DELETE, key, was_there ? LIVE_DELETED : LIVE_MISS));
}

/* One key a second, each of which is found; in blocks of ten. */
static inline struct tape usual_tape(int requests)
{
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < requests; i++) {
        t.at = i;
        tape_gets(&t, textf("k%d", i), 10);
        if (i % 10 == 9) assert_true(recorder_flush(t.recorder));
    }
    tape_ends(&t);
    return t;
}

static inline const char *file_of(const char *name, const char *text)
{
    const char *path = textf("%s/%s.lua", program_folder(), name);
    file_becomes(path, text);
    return path;
}

static inline bool replay_leaves(struct actor *actor)
{
    program_kill((struct program *)actor);
    return true;
}

/* `moongate replay` that runs beside the test. */
static inline struct program *replay_begins(const char *const argv[], int out, int err)
{
    struct program *p = stage_memory(sizeof *p);
    p->actor.rank = RANK_MOONGATE;
    p->actor.leaves = replay_leaves;
    program_start(p, argv, out, err);
    stage_enter(&p->actor);
    return p;
}

/* What stands behind `"name":` in the object `"of":` ("": the outermost one). */
static inline double number_of(const char *json, const char *of, const char *name)
{
    const char *at = json;
    if (*of) at = strstr(json, textf("\"%s\":{", of));
    if (*of && !at) stage_fails("something is missing in %s", json);
    return json_member_number(at, name);
}

static inline void number_is(const char *json, const char *of, const char *name, double expected)
{
    double seen = number_of(json, of, name);
    if (seen - expected > 1e-6 || expected - seen > 1e-6)
        stage_fails("%s: expected %g, not %g, in %s", name, expected, seen, json);
}

#endif
