/* dumps: what plays about dumps of keys share: servers that are asked on connections of their own, and lines that they send.
 *
 * Each program has its own copy; the stage frees what it makes.
 */
#ifndef TESTS_E2E_PROTOCOL_DUMPS_H
#define TESTS_E2E_PROTOCOL_DUMPS_H

#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

enum { SERVERS = 3 };

#define METADUMP "lru_crawler metadump all\r\n"
#define MGDUMP   "lru_crawler mgdump all\r\n"
#define KEY_A    "key=a exp=-1 la=1 cas=1 fetch=no cls=1 size=65\n"
#define KEY_B    "key=b%20b exp=5 la=1 cas=2 fetch=yes cls=1 size=65 flags=0 \n"
#define ITEM_A   "ITEM a [1 b; 0 s]\r\n"
#define ITEM_B   "ITEM b [12 b; 1795883254 s]\r\n"
#define BUSY     "BUSY currently processing crawler request\r\n"

struct scene {
    struct backend *servers[SERVERS];
    struct moongate *m;
    struct client *c;
};

/* Its servers say that they have that version. */
static inline struct scene scene_of(int n, const char *version, const char *option,
                                    const char *value)
{
    struct scene s;
    const char *list = "";
    for (int i = 0; i < n; i++) {
        s.servers[i] = backend_listens();
        backend_is(s.servers[i], 2, textf("VERSION %s\r\n", version), "MN\r\n");
        list = textf("%s'%s', ", list, backend_address(s.servers[i]));
    }
    s.m = moongate_start(textf(MG "return mg.pool { name = 'all', ask = 'get', %s}\n", list),
                         option, value, NULL);
    s.c = client_connects(s.m);
    return s;
}

static inline struct scene scene_of_one(void)
{
    return scene_of(1, "1.6.18", NULL, NULL);
}

/* The server is asked, on a connection of its own. */
static inline void is_asked(struct backend *b, const char *question)
{
    backend_turns_to_input(b);
    backend_sees(b, question);
}

/* It answers all, and that connection is closed. */
static inline void tells_all(struct backend *b, const char *answer)
{
    backend_answers(b, answer);
    backend_sees_closed(b);
}

static inline const char *error_of(const struct backend *b, const char *reason)
{
    return textf("ERROR %s %s\r\n", backend_address(b), reason);
}

/* Nothing is left of a dump: the next one is answered. */
static inline void the_next_one_works(struct scene *s)
{
    struct client *next = client_connects(s->m);
    client_sends(next, METADUMP);
    is_asked(s->servers[0], METADUMP);
    tells_all(s->servers[0], KEY_A "END\r\n");
    client_sees(next, KEY_A "END\r\n");
    client_sees_nothing_more(next);
}

#endif
