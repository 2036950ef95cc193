/* A worker whose script is in a call of C that does not end, such as a pattern match, cannot be interrupted from inside: only another
 * process can end it. So each worker counts its turns on the board, and the master looks at the counts.
 *
 * A worker is stuck when one turn of its loop takes LIMIT times --script-timeout, and LIMIT_LEAST at least. A worker that loads a script has the time that the
 * check had, and a second for the reload to give up first. What must not count:
 *  - time in which the worker sleeps: it says so on the board;
 *  - time in which the machine, or the master, did not run: a look adds at most two intervals of looking, whatever the clock says;
 *  - time in which the worker is stopped by a signal or a debugger: then its time begins from zero, and the log says so once;
 *  - time in which a busy machine let it wait for a processor: it must have had one for as long as --script-timeout between two
 *    answers.
 *
 * The worker is asked what it is in (worker/heartbeat.h), from half of that time on. One that has gone on to another request meanwhile
 * is not stuck: many slow requests may make one long turn. One that has run and has not answered is killed, too.
 */
#include "master/watchdog.h"

#include "base/log.h"
#include "base/process.h"
#include "master/check.h"
#include "worker/heartbeat.h"
#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const double LIMIT_LEAST = 1; /* seconds: an error needs time to unwind, too */
static const double LIMIT = 5;       /* times --script-timeout */
static const double LOAD_LIMIT = CHECK_SECONDS + 1;     /* seconds */
static const double EVERY_LEAST = 0.02, EVERY_MOST = 1; /* seconds between two looks */
static const double LOOKS = 10;                         /* until the limit */
static const double SLEEPS_LONG = 3; /* seconds; a worker that sleeps wakes once a second */

static struct heartbeat *slot_heartbeat(const struct slot *s)
{
    return &s->crew->board->parts[s->part].heartbeat;
}

/* --- what counts ------------------------------------------------------------------------------ */

/* A worker that starts has not said yet what its script wants. What a worker says is not trusted. */
static double slot_timeout(const struct watchdog *d, const struct slot *s)
{
    double own = s->crew->board->parts[s->part].wishes.script_timeout;
    if (s->state == SLOT_STARTING) own = d->timeout;
    return isfinite(own) && own > 0 ? own : 0;
}

static bool slot_is_watched(const struct watchdog *d, const struct slot *s)
{
    bool lives = s->state == SLOT_STARTING || s->state == SLOT_READY || s->state == SLOT_DRAINING;
    return lives && slot_timeout(d, s) > 0;
}

static double slot_limit(const struct watchdog *d, const struct slot *s)
{
    double limit = fmax(LIMIT * slot_timeout(d, s), LIMIT_LEAST);
    return slot_heartbeat(s)->loads ? fmax(limit, LOAD_LIMIT) : limit;
}

/* --- asking and killing ----------------------------------------------------------------------- */

static bool slot_has_answered(const struct slot *s)
{
    const struct heartbeat *h = slot_heartbeat(s);
    return __atomic_load_n(&h->answered, __ATOMIC_ACQUIRE) == h->asked;
}

static void slot_ask(struct slot *s)
{
    s->watch.is_asked = true;
    s->watch.asked_cpu = process_cpu(s->pid);
    slot_heartbeat(s)->asked++;
    kill(s->pid, HEARTBEAT_SIGNAL);
}

/* "in the function at shop.lua:9 for get user:42". The log escapes the key. */
static const char *doing_print(const struct heartbeat *h, char *text, size_t size)
{
    struct heartbeat_doing doing = h->doing; /* a copy: the worker may be writing */
    doing.place[sizeof doing.place - 1] = doing.command[sizeof doing.command - 1] = '\0';
    bool cut = doing.key_len > HEARTBEAT_KEY;
    int key_len = (int)(cut ? HEARTBEAT_KEY : doing.key_len);
    for (int i = 0; i < key_len; i++)
        if (!doing.key[i]) doing.key[i] = '?';
    snprintf(text, size, "in %s%s%s%s%.*s%s", doing.place[0] ? doing.place : "the script",
             doing.command[0] ? " for " : "", doing.command, key_len ? " " : "", key_len,
             (const char *)doing.key, cut ? "..." : "");
    return text;
}

static const char *slot_print(const struct slot *s, char *text, size_t size)
{
    const struct heartbeat *h = slot_heartbeat(s);
    if (h->loads)
        snprintf(text, size, "loading generation %u", h->loads);
    else if (!slot_has_answered(s))
        snprintf(text, size, "it does not say what it is in");
    else if (!h->doing.is_in_script)
        snprintf(text, size, "not in the script");
    else
        return doing_print(h, text, size);
    return text;
}

static void slot_kill(struct slot *s)
{
    struct crew *crew = s->crew;
    char text[512];
    double seconds = s->watch.still;
    slot_print(s, text, sizeof text);
    pid_t pid = s->pid;
    s->is_killed = true;
    crew->board->master->workers_killed++;
    slot_abandon(s);
    uint64_t clients = slot_clients(s);
    log_error("worker %u[%d]: killed: does not turn for %.1f s: %s; %llu client%s closed", s->index,
              (int)pid, seconds, text, (unsigned long long)clients, clients == 1 ? "" : "s");
    kill(pid, SIGKILL);
    crew->on_event(crew->arg, CREW_STUCK, s, 0, "");
}

/* --- looking ---------------------------------------------------------------------------------- */

/* Who stopped it wants it to stay. */
static void slot_note_stopped(struct slot *s)
{
    if (!s->watch.is_noted)
        log_warn("worker %u[%d]: stopped by a signal or a debugger: not killed", s->index,
                 (int)s->pid);
    s->watch = (struct watch){.turns = s->watch.turns, .is_noted = true};
}

/* It has answered twice from within the same request. One that sleeps there waits for something that does not come. Any other must have
 * used a processor: else the machine is busy, or has swapped the worker out. */
static bool slot_is_stuck(const struct watchdog *d, const struct slot *s, char state)
{
    const struct heartbeat_doing *doing = &slot_heartbeat(s)->doing;
    return state == 'S' || doing->cpu - s->watch.cpu >= slot_timeout(d, s);
}

/* A question that waits for its answer. A process gets a signal as soon as it runs, so this one hardly has. */
static void slot_wait(const struct watchdog *d, struct slot *s, double limit)
{
    bool has_run = process_cpu(s->pid) - s->watch.asked_cpu >= slot_timeout(d, s);
    if (has_run && s->watch.still >= limit) slot_kill(s);
}

static void slot_take_answer(const struct watchdog *d, struct slot *s, char state, double limit)
{
    struct watch *watch = &s->watch;
    const struct heartbeat_doing *doing = &slot_heartbeat(s)->doing;
    if (!watch->has_answered) {
        watch->has_answered = true;
        watch->mark = doing->mark;
        watch->cpu = doing->cpu;
    }
    if (doing->mark != watch->mark)
        *watch = (struct watch){.turns = watch->turns};
    else if (watch->still >= limit && slot_is_stuck(d, s, state))
        slot_kill(s);
    else if (watch->still >= limit - d->every)
        slot_ask(s);
}

/* The first question comes at half of the limit, more before its end and after it. */
static void slot_judge(const struct watchdog *d, struct slot *s, char state)
{
    double limit = slot_limit(d, s);
    if (s->watch.still < limit / 2) return;
    if (!s->watch.is_asked)
        slot_ask(s);
    else if (slot_has_answered(s))
        slot_take_answer(d, s, state, limit);
    else
        slot_wait(d, s, limit);
}

static void slot_look(struct watchdog *d, struct slot *s, double passed)
{
    struct watch *watch = &s->watch;
    uint64_t turns = heartbeat_turns(slot_heartbeat(s));
    bool is_awake = heartbeat_is_awake(turns);
    if (turns != watch->turns) {
        *watch = (struct watch){.turns = turns};
        return;
    }
    watch->still += passed;
    if (!is_awake && watch->still < SLEEPS_LONG) return;
    char state = process_state(s->pid);
    if (state == 'T' || state == 't') {
        slot_note_stopped(s);
        return;
    }
    if (is_awake) slot_judge(d, s, state);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct watchdog *d = timer->data;
    double now = process_clock();
    double passed = fmin(now - d->last, 2 * d->every);
    d->last = now;
    for (uint32_t i = 0; i < d->crew->slots_n; i++) {
        struct slot *s = &d->crew->slots[i];
        if (slot_is_watched(d, s))
            slot_look(d, s, passed);
        else
            s->watch.still = 0;
    }
    crew_hand_waiting(d->crew);
}

/* One that does not say what it is in, is in C code that the script in use has called, most likely. */
uint32_t watchdog_blamed(const struct slot *s)
{
    const struct heartbeat *h = slot_heartbeat(s);
    if (h->loads) return h->loads;
    if (slot_has_answered(s) && h->doing.is_in_script) return h->doing.generation;
    return (uint32_t)s->crew->board->parts[s->part].row.generation;
}

bool watchdog_is_busy(const struct slot *s)
{
    const struct heartbeat *h = slot_heartbeat(s);
    if (s->pid == 0 || h->loads || !heartbeat_is_awake(heartbeat_turns(h))) return false;
    char state = process_state(s->pid);
    return state != 'T' && state != 't';
}

bool watchdog_decides(const struct watchdog *d, const struct slot *s)
{
    return slot_is_watched(d, s) && watchdog_is_busy(s);
}

/* --- life ------------------------------------------------------------------------------------- */

void watchdog_stop(struct watchdog *d)
{
    ev_timer_stop(d->crew->loop, &d->look);
}

void watchdog_set(struct watchdog *d, double timeout)
{
    if (!isfinite(timeout) || timeout < 0) timeout = 0;
    if (timeout == d->timeout) return;
    watchdog_stop(d);
    d->timeout = timeout;
    if (timeout == 0) return;
    d->every = fmin(fmax(LIMIT * timeout / LOOKS, EVERY_LEAST), EVERY_MOST);
    d->last = process_clock();
    ev_timer_set(&d->look, d->every, d->every);
    ev_timer_start(d->crew->loop, &d->look);
}

void watchdog_init(struct watchdog *d, struct crew *crew, double timeout)
{
    *d = (struct watchdog){.crew = crew};
    ev_init(&d->look, on_look);
    d->look.data = d;
    watchdog_set(d, timeout);
}
