/* Membership from etcd: the keys below a prefix, over its JSON gateway (etcd 3.4 and later).
 *
 * 1. A range asks for all keys, and says at which revision of etcd they are so.
 * 2. A watch, one request whose answer never ends, brings the changes from the next revision on.
 * 3. While it runs, a count is asked for at each interval. A watch says nothing when there is nothing to say, and the same when its
 *    server was stopped, has lost the others, or began with other data: the answer to the count tells these apart, since etcd gives it
 *    only after it has heard from most of its members.
 *
 * What happens when
 *
 * - the watch ends, or etcd ends it because it has thrown away the history that it would begin with: a range again.
 * - an answer is wrong, late or none: the next address, of the same endpoint or the next one, with a range. When all have
 *   failed, the discovery gets the reason of the last, and a pause follows that doubles up to the interval.
 * - the count comes from an older revision than the keys, from another cluster, or counts other keys: a range again. So does a
 *   watch from a revision that etcd has not come to yet: it takes that, and would be silent until then.
 * - no key is left: as other sources without a server, a failure. The watch goes on.
 *
 * Each worker has its own range and watch.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/process.h"
#include "base/slab.h"
#include "discovery/discovery_source.h"
#include "discovery/etcd_endpoints.h"
#include "discovery/etcd_keys.h"
#include "discovery/http_client.h"

/* Seconds before the first retry; doubled with each failure, up to the interval. */
static const double RETRY_FIRST = 0.5;

/* Seconds that a watch must have lasted for the next range to follow at once. */
static const double LASTED = 1;

/* What is waited for. Only set_state writes it. */
enum state {
    LOOKING,  /* for an address of any endpoint */
    PAUSING,  /* for the timer: then a range is sent */
    ENTERING, /* for a token, in return for user and password */
    ASKING,   /* for the keys */
    OPENING,  /* for the first message of the watch */
    WATCHING, /* for changes; by the timer for the next count, or for its answer */
};

/* Invariant: `ask` is under way in ENTERING and ASKING, and in WATCHING perhaps, `stream` in OPENING and WATCHING, and else neither. */
struct etcd {
    struct discovery *discovery;
    struct ev_loop *loop;
    struct http_client http;
    enum state state;
    ev_timer timer;
    struct etcd_endpoints endpoints;
    uint32_t tried;    /* addresses that failed since the last pause */
    uint32_t failures; /* rounds in a row in which all of them failed */
    struct http_request ask, stream;
    struct etcd_reader answer, changes; /* of ask, of stream */
    struct etcd_keys keys;
    int64_t revision; /* that keys are of */
    int64_t counted;  /* revision when the count was asked for */
    uint64_t cluster;
    char token[HTTP_TOKEN_MAX]; /* "": there is none yet, or none is needed */
    bool is_proven;             /* the token was taken */
    double opened;              /* process_clock of the last watch */
};

static const struct discovery_settings *settings_of(const struct etcd *e)
{
    return discovery_settings_of(e->discovery);
}

static void set_timer(struct etcd *e, double after)
{
    ev_timer_stop(e->loop, &e->timer);
    ev_timer_set(&e->timer, after, 0);
    ev_timer_start(e->loop, &e->timer);
}

static void set_state(struct etcd *e, enum state state)
{
    ev_timer_stop(e->loop, &e->timer);
    e->state = state;
}

/* Up to a quarter more or less by chance, so that workers do not ask all at once. */
static double about(double seconds)
{
    return seconds * (0.75 + 0.5 * drand48());
}

/* Ends both requests. The state is the caller's to set. */
static void hang_up(struct etcd *e)
{
    http_end(&e->ask);
    http_end(&e->stream);
}

static void pause_for(struct etcd *e, double seconds)
{
    hang_up(e);
    e->tried = 0;
    set_state(e, PAUSING);
    set_timer(e, about(seconds));
}

/* --- requests ------------------------------------------------------------------------------------- */

/* An etcd without a leader says so: else a watch goes on and is silent, and a range waits for one. */
static const char LEADER[] = "Grpc-Metadata-Hasleader: true";

static void send_to(struct etcd *e, struct http_request *r, const char *path, const char *body,
                    size_t len, double timeout)
{
    char host[ETCD_HOST_TEXT];
    http_post(&e->http, r,
              &(struct http_ask){.addr = endpoints_addr(&e->endpoints),
                                 .host = endpoints_host(&e->endpoints, host),
                                 .path = path,
                                 .header = LEADER,
                                 .token = e->state == ENTERING ? "" : e->token,
                                 .access = settings_of(e)->access,
                                 .body = body,
                                 .len = len,
                                 .connect_timeout = settings_of(e)->timeout,
                                 .timeout = timeout,
                                 .most = ETCD_BYTES_MAX});
}

static void ask_keys(struct etcd *e)
{
    char body[ETCD_ASK_MAX];
    size_t len = etcd_ask_range(body, e->keys.prefix, DISCOVERED_MAX + 1);
    assert(!e->ask.client && !e->stream.client);
    set_state(e, ASKING);
    send_to(e, &e->ask, "/v3/kv/range", body, len, settings_of(e)->timeout);
}

/* etcd forgets a token after some minutes: this comes again. */
static void ask_token(struct etcd *e)
{
    const struct discovery_access *access = settings_of(e)->access;
    char body[ETCD_ASK_MAX];
    size_t len = etcd_ask_token(body, access->user, access->password);
    set_state(e, ENTERING);
    send_to(e, &e->ask, "/v3/auth/authenticate", body, len, settings_of(e)->timeout);
    explicit_bzero(body, sizeof body);
}

static void open_watch(struct etcd *e)
{
    char body[ETCD_ASK_MAX];
    size_t len = etcd_ask_watch(body, e->keys.prefix, e->revision + 1);
    etcd_reader_reset(&e->changes);
    e->opened = process_clock();
    set_state(e, OPENING);
    set_timer(e, settings_of(e)->timeout);
    send_to(e, &e->stream, "/v3/watch", body, len, 0);
}

static void ask_count(struct etcd *e)
{
    char body[ETCD_ASK_MAX];
    size_t len = etcd_ask_range(body, e->keys.prefix, 0);
    ev_timer_stop(e->loop, &e->timer);
    if (e->ask.client) return;
    e->counted = e->revision;
    send_to(e, &e->ask, "/v3/kv/range", body, len, settings_of(e)->timeout);
}

/* At the address in use. */
static void begin(struct etcd *e)
{
    hang_up(e);
    if (endpoints_addr(&e->endpoints)) {
        if (settings_of(e)->access->user[0] && !e->token[0])
            ask_token(e);
        else
            ask_keys(e);
        return;
    }
    set_state(e, LOOKING);
    const char *why = endpoints_why(&e->endpoints);
    if (why) discovery_failed(e->discovery, why);
}

/* What was before a watch that has lasted counts no more. One that ends as soon as it has begun is a failure like others. */
static bool has_lasted(struct etcd *e)
{
    if (e->state != WATCHING || process_clock() - e->opened < LASTED) return false;
    e->tried = e->failures = 0;
    return true;
}

/* This address failed: the next one at once, and after the last one all of them again, later. */
static void fail(struct etcd *e, const char *what)
{
    char address[ADDR_TEXT_MAX], reason[DISCOVERY_REASON_MAX];
    const struct addr *addr = endpoints_addr(&e->endpoints);
    double interval = settings_of(e)->interval;
    snprintf(reason, sizeof reason, "%s%s%s", addr ? addr_print(addr, address) : "",
             addr ? ": " : "", what);
    has_lasted(e);
    hang_up(e);
    e->token[0] = '\0'; /* it may be why */
    endpoints_step(&e->endpoints);
    if (++e->tried < endpoints_count(&e->endpoints)) {
        begin(e);
        return;
    }
    discovery_failed(e->discovery, reason);
    double pause = ldexp(RETRY_FIRST, (int)(e->failures < 16 ? e->failures : 16));
    e->failures++;
    pause_for(e, pause < interval ? pause : interval);
}

/* All keys again, from where they came. */
static void read_again(struct etcd *e)
{
    if (has_lasted(e))
        begin(e);
    else
        pause_for(e, RETRY_FIRST);
}

/* --- what etcd says ------------------------------------------------------------------------------ */

static void report(struct etcd *e)
{
    struct discovered_list list = {0};
    const char *missing = etcd_keys_servers(&e->keys, &list);
    if (list.n)
        discovery_found_part(e->discovery, &list, missing);
    else
        discovery_failed(e->discovery, missing);
    discovered_release(&list);
}

/* Applies the keys of a range, or events. NULL, or what is wrong. */
static const char *apply(struct etcd *e, struct etcd_reader *r, const struct etcd_message *m)
{
    struct etcd_pair pair;
    const char *wrong = m->revision ? NULL : "its answer has no revision: it is not etcd";
    for (uint32_t i = 0; i < m->pairs && !wrong; i++) {
        wrong = etcd_pair_at(r, i, &pair);
        if (!wrong) wrong = etcd_keys_change(&e->keys, &pair);
    }
    if (wrong) return wrong;
    e->revision = m->revision;
    return NULL;
}

static void take_keys(struct etcd *e, const struct etcd_message *m)
{
    etcd_keys_clear(&e->keys);
    const char *wrong = apply(e, &e->answer, m);
    if (!wrong && m->count > m->pairs) wrong = "its answer does not have all keys";
    if (wrong) {
        fail(e, wrong);
        return;
    }
    e->cluster = m->cluster;
    report(e);
    open_watch(e);
}

/* Events up to this answer may still be on their way: then the keys are read once more than it takes. Or later ones were faster than
 * it: then it says nothing. */
static void take_count(struct etcd *e, const struct etcd_message *m)
{
    bool is_other = m->revision < e->counted || m->cluster != e->cluster;
    if (is_other)
        log_info("discovery %s: etcd has other data than before: all keys are read again",
                 discovery_url(e->discovery));
    if (is_other || (m->revision >= e->revision && m->count != e->keys.n))
        read_again(e);
    else
        set_timer(e, about(settings_of(e)->interval));
}

/* What is wrong with a whole answer, or with the words that came before the end of a stream; NULL: nothing. */
static const char *wrong_answer(struct etcd_reader *r, const struct http_request *from,
                                struct etcd_message *m)
{
    static _Thread_local char sentence[80];
    enum etcd_status status = etcd_whole(r, from->bytes, from->len, m);
    if (status == ETCD_OK && m->wrong) return m->wrong;
    if (from->status == 200) return m->wrong;
    snprintf(sentence, sizeof sentence,
             "it answers with HTTP status %ld: it is not etcd 3.4 or later", from->status);
    return sentence;
}

/* A token that was good and is not any more has become too old. */
static bool needs_token(const struct etcd *e, const struct http_request *r)
{
    return r->status == 401 && e->token[0] && e->is_proven;
}

static void on_answer(void *owner, struct http_request *r, const char *wrong)
{
    struct etcd *e = owner;
    struct etcd_message m;
    if (!wrong && needs_token(e, r)) {
        e->token[0] = '\0';
        begin(e);
        return;
    }
    if (!wrong) wrong = wrong_answer(&e->answer, r, &m);
    if (!wrong && e->state == ENTERING) wrong = etcd_token(&m, e->token, sizeof e->token);
    if (wrong) {
        fail(e, wrong);
    } else if (e->state == ENTERING) {
        e->is_proven = false;
        ask_keys(e);
    } else {
        e->is_proven = true;
        if (e->state == ASKING)
            take_keys(e, &m);
        else
            take_count(e, &m);
    }
}

/* --- the watch ----------------------------------------------------------------------------------- */

static void watch_begins(struct etcd *e, const struct etcd_message *m)
{
    set_state(e, WATCHING);
    if (m->cluster != e->cluster)
        read_again(e);
    else if (m->revision < e->revision)
        ask_count(e); /* behind the others, or with other data */
    else
        set_timer(e, about(settings_of(e)->interval));
}

/* False: the watch has ended. */
static bool take_message(struct etcd *e, const struct etcd_message *m)
{
    const char *wrong = m->wrong;
    if (!wrong && m->is_canceled && m->is_compacted) {
        read_again(e);
        return false;
    }
    if (!wrong && m->is_canceled) wrong = m->why[0] ? m->why : "it ended the watch";
    if (!wrong && m->pairs) wrong = apply(e, &e->changes, m);
    if (wrong) {
        fail(e, wrong);
        return false;
    }
    if (e->state == OPENING) watch_begins(e, m);
    return e->state == WATCHING;
}

/* False: the watch has ended. Changes that came together are reported together. */
static bool take_messages(struct etcd *e, const struct http_request *r)
{
    struct etcd_message m;
    bool has_changed = false;
    for (size_t at = 0, used;; at += used) {
        enum etcd_status status = etcd_next(&e->changes, r->bytes + at, r->len - at, &used, &m);
        if (status == ETCD_AGAIN) break;
        has_changed |= status == ETCD_OK && !m.wrong && m.pairs;
        if (!take_message(e, &m)) return false;
    }
    if (has_changed) report(e);
    return true;
}

static void on_changes(void *owner, struct http_request *r)
{
    if (take_messages(owner, r)) http_take(r, r->len);
}

/* What came with its end counts, too. One that lasted may be ended by something between moongate and etcd. */
static void on_watch_end(void *owner, struct http_request *r, const char *wrong)
{
    struct etcd *e = owner;
    struct etcd_message m;
    if (r->status == 200 && !take_messages(e, r)) return;
    if (!wrong && r->status != 200) wrong = wrong_answer(&e->changes, r, &m);
    if (!wrong && e->state == WATCHING)
        read_again(e);
    else
        fail(e, wrong ? wrong : "it ended the watch");
}

/* --- life ---------------------------------------------------------------------------------------- */

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct etcd *e = timer->data;
    (void)loop;
    (void)events;
    if (e->state == PAUSING)
        begin(e);
    else if (e->state == OPENING)
        fail(e, "it did not answer in time");
    else
        ask_count(e);
}

static void on_addresses(void *owner, bool is_gone)
{
    struct etcd *e = owner;
    if (e->state == LOOKING || (is_gone && e->state != PAUSING)) begin(e);
}

static void request_init(struct etcd *e, struct http_request *r, http_bytes_fn *on_bytes,
                         http_done_fn *on_done)
{
    *r = (struct http_request){.on_bytes = on_bytes, .on_done = on_done, .owner = e};
}

static void *start(struct discovery *d)
{
    const struct discovery_url *url = discovery_parsed(d);
    struct etcd *e = slab_borrow(sizeof *e);
    *e = (struct etcd){.discovery = d, .loop = discovery_set(d)->loop};
    http_client_init(&e->http, e->loop);
    request_init(e, &e->ask, NULL, on_answer);
    request_init(e, &e->stream, on_changes, on_watch_end);
    etcd_reader_init(&e->answer);
    etcd_reader_init(&e->changes);
    etcd_keys_init(&e->keys, url->path);
    ev_init(&e->timer, on_timer);
    e->timer.data = e;
    pause_for(e, 0); /* an address that is known at once waits for the others */
    endpoints_init(&e->endpoints, discovery_set(d)->resolver, url, on_addresses, e);
    return e;
}

static void stop(void *state)
{
    struct etcd *e = state;
    endpoints_release(&e->endpoints);
    hang_up(e);
    http_client_release(&e->http);
    ev_timer_stop(e->loop, &e->timer);
    etcd_reader_release(&e->answer);
    etcd_reader_release(&e->changes);
    etcd_keys_release(&e->keys);
    slab_return(e, sizeof *e);
}

const struct discovery_source discovery_from_etcd = {start, stop};
