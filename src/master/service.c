#include "master/service.h"

#include "base/log.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double CATCH_UP_EVERY = 1;

/* 2 of 2 workers, generation 3; last reload 2026-01-31T12:00:00Z: accepted */
static const char *compose(const struct service *s, char *text)
{
    snprintf(text, SERVICE_STATUS_MAX, "%u of %u workers, generation %u; last reload %s%s",
             crew_count(s->crew, SLOT_READY), s->crew->n, s->crew->generation,
             s->reload[0] ? s->reload : "none",
             s->runs_last_good ? "; the last good script runs, not the file" : "");
    return text;
}

/* The state goes with every READY. */
static void tell_ready(struct service *s)
{
    assert(s->is_ready && !s->stops);
    const char *status = compose(s, s->status);
    if (s->crew->options->daemonize) /* not the process that the manager has started */
        notify_say(s->notify, "READY=1\nMAINPID=%d\nSTATUS=%s", (int)getpid(), status);
    else
        notify_say(s->notify, "READY=1\nSTATUS=%s", status);
}

static void on_watchdog(struct ev_loop *loop, ev_timer *w, int events)
{
    const struct service *s = w->data;
    notify_ping(s->notify);
}

static void on_catch_up(struct ev_loop *loop, ev_timer *w, int events)
{
    const struct service *s = w->data;
    log_catch_up();
    notify_catch_up(s->notify);
}

void service_init(struct service *s, const struct crew *crew, struct notify *notify)
{
    *s = (struct service){
        .crew = crew, .notify = notify, .runs_last_good = crew->options->runs_last_good};
    ev_timer_init(&s->watchdog, on_watchdog, 0, notify->watchdog / 2);
    ev_timer_init(&s->catch_up, on_catch_up, CATCH_UP_EVERY, CATCH_UP_EVERY);
    s->watchdog.data = s->catch_up.data = s;
    ev_timer_start(crew->loop, &s->catch_up);
}

void service_is_ready(struct service *s)
{
    if (s->stops) return;
    s->is_ready = true;
    tell_ready(s);
    if (s->notify->watchdog > 0) ev_timer_start(s->crew->loop, &s->watchdog);
}

/* The manager compares the time with that of its own order: a message without it counts for none. */
void service_reloads(struct service *s)
{
    struct timespec now;
    if (!s->is_ready || s->stops) return;
    s->reloads = true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    notify_say(s->notify, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)usec);
}

void service_has_reloaded(struct service *s, enum reload_news news)
{
    static const char *const how[] = {
        [RELOAD_DONE] = "accepted", [RELOAD_BACK] = "rolled back", [RELOAD_REFUSED] = "refused"};
    assert(news == RELOAD_DONE || news == RELOAD_BACK || news == RELOAD_REFUSED);
    s->reloads = false;
    if (news != RELOAD_REFUSED) s->runs_last_good = news == RELOAD_BACK;
    char when[32];
    struct tm parts;
    time_t now = time(NULL);
    gmtime_r(&now, &parts);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
    snprintf(s->reload, sizeof s->reload, "%s: %s", when, how[news]);
    if (s->is_ready && !s->stops) tell_ready(s);
}

void service_look(struct service *s)
{
    char text[SERVICE_STATUS_MAX];
    if (!s->is_ready || s->reloads || s->stops || strcmp(compose(s, text), s->status) == 0) return;
    strcpy(s->status, text);
    notify_say(s->notify, "STATUS=%s", text);
}

void service_stops(struct service *s)
{
    assert(!s->stops);
    s->stops = true;
    notify_say(s->notify, "STOPPING=1\nSTATUS=draining");
}

void service_leaves_to(struct service *s, int pid)
{
    assert(!s->stops);
    s->stops = true;
    notify_say(s->notify, "MAINPID=%d", pid);
    ev_timer_stop(s->crew->loop, &s->watchdog);
}

void service_stop(struct service *s)
{
    ev_timer_stop(s->crew->loop, &s->watchdog);
    ev_timer_stop(s->crew->loop, &s->catch_up);
}
