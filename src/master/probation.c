/* A script that loads may still fail when requests come. For --probation seconds after a switch the script is watched, and the last good
 * one comes back when
 *
 *  - its errors are more than --probation-errors of the requests, of PROBATION_LEAST at least, and more than before; or
 *  - a worker was stuck in it, and so was lost (watchdog.h).
 *
 * "More than before": errors come by chance. So they must be more than what the script before would have had with as many requests, by
 * four times the standard deviation of that number. A script that has too many errors, but not yet enough requests, stays on
 * probation beyond its time.
 *
 * What it is compared with was counted in the last --probation seconds of the last good script. A script that is switched to while
 * another is on probation is compared with the same. The counters are those of all workers, and of every generation that still ends requests;
 * the old one's are few.
 *
 * To go back is a reload without a check: all workers or none (reload.h). It waits for a reload that is under way, which may
 * bring a better script, but not for those that were asked for meanwhile. The script that has come back is not on probation: there is nothing behind it. It may fail as the
 * other one did, for instance because a server sends something else; then the log has its errors, and nothing is changed.
 */
#include "master/probation.h"

#include "base/log.h"
#include "base/process.h"
#include "master/check.h"
#include "master/watchdog.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double EVERY = 0.2; /* seconds between two looks at a script on probation */
static const double SAMPLE_LEAST = 0.05, SAMPLE_MOST = 10; /* between two looks at another one */
static const double DEVIATIONS = 4;                        /* it is looked often */

/* The only function that writes the state. */
static void probation_enter(struct probation *p, enum probation_state state)
{
    double sample = fmin(fmax(p->seconds / PROBATION_SAMPLES, SAMPLE_LEAST), SAMPLE_MOST);
    p->state = state;
    if (p->seconds == 0) return;
    p->look.repeat = state == PROBATION_NONE ? sample : fmin(sample, EVERY);
    ev_timer_again(p->crew->loop, &p->look);
}

/* --- judging ----------------------------------------------------------------------------------- */

/* How many of n requests may fail before that is more than before. */
static double chance_most(struct probation_counts before, double n)
{
    double share = before.requests ? (double)before.errors / (double)before.requests : 0;
    double varies = share < 1 ? share * (1 - share) : 0;
    return n * share + DEVIATIONS * sqrt(n * varies);
}

enum probation_verdict probation_judge(struct probation_counts before,
                                       struct probation_counts since, double share, bool is_over)
{
    double n = (double)since.requests, errors = (double)since.errors;
    bool too_many = errors > n * share && errors > chance_most(before, n);
    if (too_many && since.requests >= PROBATION_LEAST) return PROBATION_FAILED;
    return is_over && !too_many ? PROBATION_PASSED : PROBATION_UNDECIDED;
}

/* --- counting ---------------------------------------------------------------------------------- */

/* Of all workers since the start. `stats reset` does not change these. */
static struct probation_counts count(const struct crew *crew)
{
    struct probation_counts sum = {0, 0};
    for (uint32_t i = 0; i < crew->slots_n; i++) {
        const struct board_row *row = &crew->board->parts[i].row;
        sum.requests += __atomic_load_n(&row->requests, __ATOMIC_RELAXED);
        sum.errors += __atomic_load_n(&row->script_errors, __ATOMIC_RELAXED);
    }
    return sum;
}

static struct probation_counts count_since(struct probation_counts now,
                                           struct probation_counts then)
{
    return (struct probation_counts){now.requests - then.requests, now.errors - then.errors};
}

/* Keeps what was counted in the last --probation seconds. */
static void probation_sample(struct probation *p, double now)
{
    if (p->past_n > 0 && now - p->sampled < p->seconds / PROBATION_SAMPLES) return;
    if (p->past_n < PROBATION_SAMPLES) p->past_n++;
    memmove(p->past + 1, p->past, (p->past_n - 1) * sizeof *p->past);
    p->past[0] = count(p->crew);
    p->sampled = now;
}

/* Counts from here on are another script's. */
static void probation_forget_past(struct probation *p)
{
    p->past[0] = p->at_switch;
    p->past_n = 1;
    p->sampled = process_clock();
}

/* The last good script's share of errors, as it is known now. Soon after it has come back what was known before is better. */
static void probation_look_back(struct probation *p)
{
    struct probation_counts past = count_since(p->at_switch, p->past[p->past_n - 1]);
    if (past.requests >= PROBATION_LEAST || past.requests >= p->before.requests) p->before = past;
}

/* --- what follows ------------------------------------------------------------------------------ */

static void forget_earlier(struct probation *p)
{
    if (p->earlier_fd >= 0) close(p->earlier_fd);
    p->earlier_fd = -1;
}

/* The source in use is the last good one from now on, and the one before it an earlier one. */
static void probation_keep(struct probation *p)
{
    int fd = fcntl(p->crew->script_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        log_error("probation: generation %u is not kept as the last good one: %s",
                  p->crew->generation, strerror(errno));
        return;
    }
    forget_earlier(p);
    p->earlier_fd = p->good_fd;
    p->earlier = p->good;
    p->good_fd = fd;
    p->good = p->crew->generation;
}

static void probation_pass(struct probation *p)
{
    assert(p->generation == p->crew->generation);
    probation_enter(p, PROBATION_NONE);
    if (p->generation != p->good) probation_keep(p);
    if (p->seconds > 0)
        log_info("script %s: generation %u has passed its probation",
                 check_script_name(p->crew->options), p->generation);
    p->on_good(p->arg, p->crew->script_fd);
}

static void probation_begin(struct probation *p)
{
    if (p->state == PROBATION_NONE || p->generation == p->good) probation_look_back(p);
    probation_enter(p, PROBATION_ON);
    p->generation = p->crew->generation;
    p->began = process_clock();
    if (p->seconds == 0) probation_pass(p);
}

/* Goes back as soon as no other reload is under way. */
static void probation_go_back(struct probation *p)
{
    assert(p->state == PROBATION_ENDED && p->good != p->generation);
    if (p->reload->state != RELOAD_IDLE) return;
    if (p->tries++ == PROBATION_TRIES) {
        log_error(
            "script %s: not rolled back after %d tries: generation %u goes on; reload a good one",
            check_script_name(p->crew->options), PROBATION_TRIES, p->generation);
        probation_enter(p, PROBATION_NONE);
        return;
    }
    int fd = fcntl(p->good_fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        reload_go_back(p->reload, fd, p->good);
    else
        log_error("script %s: not rolled back: %s", check_script_name(p->crew->options),
                  strerror(errno));
}

static void probation_fail(struct probation *p, const char *why)
{
    bool has_other = p->good != p->generation;
    snprintf(p->why, sizeof p->why, "generation %u fails: %s", p->generation, why);
    log_error("script %s: generation %u fails: %s; %s", check_script_name(p->crew->options),
              p->generation, why,
              has_other ? "the last good script comes back"
                        : "there is no earlier one to go back to");
    probation_enter(p, has_other ? PROBATION_ENDED : PROBATION_NONE);
    p->tries = 0;
    if (has_other) probation_go_back(p);
}

/* `1200 of 3000 requests since the switch, before it 0 of 5000` */
static void probation_fail_for(struct probation *p, struct probation_counts since)
{
    char why[160];
    snprintf(why, sizeof why,
             "script errors: %llu in %llu requests since the switch, before it %llu in %llu",
             (unsigned long long)since.errors, (unsigned long long)since.requests,
             (unsigned long long)p->before.errors, (unsigned long long)p->before.requests);
    probation_fail(p, why);
}

static void probation_look(struct probation *p, double now)
{
    struct probation_counts since = count_since(count(p->crew), p->at_switch);
    switch (probation_judge(p->before, since, p->share, now - p->began >= p->seconds)) {
    case PROBATION_FAILED: probation_fail_for(p, since); break;
    case PROBATION_PASSED: probation_pass(p); break;
    case PROBATION_UNDECIDED: break;
    }
}

/* Not while the workers switch to another one. */
static bool probation_is_on(const struct probation *p)
{
    return p->state == PROBATION_ON && p->generation == p->crew->generation;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct probation *p = timer->data;
    double now = process_clock();
    if (probation_is_on(p)) probation_look(p, now);
    if (p->state == PROBATION_ENDED) probation_go_back(p);
    probation_sample(p, now);
}

/* --- for the master ---------------------------------------------------------------------------- */

bool probation_init(struct probation *p, const struct crew *crew, struct reload *reload,
                    probation_good *on_good, void *arg)
{
    const struct options *o = crew->options;
    *p = (struct probation){.crew = crew,
                            .reload = reload,
                            .on_good = on_good,
                            .arg = arg,
                            .seconds = o->probation,
                            .share = o->probation_errors,
                            .good_fd = -1,
                            .earlier_fd = -1};
    ev_init(&p->look, on_look);
    p->look.data = p;
    if (!o->script) return true;
    probation_keep(p);
    if (p->good_fd < 0) return false;
    probation_forget_past(p);
    if (o->runs_last_good)
        probation_enter(p, PROBATION_NONE);
    else
        probation_begin(p);
    return true;
}

void probation_take_reload(struct probation *p, enum reload_news news)
{
    if (p->good_fd < 0) return;
    if (news == RELOAD_SWITCHES) p->at_switch = count(p->crew);
    if (news == RELOAD_DONE) probation_begin(p);
    if (news == RELOAD_REFUSED) p->goes_earlier = false;
    if (news == RELOAD_NEXT && p->state == PROBATION_ENDED) probation_go_back(p);
    if (news != RELOAD_BACK) return;
    p->crew->board->master->rollbacks++;
    probation_enter(p, PROBATION_NONE);
    if (p->goes_earlier) {
        probation_keep(p);
        forget_earlier(p);
        p->on_good(p->arg, p->crew->script_fd);
    }
    p->good = p->crew->generation;
    p->goes_earlier = false;
    probation_forget_past(p);
}

const char *probation_roll_back(struct probation *p)
{
    bool is_good = p->good == p->crew->generation;
    int source = is_good ? p->earlier_fd : p->good_fd;
    if (p->good_fd < 0) return "the built-in script is in use: there is no other";
    if (source < 0) return "there is no earlier script that was good: nothing has changed";
    if (p->reload->state != RELOAD_IDLE) return "a reload is under way: wait until it has ended";
    int fd = fcntl(source, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return strerror(errno);
    snprintf(p->why, sizeof p->why, "an operator has asked for it");
    p->goes_earlier = is_good;
    reload_go_back(p->reload, fd, is_good ? p->earlier : p->good);
    return NULL;
}

void probation_take_loss(struct probation *p, const struct slot *s)
{
    char why[64];
    if (!probation_is_on(p) || watchdog_blamed(s) != p->generation) return;
    snprintf(why, sizeof why, "worker %u was stuck in it", s->index);
    probation_fail(p, why);
}

void probation_stop(struct probation *p)
{
    ev_timer_stop(p->crew->loop, &p->look);
}

void probation_release(struct probation *p)
{
    probation_stop(p);
    if (p->good_fd >= 0) close(p->good_fd);
    forget_earlier(p);
}
