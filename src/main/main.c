/* The order in which the process comes up and goes down, and why.
 *
 * A command (`moongate explain ...`) is chosen by the first argument alone, before any option is read, because each command has
 * its own options. All that follows is about the daemon. Each step must succeed before the next one begins, and each failure
 * prints one line that says what to correct.
 *
 *  1. Descriptors 0, 1 and 2 are occupied and signals are set to a known state, before anything is opened or forked.
 *  2. The command line is read whole; of a moongate that is called by another program's name it is translated first (as_other.h). A typing error must not cost a running service anything, so nothing has been touched yet.
 *  3. The script's file is copied into memory, and step 5 adds the files that it requires. All workers, also those that start later,
 *     load this copy: a file that changes in between cannot give two workers two scripts.
 *  4. What the service manager has passed is taken: sockets, and where it takes messages about the service. Both are for the process that was
 *     started, so this comes before any fork. The user of --user is looked up, since the files of unix sockets and the log file may go to
 *     that user. The log file is opened, so that no line goes elsewhere. The names of --advertise are looked up, which may take long.
 *  5. A child loads the script on trial (master/check.h). This comes before the listeners: a client that connects finds a service
 *     whose script is known to load, and a script that does not load takes no port. It is a child because the master runs no
 *     script (I7, I13): one that loops for ever is killed, and one that crashes ends the start with a message. The child is the
 *     user of --user: what that user may not read is missed now, and not at the first reload. With --start-with-last-good a script that
 *     does not load, or cannot be read in step 3, is replaced by the one that was kept in --state-dir, which is checked likewise.
 *  6. The listeners are bound, or taken from what was passed, while the process may still be root, as ports below 1024 and many folders of sockets require it.
 *  7. With --daemonize the process forks. The parent stays on the terminal and passes on how the child fares, so that all
 *     complaints up to step 10 are seen where the command was typed, and the shell gets the exit code.
 *  8. The pid file is written: after the fork, because only the child knows the id that goes into it; before the user changes,
 *     because /run belongs to root.
 *  9. The process becomes the user of --user. From here on it can no longer become root. No worker exists before, so neither a
 *     script that serves nor a client ever meets a process with root's rights. Now it can be seen, and is logged, which files it
 *     cannot remove at the end; and whether it can write to --state-dir.
 * 10. With --daemonize the terminal is given up: the log goes to syslog unless it has a file, and the parent exits
 *     with 0.
 * 11. The master runs (or, with --single-process, the one worker), until it has drained or a signal cuts that short.
 *
 * A process that is started by an upgrade (SIGUSR2, see master/upgrade.h) goes the same way, but for three steps: it takes sockets in step 4 that
 * it need not bind in step 6; it is in the background already if it is to be, so step 7 is left out; and the pid file names the process before until this one
 * is ready, so step 8 comes when the master says so (claim).
 *
 * It goes down in the opposite order: workers, pid file, listeners (when a drain has not closed them already) and the files of
 * their sockets, script, options. No worker removes a file. Another moongate may have replaced the pid file or a socket in the
 * meantime; both removals look first.
 *
 * What must never happen: output that is lost while the exit code says success (see base/output.h); a listener that outlives a
 * failed start; a worker that runs before the user is switched; a path that returns to the shell without its line on stderr.
 */
#include "base/board.h"
#include "base/log.h"
#include "base/output.h"
#include "base/process.h"
#include "main/admin_sockets.h"
#include "main/as_other.h"
#include "main/background.h"
#include "main/binary.h"
#include "main/command_line.h"
#include "main/commands.h"
#include "main/help.h"
#include "main/last_good.h"
#include "main/log_file.h"
#include "main/metrics_sockets.h"
#include "main/user.h"
#include "master/check.h"
#include "master/master.h"
#include "net/listener.h"
#include "net/notify.h"
#include "net/passed.h"
#include "net/tickets.h"
#include "script/modules.h"
#include "worker/options.h"
#include "worker/source.h"
#include "worker/store_memory.h"
#include "worker/worker.h"
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The process that started this one may have left signals ignored or blocked. With SIGCHLD ignored, the kernel would drop the
 * exit status of our children. SIGPIPE is ignored because a write to a peer that has closed returns EPIPE, and that is handled;
 * SIGXFSZ because a write beyond the limit of a file's size (ulimit -f), also of the script's copy in memory, returns EFBIG.
 */
static void signals_begin(void)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* One process is master and worker: a debugger or a sanitizer sees everything. The board is for one worker, as the counters need
 * it. */
static int run_single(const struct options *o, struct listeners *listeners)
{
    struct board *board = board_create(1, o->shared_memory);
    if (!board) {
        log_error("board: not mapped: %s: give the process more memory", strerror(errno));
        return EXIT_SYSTEM;
    }
    struct worker_seat seat = {.options = o,
                               .board = board,
                               .generation = 1,
                               .script_fd = o->script_fd,
                               .stores = store_memory_map(o, NULL),
                               .tickets = tickets_create(NULL, process_clock()),
                               .channel = -1,
                               .labels = &listeners->labels,
                               .listeners = listeners};
    int code = worker_run(&seat);
    if (seat.tickets) tickets_destroy(seat.tickets);
    board_destroy(board);
    store_region_destroy(seat.stores);
    return code;
}

/* What all steps from the 4th on work with. */
struct service_parts {
    struct options *options;
    struct passed passed;
    struct inherited inherited;
    struct notify notify;
    struct upgrade_command command;
    struct listeners *admin, *metrics, *stats; /* NULL: none */
    const struct as_other *as;
};

static bool is_upgrade(const struct service_parts *s)
{
    return s->inherited.pid > 0;
}

/* The pid file names this process from now on. */
static bool claim(const struct options *o, pid_t before)
{
    bool good = !o->pid_file || pid_file_write(o->pid_file, o->user, before);
    if (!good && before > 0) log_error("upgrade: pid file %s: not written", o->pid_file);
    return good;
}

/* Steps 9 to 11. What goes wrong up to background_detach is seen on the terminal, and what comes after it in the log. */
static int serve_prepared(struct service_parts *s, struct listeners *listeners)
{
    const struct options *o = s->options;
    struct master_seat seat = {.options = o,
                               .listeners = listeners,
                               .admin = s->admin,
                               .metrics = s->metrics,
                               .stats = s->stats,
                               .notify = &s->notify,
                               .inherited = &s->inherited,
                               .command = &s->command,
                               .claim = claim};
    if (o->user && !user_switch(o->user)) return EXIT_SYSTEM;
    listeners_check_files(listeners);
    if (s->admin) listeners_check_files(s->admin);
    if (o->pid_file) pid_file_check(o->pid_file);
    if (!last_good_check_dir(o)) return EXIT_SYSTEM;
    if (o->daemonize && !is_upgrade(s) && !background_detach(!o->log_file)) return EXIT_SYSTEM;
    if (o->daemonize && is_upgrade(s)) background_close_stderr();
    if (o->user && is_upgrade(s)) user_hides();
    return o->single_process ? run_single(o, listeners) : master_run(&seat);
}

/* Steps 7 and 8, and the end of the pid file. */
static int serve_bound(struct service_parts *s, struct listeners *listeners)
{
    const struct options *o = s->options;
    if (o->daemonize && !is_upgrade(s) && !background_enter()) return EXIT_SYSTEM;
    if (!is_upgrade(s) && !claim(o, 0)) return EXIT_SYSTEM;
    int code = serve_prepared(s, listeners);
    if (o->pid_file) pid_file_remove(o->pid_file);
    return code;
}

/* A check_leave. A user that is not root may not switch: step 9 says so. */
static void become_user(void *arg)
{
    const struct options *o = arg;
    if (o->user && geteuid() == 0 && !user_switch(o->user)) _exit(EXIT_SYSTEM);
}

/* Step 5, and what -t does. */
static int check(struct options *o, bool quiet)
{
    if (o->user && o->script && !user_may_read(o->user, o->script)) return EXIT_SCRIPT;
    return check_run(o, quiet, become_user, o);
}

/* Step 5 of a start. A script that does not load may have one in --state-dir that does. */
static int check_some(struct options *o)
{
    bool is_read = o->script_fd >= 0 || !o->script;
    int code = is_read ? check(o, true) : EXIT_SCRIPT;
    if (code != EXIT_SCRIPT || !o->start_with_last_good || !last_good_take(o)) return code;
    return check_run(o, true, become_user, o);
}

/* The names of extra passed sockets: scripts know them as if -b had named them. */
static void add_names(struct options *o, const struct passed *passed)
{
    char text[PASSED_TEXT_MAX];
    for (size_t i = 0; i < passed->n; i++)
        if (passed->items[i].is_extra) options_add_bind(o, passed_print(&passed->items[i], text));
}

/* The listeners of --bind and of the script. The default of --bind stands neither beside passed sockets nor beside mg.listen. */
static struct listeners *create_listeners(struct service_parts *s)
{
    struct options *o = s->options;
    struct source_listeners script;
    if (!source_listeners(o->script_fd, &script)) {
        fputs("moongate: script: its list of listeners is damaged: it must not write to itself\n",
              stderr);
        return NULL;
    }
    if (passed_have_extra(&s->passed) && !options_have_bind(o)) option_list_release(&o->bind);
    options_note_bind(o);
    struct listeners_wanted wanted = {.bind = o->bind.items,
                                      .bind_n = script.items.n && o->bind_default ? 0 : o->bind.n,
                                      .script = script.items.items,
                                      .addresses = script.addresses.items,
                                      .script_n = script.items.n,
                                      .port = o->port,
                                      .rules = o->rules,
                                      .user = o->user,
                                      .passed = &s->passed};
    struct listeners *listeners = listeners_create(&wanted);
    source_listeners_release(&script);
    return listeners;
}

/* Step 6, and the end of the listeners. */
static int serve_checked(struct service_parts *s)
{
    struct options *o = s->options;
    struct listeners *listeners = create_listeners(s);
    if (!listeners) return EXIT_BIND;
    add_names(o, &s->passed);
    int code = EXIT_BIND;
    if (admin_sockets_create(o, &s->inherited.admin, &s->admin) &&
        metrics_sockets_create(o, o->metrics, LISTEN_METRICS, &s->inherited.metrics, &s->metrics) &&
        metrics_sockets_create(o, o->nutcracker_stats, LISTEN_STATS, &s->inherited.stats,
                               &s->stats))
        code = serve_bound(s, listeners);
    listeners_destroy(s->stats, true);
    listeners_destroy(s->metrics, true);
    listeners_destroy(s->admin, true);
    listeners_destroy(listeners, true);
    return code;
}

/* Steps 4 and 5. A single process could not wait until the one before lets go of the clients. */
static int serve_passed(struct service_parts *s)
{
    struct options *o = s->options;
    if (o->single_process && is_upgrade(s)) {
        fputs("moongate: --single-process: not in an upgrade: restart instead\n", stderr);
        return EXIT_USAGE;
    }
    if (o->user && !user_is_known(o->user)) return EXIT_SYSTEM;
    if (o->log_file && !log_file_begin(o->log_file, o->user)) return EXIT_SYSTEM;
    if (!advertised_look_up(&o->advertised, &o->advertise, o->port)) return EXIT_SYSTEM;
    as_other_log(s->as);
    o->before = (int32_t)s->inherited.pid;
    int code = check_some(o);
    return code == EXIT_OK ? serve_checked(s) : code;
}

/* Step 4 begins here: what was passed is let go of when all is over. A daemon that is upgraded has no terminal: its log begins in syslog. */
static int serve(struct options *o, const struct as_other *as, char **argv)
{
    struct service_parts s = {.options = o, .as = as};
    assert(o->script_fd >= 0 || options_have_built_in(o) || o->start_with_last_good);
    log_role(o->single_process ? "moongate" : "master");
    log_to_stderr(false);
    process_ignore_signals();
    process_hold_hangup(true);
    process_raise_files();
    notify_take(&s.notify);
    binary_find(&s.command, argv);
    bool good = passed_take(&s.passed) && inherited_take(&s.inherited, &s.passed);
    if (good && is_upgrade(&s) && o->daemonize && !o->log_file) log_to_syslog(LOG_SYSLOG);
    int code = good ? serve_passed(&s) : EXIT_BIND;
    inherited_release(&s.inherited);
    passed_release(&s.passed);
    notify_release(&s.notify);
    return code;
}

/* Step 3. */
static int read_script(struct options *o)
{
    o->script_fd = options_open_source(o, false);
    if (o->script_fd >= 0 || !o->script) return EXIT_OK;
    const char *other =
        strpbrk(o->script, "./") ? "" : ", or a command: 'moongate help' lists them";
    fprintf(stderr, "moongate: script %s: %s: give the path of a readable file%s\n", o->script,
            strerror(errno), other);
    return EXIT_SCRIPT;
}

/* What another program says of a configuration that is well. */
static int check_only(struct options *o, const struct as_other *as)
{
    int code = check(o, false);
    if (code == EXIT_OK && as->program && as->program->ok)
        fprintf(stderr, "%s: configuration file '%s' %s\n", as->program->name, o->script,
                as->program->ok);
    return code;
}

static int run(struct options *o, const struct as_other *as, char **argv)
{
    if (o->help) {
        help_print(stdout);
        return output_finish(EXIT_OK);
    }
    if (o->version) {
        puts("moongate " MOONGATE_VERSION);
        return output_finish(EXIT_OK);
    }
    if (o->print_script) {
        fputs(o->store ? script_cache_text : script_servers_text, stdout);
        return output_finish(EXIT_OK);
    }
    log_setup((enum log_format)o->log_format, o->verbose);
    if (as->log_from) (void)log_show_from(as->log_from);
    options_note_bind(o);
    int code = read_script(o);
    if (code != EXIT_OK && o->start_with_last_good && !o->check) code = EXIT_OK; /* see step 5 */
    if (code == EXIT_OK) code = o->check ? check_only(o, as) : serve(o, as, argv);
    if (o->script_fd >= 0) close(o->script_fd);
    return code;
}

/* The command line, as moongate has it; argv is what the process was started with. */
static int start(const struct as_other *as, char **argv)
{
    struct options o;
    if (as->ends) return output_finish(as->code);
    if (!command_line_read(&o, as->argc, as->argv)) return EXIT_USAGE;
    int code = run(&o, as, argv);
    options_release(&o);
    return code;
}

int main(int argc, char **argv)
{
    struct as_other as;

    output_begin();
    signals_begin();
    as_other_read(&as, argc, argv);
    const struct command *command = argc > 1 && !as.program ? command_find(argv[1]) : NULL;
    if (command) return output_finish(command->run(argc - 1, argv + 1));
    int code = start(&as, argv);
    as_other_release(&as);
    return code;
}
