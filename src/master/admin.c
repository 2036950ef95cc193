/* A session's life: it is accepted (doors), sends lines (net/lines.h), and each line is a command that is answered before the next one is
 * looked at. A command that has to wait says for what (session_waits); what it waits for calls back here, or its time limit does.
 *
 * What a session may cost: its struct, one line, its answer. The master writes an answer at once as far as the kernel takes it; a session
 * that does not read it within STUCK seconds is closed, and so is one for which too much is held. Where all ADMIN_SESSIONS are taken, the one
 * that has been quiet longest makes room: so nobody keeps an operator out by connecting often.
 */
#include "master/admin.h"

#include "base/log.h"
#include "base/utf8.h"
#include "master/master_state.h"
#include "net/bind.h"
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const double STUCK = 10; /* seconds that a session may leave its answer unread */
static const double LOOK = 1;

/* --- what a session says ----------------------------------------------------------------------- */

void session_say(struct session *s, const char *text, size_t len)
{
    if (s->wait == ADMIN_WATCH)
        lines_add(&s->lines, text, len); /* events come many at a time */
    else
        lines_say(&s->lines, text, len);
}

/* The only function that writes the wait. */
void session_waits(struct session *s, enum admin_wait wait, double seconds)
{
    struct ev_loop *loop = s->lines.loop;
    if (s->wait == ADMIN_WATCH) session_leaves_watch(s);
    if (s->wait == ADMIN_RECORD) session_leaves_record(s);
    s->wait = wait;
    ev_timer_stop(loop, &s->limit);
    ev_timer_set(&s->limit, seconds, 0);
    if (wait != ADMIN_NOTHING && seconds > 0) ev_timer_start(loop, &s->limit);
    lines_pause(&s->lines, wait != ADMIN_NOTHING && wait != ADMIN_WATCH && wait != ADMIN_RECORD);
}

/* The command is done. A session that has sent too many has to wait for the next second. */
static void session_done(struct session *s)
{
    double now = ev_now(s->lines.loop);
    s->used = now;
    s->held.len = 0;
    s->held.is_cut = false;
    if (now - s->second >= 1 || now < s->second) {
        s->second = now;
        s->in_second = 0;
    }
    if (++s->in_second < ADMIN_A_SECOND)
        session_waits(s, ADMIN_NOTHING, 0);
    else
        session_waits(s, ADMIN_RATE, 1.01 - (now - s->second));
}

void session_end(struct session *s)
{
    const char *end = s->json ? "{\"ok\":true}\n" : "END\n";
    session_say(s, end, strlen(end));
    session_done(s);
}

void session_fail(struct session *s, const char *format, ...)
{
    char why[1024], shown[1100], *text = NULL;
    size_t size;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    FILE *to = open_memstream(&text, &size);
    if (n < 0 || !to) abort();
    utf8_show(shown, sizeof shown, why, strlen(why));
    struct json j;
    if (s->json) {
        json_begin(&j, to);
        json_flag(&j, "ok", false);
        json_text(&j, "error", shown);
        json_end(&j);
    } else {
        fprintf(to, "ERROR %s\n", shown);
    }
    if (fclose(to) != 0) abort();
    session_say(s, text, size);
    free(text);
    session_done(s);
}

void session_log(const struct session *s)
{
    char words[256] = "", shown[300];
    for (unsigned i = 1; i < ADMIN_WORDS && s->words[i][0]; i++) {
        strncat(words, " ", sizeof words - strlen(words) - 1);
        strncat(words, s->words[i], sizeof words - strlen(words) - 1);
    }
    utf8_show(shown, sizeof shown, words, strlen(words));
    log_info("admin: %s%s by uid %d pid %d", s->command->name, shown, (int)s->lines.uid,
             (int)s->lines.pid);
}

/* --- sessions ---------------------------------------------------------------------------------- */

static void session_destroy(struct session *s)
{
    struct admin *a = s->admin;
    struct session **at = &a->sessions;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    a->n--;
    if (s->ask) ask_drop(&a->master->asks, s->ask);
    if (s->wait == ADMIN_WATCH) session_leaves_watch(s);
    if (s->wait == ADMIN_RECORD) session_leaves_record(s);
    ev_timer_stop(s->lines.loop, &s->limit);
    lines_close(&s->lines);
    records_release(&s->held);
    free(s);
}

/* A lines_over_fn. */
static void on_over(void *arg, const char *why)
{
    log_debug("admin: session closed: %s", why);
    session_destroy(arg);
}

static void on_line(void *arg, char *line, size_t len)
{
    struct session *s = arg;
    if (s->wait == ADMIN_WATCH) session_ends_watch(s);
    if (s->wait == ADMIN_RECORD) session_ends_record(s, "its session has sent a line");
    if (s->wait == ADMIN_RATE) { /* the watch was the last one of this second */
        memcpy(s->later, line, len + 1);
        s->later_len = len;
        return;
    }
    assert(s->wait == ADMIN_NOTHING);
    s->used = ev_now(s->lines.loop);
    if (len == 0) return;
    session_parse(s, line, len);
}

/* The next second has come. */
static void go_on(struct session *s)
{
    size_t len = s->later_len;
    s->later_len = 0;
    session_waits(s, ADMIN_NOTHING, 0);
    if (len > 0) session_parse(s, s->later, len);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct session *s = timer->data;
    if (s->wait == ADMIN_RATE)
        go_on(s);
    else if (s->wait == ADMIN_RECORD)
        session_ends_record(s, "its time is over");
    else
        session_is_late(s);
}

/* The one that has been quiet longest; NULL: all wait for something. */
static struct session *find_quiet(const struct admin *a)
{
    struct session *quiet = NULL;
    for (struct session *s = a->sessions; s; s = s->next)
        if ((s->wait == ADMIN_NOTHING || s->wait == ADMIN_RATE) &&
            (!quiet || s->used < quiet->used))
            quiet = s;
    return quiet;
}

static bool reads_only(const struct admin *a, uint32_t listener)
{
    const struct option_list *items = &a->master->options->admin;
    struct bind_spec spec;
    char item[BIND_ITEM_MAX];
    bool read_only = false;
    if (listener < items->n)
        (void)!bind_parse_admin(&spec, &read_only, item, items->items[listener]);
    return read_only;
}

/* A doors_take_fn. */
static void take(void *owner, int fd, const struct listener *l)
{
    struct admin *a = owner;
    struct session *quiet = a->n == ADMIN_SESSIONS ? find_quiet(a) : NULL;
    if (quiet) session_destroy(quiet);
    struct session *s = a->n < ADMIN_SESSIONS ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        listener_refuse(fd, NULL);
        return;
    }
    s->admin = a;
    s->reads_only = reads_only(a, l->number);
    s->next = a->sessions;
    a->sessions = s;
    a->n++;
    records_init(&s->held, ASK_BYTES);
    ev_init(&s->limit, on_limit);
    s->limit.data = s;
    s->used = ev_now(a->master->loop);
    lines_open(&s->lines, a->master->loop, fd, on_line, on_over, s);
    log_debug("admin: session of uid %d pid %d", (int)s->lines.uid, (int)s->lines.pid);
    if (!ev_is_active(&a->look)) ev_timer_again(a->master->loop, &a->look);
}

static void refused(void *owner)
{
    log_warn("admin: no descriptor is free; raise the limit (ulimit -n)");
}

static void rested(void *owner)
{
    struct admin *a = owner;
    doors_watch(&a->doors, true);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct admin *a = timer->data;
    for (struct session *s = a->sessions, *next; s; s = next) {
        next = s->next;
        if (lines_stuck(&s->lines) > STUCK) on_over(s, "it does not read its answers");
    }
    if (!a->sessions) ev_timer_stop(loop, timer);
}

/* --- what they wait for ------------------------------------------------------------------------ */

/* Calls act for each session that waits for that; act may end the wait, and closes none. */
static void for_waiting(struct admin *a, enum admin_wait wait, void (*act)(struct session *s))
{
    for (struct session *s = a->sessions; s; s = s->next)
        if (s->wait == wait) act(s);
}

static void tell_reload(struct session *s)
{
    struct admin *a = s->admin;
    const struct master *m = a->master;
    bool is_its = s->wait == ADMIN_RELOAD ? a->is_reload && s->number <= a->reloads
                                          : !a->is_reload && s->number <= a->returns;
    if (!is_its) return;
    if (a->last == RELOAD_REFUSED) {
        /* The traceback is in the log. */
        session_fail(s, "%.*s: generation %u goes on", (int)strcspn(m->reload.refused, "\n"),
                     m->reload.refused, m->crew->generation);
        return;
    }
    records_release(&s->held);
    record_begin(&s->held, "reload");
    record_text(&s->held, "outcome", a->last == RELOAD_BACK ? "rolled back" : "accepted");
    record_number(&s->held, "generation", m->crew->generation);
    record_end(&s->held);
    session_show(s, &s->held, true, NULL);
    session_end(s);
}

void admin_take_reload(struct admin *a, enum reload_news news, bool goes_back)
{
    if (news == RELOAD_BEGINS) {
        a->is_reload = !goes_back;
        a->reloads += a->is_reload;
        a->returns += goes_back;
    }
    if (news != RELOAD_DONE && news != RELOAD_BACK && news != RELOAD_REFUSED) return;
    a->last = news;
    for_waiting(a, ADMIN_RELOAD, tell_reload);
    for_waiting(a, ADMIN_ROLLBACK, tell_reload);
}

static void tell_upgraded(struct session *s)
{
    char text[64];
    int pid = (int)s->admin->master->upgrade.pid;
    int n = s->json ? snprintf(text, sizeof text, "{\"type\":\"upgrade\",\"pid\":%d}\n", pid)
                    : snprintf(text, sizeof text, "process %d serves\n", pid);
    session_say(s, text, (size_t)n);
    session_end(s);
}

static void tell_not_upgraded(struct session *s)
{
    session_fail(s, "not upgraded: %s", s->admin->master->upgrade.failure);
}

void admin_take_upgrade(struct admin *a, bool is_done)
{
    for_waiting(a, ADMIN_UPGRADE, is_done ? tell_upgraded : tell_not_upgraded);
}

void admin_take_ready(struct admin *a)
{
    record_order_tell(&a->record);
}

void admin_take_steered(struct admin *a)
{
    for_waiting(a, ADMIN_STEERING, session_look_steered);
}

/* --- life -------------------------------------------------------------------------------------- */

bool admin_init(struct admin *a, struct master *m)
{
    *a = (struct admin){.master = m, .listeners = m->seat->admin};
    ev_init(&a->look, on_look);
    a->look.repeat = LOOK;
    a->look.data = a;
    record_order_init(&a->record, m->crew, admin_take_gone, a);
    struct doors_keeper keeper = {take, refused, rested, a};
    return !a->listeners || doors_init(&a->doors, m->loop, a->listeners, keeper);
}

void admin_open(struct admin *a)
{
    if (!a->listeners) return;
    listeners_own(a->listeners);
    doors_watch(&a->doors, true);
}

void admin_shut(struct admin *a, const char *why)
{
    doors_watch(&a->doors, false);
    for (struct session *s = a->sessions; s; s = s->next) {
        if (s->ask) ask_drop(&a->master->asks, s->ask);
        s->ask = NULL;
        session_fail(s, "%s", why); /* also to a command that lies in the socket, unread */
        session_waits(s, ADMIN_NOTHING, 0);
        lines_end(&s->lines);
    }
}

void admin_leave_to(struct admin *a)
{
    if (a->listeners) listeners_close(a->listeners, false);
}

void admin_release(struct admin *a)
{
    if (!a->master) return;
    record_order_stop(&a->record);
    for (struct session *s = a->sessions, *next; s; s = next) {
        next = s->next;
        session_destroy(s);
    }
    ev_timer_stop(a->master->loop, &a->look);
    if (!a->listeners) return;
    doors_stop(&a->doors);
    doors_release(&a->doors);
}
