/* `record`: a session gets a descriptor from which it reads what workers record (record/datagram.h). The master sees none of it. The session's
 * next line ends the recording, or its time, or the end of its reader; then its answer says what was recorded.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "master/admin.h"
#include "master/master_state.h"
#include "worker/option_values.h"

static const double LONGEST = 24 * 3600; /* seconds */

/* What is asked for. */
struct record_plan {
    struct feed_settings settings;
    double share, limit; /* limit: seconds; 0: none */
};

/* --- words ------------------------------------------------------------------------------------- */

static bool put_mode(struct feed_settings *settings, const char *word)
{
    for (unsigned i = 0; i < RECORDING_MODE_COUNT; i++) {
        if (strcmp(word, recording_mode_text((enum recording_mode)i)) != 0) continue;
        settings->mode = (enum recording_mode)i;
        return true;
    }
    return false;
}

static const char *put_share(struct record_plan *p, const char *text)
{
    if (!option_share(text, &p->share) || p->share <= 0 || p->share > 1)
        return "give a share of the keys above 0, such as 1% or 0.01";
    p->settings.share = (uint32_t)(p->share * UINT32_MAX);
    return p->settings.share ? NULL : "give a larger share of the keys";
}

static const char *put_prefix(struct record_plan *p, const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > TAKE_KEY) return "a prefix has 1 to 250 bytes";
    p->settings.prefix_len = (uint8_t)len;
    memcpy(p->settings.prefix, text, len);
    return NULL;
}

static const char *put_limit(struct record_plan *p, const char *text)
{
    if (!option_time(text, &p->limit) || p->limit <= 0 || p->limit > LONGEST)
        return "give a time such as 60s, up to 24h";
    return NULL;
}

static const char *put(struct record_plan *p, const char *word, const char *value)
{
    if (strcmp(word, "sample") == 0) return put_share(p, value);
    if (strcmp(word, "key") == 0) return put_prefix(p, value);
    if (strcmp(word, "for") == 0) return put_limit(p, value);
    return "not a word of record: help lists them";
}

/* False after a complaint. */
static bool read_plan(struct session *s, struct record_plan *p)
{
    const char(*words)[LINES_LINE] = s->words;
    *p = (struct record_plan){.settings = {.mode = RECORDING_SIZES, .share = UINT32_MAX}};
    p->share = 1;
    for (unsigned i = 1; i < ADMIN_WORDS && words[i][0]; i++) {
        const char *word = words[i];
        if (put_mode(&p->settings, word)) continue;
        const char *value = i + 1 < ADMIN_WORDS ? words[++i] : "";
        const char *wrong = put(p, word, value);
        if (!wrong) continue;
        session_fail(s, "record: %.40s %.100s: %s", word, value, wrong);
        return false;
    }
    return true;
}

/* --- beginning --------------------------------------------------------------------------------- */

/* False after a complaint. */
static bool may_begin(struct session *s, const struct record_plan *p)
{
    const struct admin *a = s->admin;
    if (p->settings.mode == RECORDING_VALUES && s->reads_only)
        session_fail(s,
                     "record: values need the right to change, and this socket is read-only: use "
                     "one that is not, or record sizes");
    else if (a->records)
        session_fail(s,
                     "record: one recording at a time: that of uid %d pid %d is not over: end it",
                     (int)a->records->lines.uid, (int)a->records->lines.pid);
    else if (a->master->state != MASTER_RUNNING)
        session_fail(s, "record: the service drains");
    else
        return true;
    return false;
}

static int print_begun(const struct session *s, const struct record_plan *p, char *text,
                       size_t room)
{
    uint32_t workers = s->admin->master->crew->n;
    const char *mode = recording_mode_text(p->settings.mode);
    if (s->json)
        return snprintf(text, room, "{\"type\":\"recording\",\"workers\":%u,\"mode\":\"%s\"}\n",
                        workers, mode);
    return snprintf(
        text, room,
        "# recording of %u workers: %s: datagrams come by the descriptor of this line\n", workers,
        mode);
}

void session_run_record(struct session *s)
{
    struct admin *a = s->admin;
    struct record_plan p;
    char text[256];
    if (!read_plan(s, &p) || !may_begin(s, &p)) return;
    int fd = record_order_begin(&a->record, &p.settings);
    if (fd < 0) {
        session_fail(s, "record: no socket for it: %s%s", strerror(errno),
                     errno == EMSGSIZE ? ": raise net.core.wmem_max to 200000 at least" : "");
        return;
    }
    int n = print_begun(s, &p, text, sizeof text);
    bool is_passed = lines_pass(&s->lines, text, (size_t)n, fd);
    close(fd);
    if (!is_passed) {
        (void)record_order_end(&a->record);
        session_fail(s,
                     "record: the descriptor could not be passed: read all earlier answers first");
        return;
    }
    a->records = s;
    session_log(s);
    session_waits(s, ADMIN_RECORD, p.limit);
}

/* --- its end ----------------------------------------------------------------------------------- */

static struct record_count end(struct session *s, const char *why)
{
    struct record_count n = record_order_end(&s->admin->record);
    s->admin->records = NULL;
    if (!s->admin->record.crew) return n; /* in a forked child it is the parent's */
    log_info(
        "admin: record by uid %d pid %d has ended: %s: %.1f s, %llu requests recorded, %llu lost",
        (int)s->lines.uid, (int)s->lines.pid, why, n.seconds, (unsigned long long)n.recorded,
        (unsigned long long)n.lost);
    return n;
}

void session_ends_record(struct session *s, const char *why)
{
    struct record_count n = end(s, why);
    record_begin(&s->held, "recorded");
    record_tenths(&s->held, "seconds", n.seconds);
    record_number(&s->held, "requests", n.recorded);
    record_number(&s->held, "lost", n.lost);
    record_text(&s->held, "ended", why);
    record_end(&s->held);
    session_show(s, &s->held, true, NULL);
    session_end(s);
}

void session_leaves_record(struct session *s)
{
    if (s->admin->records == s) (void)end(s, "its session is over");
}

void admin_take_gone(void *arg)
{
    struct admin *a = arg;
    if (a->records) session_ends_record(a->records, "its reader has closed the descriptor");
}
