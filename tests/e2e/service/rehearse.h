/* rehearse: phrases of plays about the rehearsal before a reload. Functions of the program that includes it; the stage owns the texts.
 */
#ifndef TESTS_E2E_SERVICE_REHEARSE_H
#define TESTS_E2E_SERVICE_REHEARSE_H

#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REFUSED "not loaded: rehearsal: "

/* A script that needs no server, with this body of its function; `mg` is there. */
static inline const char *answering(const char *body)
{
    return textf(MG "return function(req) %s return mg.reply.miss() end\n", body);
}

/* One that says which one it is, so that clients see which is in use. */
static inline const char *saying(const char *word, const char *body)
{
    return textf(MG "return function(req) %s return mg.reply.error '%s' end\n", body, word);
}

static inline void client_hears(struct client *c, const char *key, const char *word)
{
    client_asks(c, textf("get %s\r\n", key), textf("SERVER_ERROR %s\r\n", word));
}

/* The line of the log that says so. */
static inline const char *refuses(struct moongate *m, const char *script)
{
    size_t before = moongate_log_count(m, REFUSED);
    moongate_gets_script(m, script);
    moongate_signal(m, SIGHUP);
    return moongate_log_nth_line(m, REFUSED, before + 1);
}

static inline void line_has(const char *line, const char *text)
{
    if (!strstr(line, text)) stage_fails("not %s: %s", text, line);
}

static inline void has_rehearsed(struct moongate *m, const char *text)
{
    moongate_sees_log(m, textf("reload: rehearsal: %s", text));
}

#endif
