/* main: the order in which the process comes up, and goes down. */
#include "base/board.h"
#include "base/log.h"
#include "base/process.h"
#include "main/background.h"
#include "main/command_line.h"
#include "main/commands.h"
#include "main/help.h"
#include "master/check.h"
#include "master/master.h"
#include "net/listener.h"
#include "script/modules.h"
#include "worker/options.h"
#include "worker/source.h"
#include "worker/worker.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whoever started us may have left signals ignored or blocked (SIGCHLD ignored would lose our
 * children's ends). A peer that closes early is seen where it is written to. */
static void signals_begin(void)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

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
                               .channel = -1,
                               .listeners = listeners};
    int code = worker_run(&seat);
    board_destroy(board);
    return code;
}

/* The terminal sees what goes wrong up to background_detach, the log the rest. */
static int serve_prepared(const struct options *o, struct listeners *listeners)
{
    if (o->user && !user_switch(o->user)) return EXIT_SYSTEM;
    listeners_check_files(listeners);
    if (o->pid_file) pid_file_check(o->pid_file);
    if (o->daemonize && !background_detach()) return EXIT_SYSTEM;
    return o->single_process ? run_single(o, listeners) : master_run(o, listeners);
}

static int serve_bound(const struct options *o, struct listeners *listeners)
{
    if (o->daemonize && !background_enter()) return EXIT_SYSTEM;
    if (o->pid_file && !pid_file_write(o->pid_file, o->user)) return EXIT_SYSTEM;
    int code = serve_prepared(o, listeners);
    if (o->pid_file) pid_file_remove(o->pid_file);
    return code;
}

static int serve(const struct options *o)
{
    log_role(o->single_process ? "moongate" : "master");
    log_to_stderr(false);
    process_ignore_signals();
    process_raise_files();
    int code = check_run(o, true);
    if (code != EXIT_OK) return code;
    struct listeners_wanted wanted = {
        .bind = o->bind.items, .bind_n = o->bind.n, .port = o->port, .user = o->user};
    struct listeners *listeners = listeners_create(&wanted);
    if (!listeners) return EXIT_BIND;
    code = serve_bound(o, listeners);
    listeners_destroy(listeners, true);
    return code;
}

/* The script is read once, before anything else is done with it. */
static int read_script(struct options *o)
{
    if (!o->script) return EXIT_OK;
    o->script_fd = source_open(o->script);
    if (o->script_fd >= 0) return EXIT_OK;
    fprintf(stderr, "moongate: script %s: %s: give the path of a readable file\n", o->script,
            strerror(errno));
    return EXIT_SCRIPT;
}

static int run(struct options *o)
{
    if (o->help) {
        help_print(stdout);
        return commands_finish(EXIT_OK);
    }
    if (o->version) {
        puts("moongate " MOONGATE_VERSION);
        return commands_finish(EXIT_OK);
    }
    if (o->print_script) {
        fputs(script_servers_text, stdout);
        return commands_finish(EXIT_OK);
    }
    log_setup((enum log_format)o->log_format, o->verbose);
    int code = read_script(o);
    if (code == EXIT_OK) code = o->check ? check_run(o, false) : serve(o);
    if (o->script_fd >= 0) close(o->script_fd);
    return code;
}

int main(int argc, char **argv)
{
    struct options o;

    signals_begin();
    const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;
    if (command) return commands_finish(command->run(argc - 1, argv + 1));
    if (!command_line_read(&o, argc, argv)) return EXIT_USAGE;
    int code = run(&o);
    options_release(&o);
    return code;
}
