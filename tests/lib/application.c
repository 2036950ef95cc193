#include "lib/application.h"

#include "lib/memcached.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/peer.h"
#include "lib/scene.h"

enum { KEYS = 200, ASKED_MAX = 64, MANY = 12, KEY_ROOM = 64, UNSENT_AT_MOST = 1024 * 1024 };

/* name, what it sends, what it may get besides SERVER_ERROR */
#define KINDS(X)                                                                                   \
    X(GET, "get of one key", "its value, END")                                                     \
    X(MANY, "get of some keys", "values of them in their order, END")                              \
    X(SET, "set", "STORED")                                                                        \
    X(QUIET_SET, "set with noreply", "nothing")                                                    \
    X(ADD, "add", "STORED, NOT_STORED")                                                            \
    X(DELETE, "delete", "DELETED, NOT_FOUND")                                                      \
    X(GETS, "gets of one key", "its value with a cas id, END")                                     \
    X(GAT, "gat of some keys", "values of them in their order, END")                               \
    X(TOUCH, "touch", "TOUCHED, NOT_FOUND")                                                        \
    X(META_GET, "mg with key and opaque", "its value or EN with both")                             \
    X(META_QUIET, "mg with q", "its value, or nothing")                                            \
    X(META_SET, "ms with opaque", "HD with it")                                                    \
    X(META_DELETE, "md with opaque", "HD or NF with it")                                           \
    X(MARK, "mn", "MN")

enum kind {
#define X(name, sends, gets) KIND_##name,
    KINDS(X)
#undef X
        KIND_COUNT
};

struct asked {
    enum kind kind;
    unsigned keys[MANY];
    unsigned n, seen; /* of keys; those that the answer has gone past */
    unsigned opaque;
};

struct application {
    struct peer peer; /* first */
    const char *prefix;
    struct asked asked[ASKED_MAX]; /* a ring: first, n */
    unsigned first, n, depth;
    unsigned seed, number;
    double since; /* when the first one became the first */
    bool rests, may_be_refused;
    struct tally tally;
};

static struct application *application_of(struct actor *actor)
{
    return (struct application *)(void *)actor;
}

/* --- keys and values ------------------------------------------------------------------------ */

static size_t write_key(const struct application *a, unsigned key, char *text)
{
    return (size_t)snprintf(text, KEY_ROOM, "%s%u", a->prefix, key);
}

/* Mostly small, some over a read or two, few that fill buffers. */
static unsigned size_of(unsigned *seed)
{
    unsigned kind = random_below(seed, 100);
    if (kind < 90) return random_below(seed, 200);
    if (kind < 99) return random_below(seed, 20000);
    return random_below(seed, 200000);
}

/* "key number length " and bytes that follow from those: whole, it is like no other. */
static void write_value(struct octets *out, const char *key, unsigned number, unsigned n)
{
    char head[KEY_ROOM + 32];
    size_t len = (size_t)snprintf(head, sizeof head, "%s %u %u ", key, number, n);
    unsigned seed = number * 2654435761U + n;
    char *at = octets_reserve(out, len + n);
    memcpy(at, head, len);
    for (size_t i = 0; i < n; i++) at[len + i] = (char)random_next(&seed);
    octets_grow(out, len + n);
}

static void check_value(const struct application *a, const char *key, const char *at, size_t n)
{
    static struct octets right;
    unsigned number = 0, size = 0;
    char head[2 * KEY_ROOM] = "";
    octets_take(&right, octets_n(&right));
    memcpy(head, at, n < sizeof head ? n : sizeof head - 1);
    if (sscanf(head, "%*s %u %u ", &number, &size) == 2 && size <= 200000)
        write_value(&right, key, number, size);
    if (octets_n(&right) != n || memcmp(octets_at(&right), at, n) != 0)
        stage_fails("%s: a wrong value for %s: %s", a->peer.name, key, octets_escape(at, n));
}

/* --- asking --------------------------------------------------------------------------------- */

static enum kind any_kind(unsigned *seed)
{
    static const struct {
        enum kind kind;
        unsigned share;
    } shares[] = {{KIND_GET, 27},        {KIND_MANY, 12},      {KIND_SET, 18},
                  {KIND_QUIET_SET, 5},   {KIND_ADD, 2},        {KIND_DELETE, 2},
                  {KIND_GETS, 3},        {KIND_GAT, 3},        {KIND_TOUCH, 2},
                  {KIND_META_GET, 9},    {KIND_META_QUIET, 4}, {KIND_META_SET, 8},
                  {KIND_META_DELETE, 2}, {KIND_MARK, 3}};
    unsigned at = random_below(seed, 100), i = 0;
    while (at >= shares[i].share) at -= shares[i++].share;
    bool is_meta = shares[i].kind >= KIND_META_GET && shares[i].kind <= KIND_META_DELETE;
    return is_meta && !memcached_at_hand_has_meta() ? KIND_GET : shares[i].kind;
}

static void add_text(struct octets *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_text(struct octets *out, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    octets_add(out, text, (size_t)n);
}

static void add_value(struct application *a, struct octets *out, const char *key,
                      const char *before_length, const char *after_length)
{
    static struct octets value;
    octets_take(&value, octets_n(&value));
    write_value(&value, key, ++a->number, size_of(&a->seed));
    add_text(out, "%s%zu%s", before_length, octets_n(&value), after_length);
    octets_add(out, octets_at(&value), octets_n(&value));
    octets_add(out, "\r\n", 2);
}

static void write_request(struct application *a, const struct asked *q, struct octets *out)
{
    char key[KEY_ROOM];
    write_key(a, q->keys[0], key);
    switch (q->kind) {
    case KIND_GET:
    case KIND_MANY:
    case KIND_GETS:
    case KIND_GAT:
        add_text(out, q->kind == KIND_GETS ? "gets" : q->kind == KIND_GAT ? "gat 1000" : "get");
        for (unsigned i = 0; i < q->n; i++) {
            write_key(a, q->keys[i], key);
            add_text(out, " %s", key);
        }
        add_text(out, "\r\n");
        break;
    case KIND_SET:
    case KIND_QUIET_SET:
        add_text(out, "set %s 7 0 ", key);
        add_value(a, out, key, "", q->kind == KIND_SET ? "\r\n" : " noreply\r\n");
        break;
    case KIND_ADD:
        add_text(out, "add %s 7 0 ", key);
        add_value(a, out, key, "", "\r\n");
        break;
    case KIND_DELETE: add_text(out, "delete %s\r\n", key); break;
    case KIND_TOUCH: add_text(out, "touch %s 1000\r\n", key); break;
    case KIND_META_GET: add_text(out, "mg %s k v O%u\r\n", key, q->opaque); break;
    case KIND_META_QUIET: add_text(out, "mg %s q k v O%u\r\n", key, q->opaque); break;
    case KIND_META_DELETE: add_text(out, "md %s O%u\r\n", key, q->opaque); break;
    case KIND_META_SET:
        add_text(out, "ms %s ", key);
        char flags[32];
        snprintf(flags, sizeof flags, " F7 O%u\r\n", q->opaque);
        add_value(a, out, key, "", flags);
        break;
    default: add_text(out, "mn\r\n"); break;
    }
}

static void ask(struct application *a, enum kind kind)
{
    static struct octets out;
    struct asked q = {.kind = kind, .n = 1, .opaque = random_next(&a->seed)};
    if (q.kind == KIND_MANY || q.kind == KIND_GAT) q.n = 2 + random_below(&a->seed, MANY - 1);
    if (q.kind == KIND_MARK) q.n = 0;
    for (unsigned i = 0; i < q.n; i++) q.keys[i] = random_below(&a->seed, KEYS);
    octets_take(&out, octets_n(&out));
    write_request(a, &q, &out);
    a->tally.requests++;
    if (q.kind != KIND_QUIET_SET) {
        if (a->n == 0) a->since = stage_now();
        a->asked[(a->first + a->n++) % ASKED_MAX] = q;
    }
    peer_queues(&a->peer, octets_at(&out), octets_n(&out));
}

static void asks_on(struct application *a)
{
    while (!a->rests && a->n < a->depth && octets_n(&a->peer.out) < UNSENT_AT_MOST) {
        enum kind kind = any_kind(&a->seed);
        ask(a, kind);
        /* What comes next shows that there is no answer. */
        if (kind == KIND_META_QUIET) ask(a, KIND_MARK);
    }
}

/* --- answers -------------------------------------------------------------------------------- */

enum step { STEP_AGAIN, STEP_ON, STEP_DONE };

static void is_wrong(const struct application *a, const struct asked *q, const char *line)
{
    static const char *const names[KIND_COUNT] = {
#define X(name, sends, gets) sends ": " gets,
        KINDS(X)
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
    char key[KEY_ROOM], right[KEY_ROOM + 16];
    size_t n = 0;
    for (; q->seen < q->n; q->seen++, a->tally.misses++) {
        write_key(a, q->keys[q->seen], key);
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
    char key[KEY_ROOM], right[KEY_ROOM + 64];
    unsigned n = 0;
    write_key(a, q->keys[0], key);
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
    bool is_meta = q->kind >= KIND_META_GET && q->kind <= KIND_META_DELETE;
    bool is_unknown = a->may_be_refused && is_meta && strcmp(line, "ERROR\r\n") == 0;
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
    a->first = (a->first + 1) % ASKED_MAX;
    a->n--;
    a->since = stage_now();
    return STEP_DONE;
}

/* --- on stage ------------------------------------------------------------------------------- */

static void application_acts(struct actor *actor, short revents)
{
    struct application *a = application_of(actor);
    peer_acts(actor, revents);
    while (take_next(a) != STEP_AGAIN) {
    }
    if (a->peer.is_closed) stage_fails("%s: closed by moongate", a->peer.name);
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
    struct address to = address_read(moongate_address(m));
    struct application *a = stage_memory(sizeof *a);
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, &to.as.any, to.n) < 0) stage_fails("an application cannot connect");
    a->prefix = prefix;
    a->depth = depth < ASKED_MAX ? depth : ASKED_MAX - 1; /* a quiet one brings another */
    a->seed = seed;
    peer_init(&a->peer, fd, textf("application %u (seed %u)", ++number, seed));
    a->peer.actor.rank = RANK_CLIENT;
    a->peer.actor.acts = application_acts;
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
