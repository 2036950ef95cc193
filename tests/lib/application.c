#include "lib/application.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/asked.h"
#include "lib/memcached.h"
#include "lib/overtls.h"
#include "lib/peer.h"
#include "lib/scene.h"
#include "lib/secure.h"
#include "lib/value.h"

enum { ASKED_MAX = 64, UNSENT_AT_MOST = 1024 * 1024 };

struct application {
    struct peer peer; /* first */
    struct moongate *m;
    const char *prefix;
    struct asked asked[ASKED_MAX]; /* a ring: first, n */
    unsigned first, n, depth;
    unsigned seed, number;
    double since;               /* when the first one became the first */
    double slowest, pace, next; /* the last two: see application_paces */
    short (*peer_wants)(struct actor *actor);
    bool rests, may_be_refused, may_be_closed;
    struct tally tally;
};

static struct application *application_of(struct actor *actor)
{
    return (struct application *)(void *)actor;
}

/* --- asking --------------------------------------------------------------------------------- */

static void ask(struct application *a, enum kind kind)
{
    static struct octets out;
    struct asked q = {.kind = kind, .n = 1, .opaque = random_next(&a->seed)};
    if (q.kind == KIND_MANY || q.kind == KIND_GAT) q.n = 2 + random_below(&a->seed, ASKED_MANY - 1);
    if (q.kind == KIND_MARK) q.n = 0;
    for (unsigned i = 0; i < q.n; i++) q.keys[i] = random_below(&a->seed, ASKED_KEYS);
    octets_take(&out, octets_n(&out));
    asked_write(&q, a->prefix, &a->number, &a->seed, &out);
    a->tally.requests++;
    if (q.kind != KIND_QUIET_SET) {
        if (a->n == 0) a->since = stage_now();
        a->asked[(a->first + a->n++) % ASKED_MAX] = q;
    }
    peer_queues(&a->peer, octets_at(&out), octets_n(&out));
}

static void asks_on(struct application *a)
{
    if (a->pace > 0 && stage_now() < a->next) return;
    a->next = stage_now() + a->pace;
    while (!a->rests && a->n < a->depth && octets_n(&a->peer.out) < UNSENT_AT_MOST) {
        enum kind kind = asked_any_kind(&a->seed);
        ask(a, kind);
        /* What comes next shows that there is no answer. */
        if (kind == KIND_META_QUIET) ask(a, KIND_MARK);
    }
}

/* --- answers -------------------------------------------------------------------------------- */

static void check_value(const struct application *a, const char *key, const char *at, size_t n)
{
    if (!value_is_of(key, at, n))
        stage_fails("%s: a wrong value for %s: %s", a->peer.name, key, octets_escape(at, n));
}

enum step { STEP_AGAIN, STEP_ON, STEP_DONE };

static void is_wrong(const struct application *a, const struct asked *q, const char *line)
{
    static const char *const names[KIND_COUNT] = {
#define X(name, sends, gets) sends ": " gets,
        ASKED_KINDS(X)
#undef X
    };
    stage_fails("%s: to a %s, the answer is %s", a->peer.name, names[q->kind],
                octets_escape(line, strlen(line)));
}

/* The value of n bytes behind a line, checked and taken together with it. */
static enum step take_value(struct application *a, const char *key, size_t line, size_t n)
{
    const char *at = octets_at(&a->peer.in);
    if (octets_n(&a->peer.in) < line + n + 2) return STEP_AGAIN;
    check_value(a, key, at + line, n);
    if (memcmp(at + line + n, "\r\n", 2) != 0) stage_fails("%s: no line end", a->peer.name);
    octets_take(&a->peer.in, line + n + 2);
    a->tally.hits++;
    return STEP_ON;
}

static enum step take_get_line(struct application *a, struct asked *q, const char *line, size_t len)
{
    char key[ASKED_KEY_ROOM], right[ASKED_KEY_ROOM + 16];
    size_t n = 0;
    for (; q->seen < q->n; q->seen++, a->tally.misses++) {
        asked_write_key(a->prefix, q->keys[q->seen], key);
        int head = snprintf(right, sizeof right, "VALUE %s 7 ", key);
        if (strncmp(line, right, (size_t)head) != 0) continue;
        char *behind;
        n = strtoul(line + head, &behind, 10);
        if (q->kind == KIND_GETS) strtoull(behind, &behind, 10);
        if (strcmp(behind, "\r\n") != 0) is_wrong(a, q, line);
        enum step step = take_value(a, key, len, n);
        if (step == STEP_ON) q->seen++;
        return step;
    }
    if (strcmp(line, "END\r\n") != 0) is_wrong(a, q, line);
    octets_take(&a->peer.in, len);
    return STEP_DONE;
}

static enum step take_meta_line(struct application *a, struct asked *q, const char *line,
                                size_t len)
{
    char key[ASKED_KEY_ROOM], right[ASKED_KEY_ROOM + 64];
    unsigned n = 0;
    asked_write_key(a->prefix, q->keys[0], key);
    if (q->kind == KIND_META_QUIET && strcmp(line, "MN\r\n") == 0) {
        a->tally.misses++;
        return STEP_DONE; /* the line is for the request behind it */
    }
    snprintf(right, sizeof right, "EN k%s O%u\r\n", key, q->opaque);
    if (q->kind == KIND_META_GET && strcmp(line, right) == 0) {
        a->tally.misses++;
        octets_take(&a->peer.in, len);
        return STEP_DONE;
    }
    if (sscanf(line, "VA %u ", &n) != 1) is_wrong(a, q, line);
    snprintf(right, sizeof right, "VA %u k%s O%u\r\n", n, key, q->opaque);
    if (strcmp(line, right) != 0) is_wrong(a, q, line);
    return take_value(a, key, len, n) == STEP_ON ? STEP_DONE : STEP_AGAIN;
}

static bool is_line(const char *line, const char *start, const char *end)
{
    size_t n = strlen(start);
    return strncmp(line, start, n) == 0 && strcmp(line + n, end) == 0;
}

static enum step take_plain_line(struct application *a, const struct asked *q, const char *line,
                                 size_t len)
{
    static const char *const allowed[KIND_COUNT][2] = {
        [KIND_SET] = {"STORED\r\n"},
        [KIND_ADD] = {"STORED\r\n", "NOT_STORED\r\n"},
        [KIND_DELETE] = {"DELETED\r\n", "NOT_FOUND\r\n"},
        [KIND_TOUCH] = {"TOUCHED\r\n", "NOT_FOUND\r\n"},
        [KIND_META_SET] = {"HD"},
        [KIND_META_DELETE] = {"HD", "NF"},
        [KIND_MARK] = {"MN\r\n"},
    };
    bool is_meta = q->kind == KIND_META_SET || q->kind == KIND_META_DELETE;
    const char *refused = NULL;
    char opaque[32] = "";
    if (is_meta) snprintf(opaque, sizeof opaque, " O%u\r\n", q->opaque);
    bool fits = false;
    for (int i = 0; i < 2 && allowed[q->kind][i]; i++)
        fits = fits || is_line(line, allowed[q->kind][i], opaque);
    if (a->may_be_refused && q->kind == KIND_SET) refused = "NOT_STORED\r\n";
    if (a->may_be_refused && q->kind == KIND_META_SET) refused = "NS";
    if (!fits && !(refused && is_line(line, refused, opaque))) is_wrong(a, q, line);
    a->tally.stored += fits && (q->kind == KIND_SET || q->kind == KIND_META_SET);
    octets_take(&a->peer.in, len);
    return STEP_DONE;
}

static enum step take_line(struct application *a, struct asked *q, const char *line, size_t len)
{
    /* A server that ended connections after an mn is taken for one that knows neither meta commands nor gat. */
    bool may_lack =
        q->kind == KIND_GAT || (q->kind >= KIND_META_GET && q->kind <= KIND_META_DELETE);
    bool is_unknown = a->may_be_refused && may_lack && strcmp(line, "ERROR\r\n") == 0;
    if (is_unknown || (strncmp(line, "SERVER_ERROR ", 13) == 0 && q->kind != KIND_MARK)) {
        a->tally.errors++;
        octets_take(&a->peer.in, len);
        return STEP_DONE;
    }
    switch (q->kind) {
    case KIND_GET:
    case KIND_MANY:
    case KIND_GETS:
    case KIND_GAT: return take_get_line(a, q, line, len);
    case KIND_META_GET:
    case KIND_META_QUIET: return take_meta_line(a, q, line, len);
    default: return take_plain_line(a, q, line, len);
    }
}

static enum step take_next(struct application *a)
{
    char line[512];
    const char *at = octets_at(&a->peer.in), *end = memchr(at, '\n', octets_n(&a->peer.in));
    if (!end) return STEP_AGAIN;
    size_t len = (size_t)(end - at) + 1;
    if (len >= sizeof line) stage_fails("%s: a line of %zu bytes", a->peer.name, len);
    memcpy(line, at, len);
    line[len] = '\0';
    if (a->n == 0) stage_fails("%s: a reply too many: %s", a->peer.name, octets_escape(at, len));
    enum step step = take_line(a, &a->asked[a->first], line, len);
    if (step != STEP_DONE) return step;
    a->tally.replies++;
    if (stage_now() - a->since > a->slowest) a->slowest = stage_now() - a->since;
    a->first = (a->first + 1) % ASKED_MAX;
    a->n--;
    a->since = stage_now();
    return STEP_DONE;
}

/* --- on stage ------------------------------------------------------------------------------- */

static void application_acts(struct actor *actor, short revents);

/* Each turn of the stage asks, so a pause ends here. */
static short application_wants(struct actor *actor)
{
    struct application *a = application_of(actor);
    asks_on(a);
    return a->peer_wants(actor);
}

static int connection_to(const struct moongate *m)
{
    struct address to = address_read(moongate_address(m));
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &to.as.any, to.n) < 0) stage_fails("an application cannot connect");
    return fd;
}

static void enter_connection(struct application *a, const char *name)
{
    peer_init(&a->peer, connection_to(a->m), name);
    if (is_over_tls_at(moongate_address(a->m))) peer_secures(&a->peer, &(struct secure_wanted){0});
    a->peer_wants = a->peer.actor.wants;
    a->peer.actor.wants = application_wants;
    a->peer.actor.acts = application_acts;
}

/* What was not answered never will be. */
static void connects_again(struct application *a)
{
    if (!a->may_be_closed) stage_fails("%s: closed by moongate", a->peer.name);
    a->tally.closed++;
    a->tally.lost += a->n;
    peer_release(&a->peer);
    a->first = a->n = 0;
    a->peer.is_closed = false;
    enter_connection(a, a->peer.name);
}

static void application_acts(struct actor *actor, short revents)
{
    struct application *a = application_of(actor);
    peer_acts(actor, revents);
    while (take_next(a) != STEP_AGAIN) {
    }
    if (a->peer.is_closed) connects_again(a);
    asks_on(a);
}

static bool actor_leaves(struct actor *actor)
{
    peer_release(&application_of(actor)->peer);
    return true;
}

struct application *application_connects(struct moongate *m, const char *prefix, unsigned depth,
                                         unsigned seed)
{
    static unsigned number;
    struct application *a = stage_memory(sizeof *a);
    memcached_at_hand_has_meta(); /* the first time the stage turns: not within a turn */
    a->m = m;
    a->prefix = prefix;
    a->depth = depth < ASKED_MAX ? depth : ASKED_MAX - 1; /* a quiet one brings another */
    a->seed = seed;
    enter_connection(a, textf("application %u (seed %u)", ++number, seed));
    a->peer.actor.rank = RANK_CLIENT;
    a->peer.actor.leaves = actor_leaves;
    stage_enter(&a->peer.actor);
    asks_on(a);
    return a;
}

static bool has_all(void *what)
{
    return ((struct application *)what)->n == 0;
}

void application_rests(struct application *a)
{
    a->rests = true;
    if (!stage_waits(has_all, a))
        stage_fails("%s: %u replies are owed, the first one for %.1f s; there is %s", a->peer.name,
                    a->n, stage_now() - a->since,
                    octets_escape(octets_at(&a->peer.in), octets_n(&a->peer.in)));
    /* One more answer shows that nothing else was under way before it. */
    a->asked[a->first] = (struct asked){.kind = KIND_MARK};
    a->n = 1;
    a->tally.requests++;
    peer_queues(&a->peer, "mn\r\n", 4);
    if (!stage_waits(has_all, a)) stage_fails("%s: is not answered at the end", a->peer.name);
}

void application_may_be_refused(struct application *a)
{
    a->may_be_refused = true;
}

void application_may_be_closed(struct application *a)
{
    a->may_be_closed = true;
}

void application_paces(struct application *a, double seconds)
{
    a->pace = seconds;
}

int application_descriptor(const struct application *a)
{
    return a->peer.actor.fd;
}

double application_slowest(struct application *a)
{
    double slowest = a->slowest;
    a->slowest = 0;
    return slowest;
}

double application_waits(const struct application *a)
{
    return a->n ? stage_now() - a->since : 0;
}

struct tally application_tally(const struct application *a)
{
    return a->tally;
}

void application_leaves(struct application *a)
{
    stage_dismiss(&a->peer.actor);
}

void tally_add(struct tally *sum, const struct application *a)
{
    struct tally one = application_tally(a);
#define X(name, meaning) sum->name += one.name;
    TALLIES(X)
#undef X
}

void tally_print(const struct tally *sum)
{
#define X(name, meaning) printf("%lu " #name ", ", sum->name);
    TALLIES(X)
#undef X
    printf("0 wrong\n");
}
