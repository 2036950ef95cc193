#include "daemon/reload.h"

#include "base/log.h"
#include "daemon/source.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void reload_watch_limit(struct reload *r)
{
    ev_timer_stop(r->crew->loop, &r->limit);
    if (r->state == RELOAD_IDLE) return;
    ev_timer_set(&r->limit, CHECK_SECONDS, 0);
    ev_timer_start(r->crew->loop, &r->limit);
}

/* Both steps have the same limit, which starts anew with each. */
static void reload_enter(struct reload *r, enum reload_state state)
{
    r->state = state;
    reload_watch_limit(r);
}

/* --- first step: the check -------------------------------------------------------------------- */

static void reload_not_loaded(struct reload *r, const char *why)
{
    log_error("script %s: not loaded: %s; generation %u goes on", check_script_name(r->options),
              why, r->crew->generation);
}

static void reload_drop_trial(struct reload *r)
{
    if (r->trial.script_fd >= 0) close(r->trial.script_fd);
    r->trial.script_fd = -1;
}

static void reload_start_check(struct reload *r)
{
    r->again = false;
    r->trial = *r->options;
    r->trial.script_fd = r->options->script ? source_open(r->options->script) : -1;
    bool read = r->trial.script_fd >= 0 || !r->options->script;
    if (!read || !check_start(&r->check, &r->trial, true, r->leave, r->arg)) {
        reload_not_loaded(r, strerror(errno));
        reload_drop_trial(r);
        return;
    }
    ev_io_set(&r->text_watcher, r->check.pipe, EV_READ);
    ev_io_start(r->crew->loop, &r->text_watcher);
    ev_child_set(&r->exit_watcher, r->check.pid, 0);
    ev_child_start(r->crew->loop, &r->exit_watcher);
    reload_enter(r, RELOAD_CHECKING);
}

static void reload_finish(struct reload *r)
{
    reload_enter(r, RELOAD_IDLE);
    if (r->again) reload_start_check(r);
}

static void reload_on_text(struct ev_loop *loop, ev_io *w, int events)
{
    struct reload *r = w->data;
    if (!check_read(&r->check)) ev_io_stop(loop, w);
}

/* --- second step: the workers ----------------------------------------------------------------- */

static uint32_t reload_count(const struct reload *r, enum reload_answer answer)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->crew->n; i++) n += r->answers[i] == answer;
    return n;
}

/* `worker 0, worker 3`, as many as fit. */
static const char *reload_names(const struct reload *r, enum reload_answer answer, char *text,
                                size_t n)
{
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < r->crew->n && len < n; i++)
        if (r->answers[i] == answer)
            len += (size_t)snprintf(text + len, n - len, "%sworker %u", len ? ", " : "", i);
    return text;
}

/* All answers that will come are here. The number counts as used once one worker has it. */
static void reload_conclude(struct reload *r)
{
    char names[512];
    uint32_t generation = r->crew->generation;
    bool whole = reload_count(r, ANSWER_KEPT) + reload_count(r, ANSWER_OWED) == 0;

    if (whole) log_info("reloaded: generation %u", generation);
    if (reload_count(r, ANSWER_KEPT) > 0)
        log_warn("reload: generation %u not loaded by %s: the old script goes on there", generation,
                 reload_names(r, ANSWER_KEPT, names, sizeof names));
    if (reload_count(r, ANSWER_OWED) > 0)
        log_warn("reload: generation %u not confirmed by %s within %d s", generation,
                 reload_names(r, ANSWER_OWED, names, sizeof names), CHECK_SECONDS);
    reload_finish(r);
}

static void reload_conclude_if_answered(struct reload *r)
{
    if (r->state == RELOAD_WAITING && reload_count(r, ANSWER_OWED) == 0) reload_conclude(r);
}

/* What was checked becomes what all workers load, those that start later too. */
static void reload_adopt_trial(struct reload *r)
{
    if (r->script_fd >= 0) close(r->script_fd);
    r->script_fd = r->crew->script_fd = r->trial.script_fd;
    r->trial.script_fd = -1;
    r->crew->generation++;
}

/* A worker that is still starting gets the order too: it was given the text before. */
static void reload_order_all(struct reload *r)
{
    struct crew *crew = r->crew;

    reload_adopt_trial(r);
    reload_enter(r, RELOAD_WAITING);
    for (uint32_t i = 0; i < crew->n; i++) {
        struct slot *s = &crew->slots[i];
        crew_order(s, CHANNEL_RELOAD, crew->generation);
        r->answers[i] = s->channel >= 0 ? ANSWER_OWED : ANSWER_NONE;
    }
    reload_conclude_if_answered(r);
}

static void reload_on_check_exit(struct ev_loop *loop, ev_child *w, int events)
{
    struct reload *r = w->data;
    ev_child_stop(loop, w);
    ev_io_stop(loop, &r->text_watcher);
    const char *why = check_end(&r->check, w->rstatus);
    if (why) {
        reload_not_loaded(r, why);
        reload_drop_trial(r);
        reload_finish(r);
    } else {
        reload_order_all(r);
    }
}

static void reload_on_limit(struct ev_loop *loop, ev_timer *w, int events)
{
    struct reload *r = w->data;
    if (r->state == RELOAD_CHECKING)
        check_kill_late(&r->check); /* and its exit concludes */
    else
        reload_conclude(r);
}

/* --- for the master --------------------------------------------------------------------------- */

bool reload_init(struct reload *r, struct crew *crew, const struct options *o, check_leave *leave,
                 void *arg)
{
    *r = (struct reload){.crew = crew, .options = o, .leave = leave, .arg = arg, .check.pipe = -1};
    r->script_fd = r->trial.script_fd = -1;
    r->answers = calloc(crew->n, sizeof *r->answers);
    if (!r->answers) return false;
    ev_init(&r->text_watcher, reload_on_text);
    ev_child_init(&r->exit_watcher, reload_on_check_exit, 0, 0);
    ev_init(&r->limit, reload_on_limit);
    r->text_watcher.data = r->exit_watcher.data = r->limit.data = r;
    return true;
}

void reload_request(struct reload *r)
{
    if (r->state == RELOAD_IDLE) {
        log_info("reload: SIGHUP: checking script %s", check_script_name(r->options));
        reload_start_check(r);
    } else {
        log_info("reload: SIGHUP: remembered until the one under way is done");
        r->again = true;
    }
}

void reload_take_answer(struct reload *r, const struct slot *s, bool loaded)
{
    if (r->state != RELOAD_WAITING || r->answers[s->index] != ANSWER_OWED) {
        log_info("reload: worker %u answers late: %s", s->index,
                 loaded ? "loaded" : "kept the old script");
        return;
    }
    r->answers[s->index] = loaded ? ANSWER_LOADED : ANSWER_KEPT;
    reload_conclude_if_answered(r);
}

void reload_forget(struct reload *r, const struct slot *s)
{
    r->answers[s->index] = ANSWER_NONE;
    reload_conclude_if_answered(r);
}

void reload_cancel(struct reload *r, bool kill_check)
{
    struct ev_loop *loop = r->crew->loop;
    ev_child_stop(loop, &r->exit_watcher);
    ev_io_stop(loop, &r->text_watcher);
    if (kill_check)
        check_cancel(&r->check);
    else if (r->check.pipe >= 0)
        close(r->check.pipe);
    r->again = false;
    reload_enter(r, RELOAD_IDLE);
}

void reload_release(struct reload *r)
{
    reload_cancel(r, true);
    reload_drop_trial(r);
    if (r->script_fd >= 0) close(r->script_fd);
    free(r->answers);
}
