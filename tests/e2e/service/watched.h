/* watched: a moongate with --watch over a script in a folder of its own, and a client that hears which script routes.
 *
 * A plain value; all that it makes belongs to the stage.
 */
#ifndef TESTS_E2E_SERVICE_WATCHED_H
#define TESTS_E2E_SERVICE_WATCHED_H

#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

/* A moongate over FOLDER/PATH, and a client. */
struct watched {
    const char *folder;
    struct moongate *m;
    struct client *c;
    unsigned generation;
};

/* Runs a shell command in the folder. */
static inline void does(const struct watched *w, const char *command)
{
    const char *argv[] = {"sh", "-c", textf("set -e; cd %s; %s", w->folder, command), NULL};
    struct run run = program_run(argv);
    if (run.code != 0) stage_fails("%s: exit %d: %s", command, run.code, run.err);
}

/* A command that writes a script which answers everything with that word to standard output. */
static inline const char *saying(const char *word)
{
    return textf("printf '%%s\\n' \"local mg = require 'moongate'\" "
                 "\"return function() return mg.reply.error '%s' end\"",
                 word);
}

static inline void client_hears(struct client *c, const char *word)
{
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", word));
}

/* made: the command that makes the files, before moongate starts. */
static inline struct watched watched_begins(const char *made, const char *path)
{
    struct watched w = {.folder = program_folder(), .generation = 1};
    does(&w, made);
    w.m = moongate_start(NULL, "--watch", "-v", textf("%s/%s", w.folder, path), NULL);
    w.c = client_connects(w.m);
    client_hears(w.c, "one");
    return w;
}

static inline struct watched script_says_one(void)
{
    return watched_begins(textf("%s >script.lua", saying("one")), "script.lua");
}

static inline void is_reloaded(struct watched *w, const char *word)
{
    moongate_sees_log(w->m, textf("reloaded: generation %u", ++w->generation));
    client_hears(w->c, word);
}

static inline size_t reloads_begun(const struct watched *w)
{
    return moongate_log_count(w->m, "checking script");
}

/* The command puts a script into place that says the next word. Returns that word. */
static inline const char *changes(struct watched *w, const char *command)
{
    const char *word = textf("word%u", w->generation + 1);
    does(w, textf("%s >new; %s", saying(word), command));
    is_reloaded(w, word);
    return word;
}

#endif
