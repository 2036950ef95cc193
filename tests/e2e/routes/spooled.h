/* spooled: a server, a spooler and moongate with mg.spool_deletes between them, all but moongate played; for the plays about it.
 *
 * The stage owns what is here. Included by one test program each.
 */
#ifndef TESTS_E2E_ROUTES_SPOOLED_H
#define TESTS_E2E_ROUTES_SPOOLED_H

#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/spooler.h"
#include "lib/stage.h"

#include <string.h>

static struct backend *b;
static struct spooler *spooler;
static struct moongate *m;
static struct client *c;
static const char *server;

#define GATED "spooled deletes wait"

static void prepare(void)
{
    b = backend_listens();
    server = backend_address(b);
    spooler = spooler_listens();
}

/* options: of the pool. */
static void begin(const char *options)
{
    m = moongate_start(textf(MG "local pool = mg.pool { '%s', probe_max = 0.1%s }\n"
                                "return mg.spool_deletes { pool, dir = '%s' }\n",
                             server, options, spooler_dir(spooler)),
                       NULL);
    c = client_connects(m);
}

static void server_goes(void)
{
    backend_stops_listening(b);
    backend_closes(b);
    client_asks_until(c, "touch probe 0\r\n",
                      textf("SERVER_ERROR %s Connection refused\r\n", server));
}

static const char *gated(void)
{
    return textf("SERVER_ERROR %s " GATED "\r\n", server);
}

/* The delete that was said last is on the disk. */
static void is_kept(uint64_t number)
{
    spooler_says(spooler, SPOOL_STATE, 1, server);
    spooler_says(spooler, SPOOL_KEPT, number, NULL);
}

#endif
