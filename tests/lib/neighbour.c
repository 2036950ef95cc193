#include "lib/neighbour.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/client.h"
#include "lib/octets.h"
#include "lib/rogue.h"
#include "lib/scene.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum {
    KEYS = ROGUE_OTHERS_KEYS,
    OWN = 4,
    QUESTIONS = 40,
    VALUE_ROOM = 3000,
    LINE_ROOM = VALUE_ROOM + 400
};

/* An item that only this client changes: its value is its version. */
struct own {
    bool is_there;
    unsigned version;
};

struct neighbour {
    struct actor actor; /* first: the stage knows it by that */
    struct client *client;
    struct neighbour_server server;
    struct own own[OWN];
    unsigned long count;
    unsigned opaque;
    char value[KEYS][VALUE_ROOM + 1];
    size_t size[KEYS];
    char cas[KEYS][24];
    char version[80]; /* the answer to `version` */
    struct octets asked, known;
    size_t ends[QUESTIONS]; /* in known: where the answer to each question ends */
    size_t questions;
};

static void add(struct octets *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct octets *to, const char *format, ...)
{
    char text[LINE_ROOM];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n >= LINE_ROOM) stage_fails("a line has no room");
    octets_add(to, text, (size_t)n);
}

static unsigned flags_of(unsigned key)
{
    return key * 1000;
}

/* --- what nobody changes ---------------------------------------------------------------------- */

static void add_item(struct neighbour *n, unsigned key, bool with_cas)
{
    add(&n->known, "VALUE " ROGUE_OTHERS "%u %u %zu%s%s\r\n%s\r\n", key, flags_of(key),
        n->size[key], with_cas ? " " : "", with_cas ? n->cas[key] : "", n->value[key]);
}

static void ask_get(struct neighbour *n, unsigned *seed)
{
    bool with_cas = random_below(seed, 2),
         with_time = n->server.has_gat && random_below(seed, 5) == 0;
    unsigned keys = random_below(seed, 3) ? 1 : 1 + random_below(seed, 7);
    add(&n->asked, with_time ? "gat%s 0" : "get%s", with_cas ? "s" : "");
    while (keys-- > 0) {
        unsigned key = random_below(seed, KEYS + 2);
        add(&n->asked, key < KEYS ? " " ROGUE_OTHERS "%u" : " nobody:%u", key);
        if (key < KEYS) add_item(n, key, with_cas);
    }
    add(&n->asked, "\r\n");
    add(&n->known, "END\r\n");
}

static void ask_mg(struct neighbour *n, unsigned *seed)
{
    unsigned key = random_below(seed, KEYS + 1), opaque = n->opaque++;
    if (!n->server.has_meta) return;
    if (key == KEYS) {
        add(&n->asked, "mg nobody v\r\nmg nobody v q\r\nmn\r\n");
        add(&n->known, "EN\r\nMN\r\n");
        return;
    }
    add(&n->asked, "mg " ROGUE_OTHERS "%u k O%u v f s c\r\n", key, opaque);
    add(&n->known, "VA %zu k" ROGUE_OTHERS "%u O%u f%u s%zu c%s\r\n%s\r\n", n->size[key], key,
        opaque, flags_of(key), n->size[key], n->cas[key], n->value[key]);
}

/* Refused for what is there. */
static void ask_refused(struct neighbour *n, unsigned *seed)
{
    static const char *const asked[][2] = {
        {"add " ROGUE_OTHERS "%u 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
        {"cas " ROGUE_OTHERS "%u 0 0 1 999999999999\r\nx\r\n", "EXISTS\r\n"},
        {"touch " ROGUE_OTHERS "%u 0\r\n", "TOUCHED\r\n"},
        {"incr " ROGUE_OTHERS "%u 1\r\n",
         "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
        {"delete nobody:%u\r\n", "NOT_FOUND\r\n"},
        {"replace nobody:%u 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
        {"append nobody:%u 0 0 1 noreply\r\nx\r\nincr nobody:1 1\r\n", "NOT_FOUND\r\n"},
    };
    unsigned which = random_below(seed, COUNT(asked)), key = random_below(seed, KEYS);
    char text[200];
    const char *form = asked[which][0], *at = strchr(form, '%');
    snprintf(text, sizeof text, "%.*s%u%s", (int)(at - form), form, key, at + 2);
    add(&n->asked, "%s", text);
    add(&n->known, "%s", asked[which][1]);
}

/* --- what is its own -------------------------------------------------------------------------- */

static void ask_own(struct neighbour *n, unsigned *seed)
{
    unsigned at = random_below(seed, OWN);
    struct own *own = &n->own[at];
    switch (random_below(seed, 5)) {
    case 0:
        add(&n->asked, "delete own:%u\r\n", at);
        add(&n->known, "%s\r\n", own->is_there ? "DELETED" : "NOT_FOUND");
        own->is_there = false;
        break;
    case 1:
        add(&n->asked, "set own:%u 0 0 10 noreply\r\n%010u\r\n", at, ++own->version);
        own->is_there = true;
        break;
    case 2:
        add(&n->asked, "set own:%u 0 0 10\r\n%010u\r\n", at, ++own->version);
        add(&n->known, "STORED\r\n");
        own->is_there = true;
        break;
    default: break;
    }
    add(&n->asked, "get own:%u\r\n", at);
    if (own->is_there) add(&n->known, "VALUE own:%u 0 10\r\n%010u\r\n", at, own->version);
    add(&n->known, "END\r\n");
}

static void ask_own_meta(struct neighbour *n, unsigned *seed)
{
    unsigned at = random_below(seed, OWN), opaque = n->opaque++;
    struct own *own = &n->own[at];
    if (!n->server.has_meta) return;
    if (random_below(seed, 3) == 0) {
        add(&n->asked, "md own:%u O%u k\r\n", at, opaque);
        add(&n->known, "%s O%u kown:%u\r\n", own->is_there ? "HD" : "NF", opaque, at);
        own->is_there = false;
        return;
    }
    bool odd = n->server.odd_flag && random_below(seed, 4) == 0;
    add(&n->asked, "ms own:%u 10 k O%u %s\r\n%010u\r\nmg own:%u v\r\n", at, opaque,
        odd ? n->server.odd_flag : "", ++own->version, at);
    add(&n->known, "HD kown:%u O%u\r\nVA 10\r\n%010u\r\n", at, opaque, own->version);
    own->is_there = true;
}

static void ask_count(struct neighbour *n, unsigned *seed)
{
    unsigned more = random_below(seed, 100);
    add(&n->asked, "incr own:count %u\r\n", more);
    add(&n->known, "%lu\r\n", n->count += more);
}

static void ask_version(struct neighbour *n)
{
    add(&n->asked, "version\r\n");
    add(&n->known, "%s\r\n", n->version);
}

/* --- in all ----------------------------------------------------------------------------------- */

static void ends_question(struct neighbour *n)
{
    if (n->questions == QUESTIONS) stage_fails("the neighbour asks too much");
    n->ends[n->questions++] = octets_n(&n->known);
}

bool neighbour_has_room(const struct neighbour *n)
{
    return n->questions < QUESTIONS / 2;
}

void neighbour_thinks(struct neighbour *n, unsigned *seed)
{
    switch (random_below(seed, 12)) {
    case 0: ask_refused(n, seed); break;
    case 1:
    case 2: ask_own(n, seed); break;
    case 3: ask_own_meta(n, seed); break;
    case 4: ask_count(n, seed); break;
    case 5: ask_version(n); break;
    case 6:
    case 7: ask_mg(n, seed); break;
    default: ask_get(n, seed); break;
    }
    ends_question(n);
}

void neighbour_asks(struct neighbour *n)
{
    client_sends_bytes(n->client, octets_at(&n->asked), octets_n(&n->asked));
    octets_take(&n->asked, octets_n(&n->asked));
}

/* Answer by answer, so that the first one that is wrong is shown. */
void neighbour_hears(struct neighbour *n)
{
    size_t done = 0;
    for (size_t i = 0; i < n->questions; done = n->ends[i++])
        client_sees_bytes(n->client, octets_at(&n->known) + done, n->ends[i] - done);
    octets_take(&n->known, octets_n(&n->known));
    n->questions = 0;
    client_has_nothing_yet(n->client);
}

void neighbour_looks_around(struct neighbour *n)
{
    add(&n->asked, "gets");
    for (unsigned key = 0; key < KEYS; key++) {
        add(&n->asked, " " ROGUE_OTHERS "%u", key);
        add_item(n, key, true);
    }
    add(&n->asked, " " ROGUE_EVIL "\r\n");
    add(&n->known, "END\r\n");
    ends_question(n);
}

/* --- moving in -------------------------------------------------------------------------------- */

static void make_value(struct neighbour *n, unsigned key)
{
    static const size_t sizes[] = {0, 1, 2, 10, 100, 500, 1500, VALUE_ROOM};
    size_t size = n->size[key] = sizes[key % COUNT(sizes)];
    char part[64];
    size_t len = (size_t)snprintf(part, sizeof part,
                                  key % 3 ? "key %u is well. " : "key %u\r\nEND\r\n", key);
    for (size_t i = 0; i < size; i++) n->value[key][i] = part[i % len];
}

static void store(struct neighbour *n, unsigned key)
{
    char *line;
    make_value(n, key);
    add(&n->asked, "set " ROGUE_OTHERS "%u %u 0 %zu\r\n%s\r\ngets " ROGUE_OTHERS "%u\r\n", key,
        flags_of(key), n->size[key], n->value[key], key);
    neighbour_asks(n);
    client_sees(n->client, "STORED\r\n");
    line = client_sees_line(n->client);
    snprintf(n->cas[key], sizeof n->cas[key], "%s", strrchr(line, ' ') + 1);
    client_sees_bytes(n->client, n->value[key], n->size[key]);
    client_sees(n->client, "\r\nEND\r\n");
}

static bool neighbour_leaves(struct actor *actor)
{
    struct neighbour *n = (struct neighbour *)(void *)actor;
    octets_release(&n->asked);
    octets_release(&n->known);
    return true;
}

struct neighbour *neighbour_moves_in(const char *address, struct neighbour_server server)
{
    struct neighbour *n = stage_memory(sizeof *n);
    n->actor.fd = -1;
    n->actor.leaves = neighbour_leaves;
    stage_enter(&n->actor);
    n->client = client_connects_to(address);
    n->server = server;
    for (unsigned key = 0; key < KEYS; key++) store(n, key);
    client_sends(n->client, "set own:count 0 0 1\r\n0\r\nversion\r\n");
    client_sees(n->client, "STORED\r\n");
    snprintf(n->version, sizeof n->version, "%s", client_sees_line(n->client));
    return n;
}
