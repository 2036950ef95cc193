/* `moongate ctl record FILE`: requests of a running moongate, with their outcomes, into a file (src/record/README.md).
 *
 * A session on the admin socket begins the recording and gets a descriptor, from which the datagrams of all workers are read. Nobody waits
 * for this program: what it does not read in time is lost, and counted. So it waits for nothing but the disk. It ends when its time is
 * over, when the files are full, when it is interrupted, or with the service; and in each case the last block is written.
 *
 * When another process takes over the service, the session ends; then a new one is begun with that process, and a gap is marked. What the
 * old workers still send meanwhile is read, too, so more than one descriptor may be open. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/process.h"
#include "base/progress.h"
#include "record/datagram.h"
#include "tools/admin_link.h"
#include "tools/record_asked.h"
#include "tools/record_intake.h"
#include "tools/record_link.h"

enum {
    NICE = 10,
    SOURCES = 4,    /* descriptors: of this process of the service, and of those before it */
    AT_A_TIME = 256 /* datagrams, until the clock is looked at */
};

static const double FLUSH_EVERY = 1, LOOK_EVERY = 0.1, TRY_EVERY = 0.2; /* seconds */
static const double TRY_FOR = 3, ENDING_FOR = 3;

enum run_state {
    RUN_STARTS, /* nothing has come yet */
    RUN_RECORDS,
    RUN_LOOKS, /* the session has ended: is there another process? */
    RUN_ENDS,  /* what is under way is read */
    RUN_DONE
};

/* Written by run_state_becomes alone. */
struct run {
    const struct ctl_options *o;
    struct record_asked asked;
    enum run_state state;
    struct addr_spec spec;
    struct record_link link;
    struct record_files files;
    struct record_intake intake;
    int sources[SOURCES];
    size_t sources_n;
    double began, ends, flushed, lost_at, tried, ending;
    struct progress progress;
    bool is_full; /* --max-size has ended it */
    int code;
};

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
    (void)number;
    is_interrupted = 1;
}

/* A second one ends the process at once. */
static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static uint64_t real_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void run_state_becomes(struct run *r, enum run_state state)
{
    r->state = state;
}

/* It is over; what has been recorded is closed in good order. */
static void stop(struct run *r, int code)
{
    r->code = code;
    run_state_becomes(r, RUN_DONE);
}

/* --- the session ------------------------------------------------------------------------------- */

static bool connects(struct run *r, double seconds)
{
    return record_link_open(&r->link, &r->spec, process_clock() + seconds, r->asked.command);
}

/* The files are made now and not before: a recording that --force replaces is not lost for one that the service refuses. */
static bool begin_files(struct run *r)
{
    const struct record_files_plan plan = {.path = r->o->words[1],
                                           .rotate = r->o->rotate,
                                           .keep = r->o->keep,
                                           .max_size = r->o->max_size,
                                           .force = r->o->force};
    const struct recording_about about = {.version = MOONGATE_VERSION,
                                          .begun_us = real_time(),
                                          .mode = r->asked.mode,
                                          .sample = r->asked.share,
                                          .hashed = r->asked.hashes,
                                          .keep_prefix =
                                              r->o->keep_prefix ? *r->o->keep_prefix : '\0'};
    if (!record_files_open(&r->files, &plan, &about)) return false;
    r->began = process_clock();
    r->ends = r->o->duration > 0 ? r->began + r->o->duration : INFINITY;
    return true;
}

static void could_not_write(struct run *r)
{
    progress_clear(&r->progress);
    stop(r, ctl_complain(EXIT_SCRIPT, "record: %s", r->files.error));
}

static void take_source(struct run *r, int fd)
{
    if (r->sources_n == SOURCES) {
        close(r->sources[0]);
        memmove(r->sources, r->sources + 1, --r->sources_n * sizeof *r->sources);
    }
    r->sources[r->sources_n++] = fd;
    if (r->began == 0 ? begin_files(r)
                      : record_files_gap(&r->files, r->intake.last_us, real_time(),
                                         "another process has taken over the service"))
        run_state_becomes(r, RUN_RECORDS);
    else
        could_not_write(r);
}

static void begin_to_look(struct run *r)
{
    r->lost_at = process_clock();
    r->tried = 0;
    run_state_becomes(r, RUN_LOOKS);
}

static void is_refused(struct run *r)
{
    if (r->state == RUN_LOOKS) return; /* it drains, perhaps: it is asked again */
    progress_clear(&r->progress);
    stop(r, ctl_complain(EXIT_SCRIPT, "record: %s", r->link.error));
}

static void read_session(struct run *r)
{
    for (int data; r->state != RUN_DONE;) {
        switch (record_link_read(&r->link, &data)) {
        case LINK_NONE: return;
        case LINK_BEGUN: take_source(r, data); break;
        case LINK_REFUSED: is_refused(r); break;
        case LINK_ENDED:
            r->ending = process_clock() + ENDING_FOR;
            run_state_becomes(r, RUN_ENDS);
            break;
        case LINK_TAKEN_OVER:
        case LINK_CLOSED:
            if (r->state == RUN_STARTS || r->state == RUN_RECORDS) begin_to_look(r);
            break;
        }
    }
}

/* Another process of the service may answer at the socket, soon. */
static void look(struct run *r, double now)
{
    if (now - r->tried >= TRY_EVERY && r->link.fd < 0) {
        r->tried = now;
        (void)connects(r, 0.1);
    }
    if (now - r->lost_at < TRY_FOR) return;
    progress_clear(&r->progress);
    stop(r, ctl_complain(EXIT_SYSTEM,
                         "record: the service has ended, or takes no more commands (%s)%s%s",
                         r->link.error[0] ? r->link.error : "no answer",
                         r->began > 0 ? ": what came before is in " : "", r->files.name));
}

/* --- what comes -------------------------------------------------------------------------------- */

static void take(struct run *r, const uint8_t *bytes, size_t len)
{
    enum intake_status status = record_intake_take(&r->intake, bytes, len);
    if (status == INTAKE_OK) return;
    progress_clear(&r->progress);
    stop(r, ctl_complain(EXIT_SCRIPT, "record: %s",
                         status == INTAKE_WRONG ? r->intake.wrong : r->files.error));
}

/* False: it has ended. */
static bool read_source(struct run *r, int fd)
{
    uint8_t bytes[DATAGRAM_MAX];
    for (int i = 0; i < AT_A_TIME && r->state != RUN_DONE && !record_files_are_full(&r->files);
         i++) {
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (n <= 0) return false;
        take(r, bytes, (size_t)n);
    }
    return true;
}

static void read_sources(struct run *r, const struct pollfd *polled)
{
    size_t left = 0;
    for (size_t i = 0; i < r->sources_n; i++) {
        int fd = r->sources[i];
        if (!polled[i].revents || r->state == RUN_DONE || read_source(r, fd))
            r->sources[left++] = fd;
        else
            close(fd);
    }
    r->sources_n = left;
}

/* --- in the end -------------------------------------------------------------------------------- */

static void begin_to_end(struct run *r)
{
    record_link_end(&r->link);
    r->ending = process_clock() + ENDING_FOR;
    run_state_becomes(r, r->sources_n ? RUN_ENDS : RUN_DONE);
}

static void look_at_clock(struct run *r)
{
    double now = process_clock();
    bool is_on = r->began > 0 && (r->state == RUN_RECORDS || r->state == RUN_LOOKS);
    if (r->began == 0 && (is_interrupted || now >= r->ends))
        stop(r,
             is_interrupted
                 ? EXIT_OK
                 : ctl_complain(EXIT_SYSTEM, "record: no answer in time: --timeout gives it more"));
    else if (is_on && (r->is_full = record_files_are_full(&r->files)))
        stop(r, EXIT_OK);
    else if (is_on && (is_interrupted || now >= r->ends))
        begin_to_end(r);
    else if (r->state == RUN_LOOKS)
        look(r, now);
    else if (r->state == RUN_ENDS && (now >= r->ending || r->sources_n == 0))
        run_state_becomes(r, RUN_DONE);
    if (r->began == 0 || r->state == RUN_DONE || now - r->flushed < FLUSH_EVERY) return;
    r->flushed = now;
    if (!record_files_flush(&r->files)) could_not_write(r);
}

static void show_progress(struct run *r)
{
    if (isfinite(r->ends))
        snprintf(r->progress.what, sizeof r->progress.what, "record, %.0f s left,",
                 fmax(0, r->ends - process_clock()));
    progress_step(&r->progress, r->intake.takes, 0, record_files_bytes(&r->files));
}

static void run(struct run *r)
{
    while (r->state != RUN_DONE) {
        struct pollfd polled[SOURCES + 1];
        size_t n = r->sources_n;
        for (size_t i = 0; i < n; i++)
            polled[i] = (struct pollfd){.fd = r->sources[i], .events = POLLIN};
        polled[n] = (struct pollfd){.fd = r->link.fd, .events = POLLIN};
        (void)poll(polled, n + 1, (int)(LOOK_EVERY * 1000));
        if (r->state != RUN_DONE) read_sources(r, polled);
        if (r->link.fd >= 0) read_session(r);
        look_at_clock(r);
        if (r->state == RUN_RECORDS) show_progress(r);
    }
    progress_clear(&r->progress);
}

static void print_json(const struct run *r, double seconds)
{
    struct json j;
    json_begin(&j, stdout);
    json_text(&j, "type", "recorded");
    json_text(&j, "file", r->o->words[1]);
    json_number(&j, "files", r->files.kept);
    json_number(&j, "bytes", r->files.done);
    json_fraction(&j, "seconds", seconds);
    json_number(&j, "requests", r->intake.takes);
    json_number(&j, "lost", r->intake.lost);
    json_fraction(&j, "least_share", r->intake.least_share / (double)UINT32_MAX);
    json_end(&j);
}

/* On stderr: the standard output may be the file. */
static void print_summary(const struct run *r)
{
    double seconds = r->began > 0 ? process_clock() - r->began : 0;
    double share = 100 * (r->intake.least_share / (double)UINT32_MAX);
    if (r->o->json && strcmp(r->o->words[1], "-") != 0) {
        print_json(r, seconds);
        return;
    }
    fprintf(stderr, "moongate: ctl: record: %llu requests in %.1f s, %llu lost",
            (unsigned long long)r->intake.takes, seconds, (unsigned long long)r->intake.lost);
    if (share < 99.9 * r->asked.share)
        fprintf(stderr, "; at times only %.3g %% of the keys", share);
    fprintf(stderr, "; %llu bytes in %u file%s: %s\n", (unsigned long long)r->files.done,
            r->files.kept, r->files.kept == 1 ? "" : "s", r->files.name);
    if (r->is_full) fputs("moongate: ctl: record: ended at --max-size\n", stderr);
}

/* --- the tool ---------------------------------------------------------------------------------- */

static int record(struct run *r)
{
    double timeout = r->o->timeout > 0 ? r->o->timeout : 10;
    if (!connects(r, timeout)) return ctl_complain(EXIT_BIND, "%s", r->link.error);
    record_intake_init(&r->intake, &r->files, r->asked.hashes ? &r->asked.hasher : NULL);
    r->ends = process_clock() + timeout;
    progress_begin(&r->progress, progress_terminal(), "record", "requests");
    run(r);
    if (!record_files_close(&r->files) && r->code == EXIT_OK)
        r->code = ctl_complain(EXIT_SCRIPT, "record: %s", r->files.error);
    if (r->began > 0) print_summary(r);
    record_intake_release(&r->intake);
    return r->code;
}

int ctl_record(const struct ctl_options *o)
{
    struct run r = {.o = o, .link = {.fd = -1}};
    char error[ADMIN_LINK_ERROR];
    int code = record_asked_read(&r.asked, o);
    if (code != EXIT_OK) return code;
    catch_signals();
    (void)!nice(NICE); /* what the machine is short of is for the service first */
    code = admin_link_find(o->socket, &r.spec, error) ? record(&r)
                                                      : ctl_complain(EXIT_BIND, "%s", error);
    for (size_t i = 0; i < r.sources_n; i++) close(r.sources[i]);
    record_link_close(&r.link);
    record_asked_release(&r.asked);
    return code;
}
