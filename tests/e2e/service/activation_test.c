/* Sockets from the service manager: the test listens, and a shell passes the sockets to moongate as systemd does. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/said.h"
#include "lib/scene.h"
#include "lib/upgrade.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BEYOND = 20 }; /* descriptors of the test that the shell copies to 3 and up */

struct holder {
    struct actor actor;
    const char *binary; /* what MOONGATE was */
    int fds[4];
    size_t n;
};

static bool holder_leaves(struct actor *actor)
{
    struct holder *h = (struct holder *)(void *)actor;
    for (size_t i = 0; i < h->n; i++) close(h->fds[i]);
    setenv("MOONGATE", h->binary, 1);
    return true;
}

static struct holder *holder_begins(void)
{
    struct holder *h = stage_memory(sizeof *h);
    h->actor = (struct actor){.fd = -1, .rank = RANK_FOLDER, .leaves = holder_leaves};
    h->binary = textf("%s", getenv("MOONGATE"));
    stage_enter(&h->actor);
    return h;
}

/* Listens there, and keeps that socket for as long as the test lasts. Returns the address. */
static const char *holder_listens(struct holder *h, const struct sockaddr *at, socklen_t len)
{
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, at, len) != 0 || listen(fd, 512) != 0)
        stage_fails("no socket: %s", strerror(errno));
    h->fds[h->n++] = fcntl(fd, F_DUPFD, BEYOND); /* not closed by exec */
    close(fd);
    struct sockaddr_in bound;
    len = sizeof bound;
    if (at->sa_family == AF_UNIX)
        return textf("unix:%s", ((const struct sockaddr_un *)at)->sun_path);
    getsockname(h->fds[h->n - 1], (struct sockaddr *)&bound, &len);
    return textf("127.0.0.1:%d", ntohs(bound.sin_port));
}

static const char *holder_listens_on_a_port(struct holder *h)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return holder_listens(h, (struct sockaddr *)&at, sizeof at);
}

static const char *holder_listens_on_a_file(struct holder *h)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/s", program_folder());
    return holder_listens(h, (struct sockaddr *)&at, sizeof at);
}

/* Moongate that is started from now on gets what it holds. */
static void holder_passes(const struct holder *h, const char *names)
{
    const char *path = textf("%s/passes", program_folder()), *move = "";
    for (size_t i = 0; i < h->n; i++)
        move = textf("%sexec %zu<&%d %d<&-\n", move, i + 3, h->fds[i], h->fds[i]);
    FILE *file = fopen(path, "we");
    if (!file) stage_fails("cannot write %s", path);
    fprintf(file,
            "#!/bin/bash\n%sexport LISTEN_PID=$$ LISTEN_FDS=%zu LISTEN_FDNAMES='%s'\n"
            "exec '%s' \"$@\"\n",
            move, h->n, names, h->binary);
    fclose(file);
    chmod(path, 0755);
    setenv("MOONGATE", path, 1);
}

/* A script that answers with what it calls the listener. */
static const char NAMES[] = MG "return function(req) return mg.reply.error(req.listener) end\n";

static void client_is_told(const char *address, const char *name)
{
    struct client *c = client_connects_to(address);
    client_sends(c, "get k\r\n");
    client_sees(c, textf("SERVER_ERROR %s\r\n", name));
    client_sees_nothing_more(c);
}

static void without_bind_the_passed_sockets_are_all(void **state)
{
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h), *file = holder_listens_on_a_file(h);
    holder_passes(h, "web:unknown");
    struct moongate *m = moongate_start(NAMES, NULL);
    client_is_told(port, "web");
    client_is_told(file, file);
    assert_int_equal(moongate_log_count(m, "listening on "), 2);
    has(moongate_log_line(m, textf("listening on %s", port)),
        " as web (passed by the service manager)");
    has(moongate_log_line(m, textf("listening on %s", file)), " (passed by the service manager)");
}

static void one_takes_the_place_of_its_item_of_bind(void **state)
{
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h), *other = holder_listens_on_a_port(h);
    holder_passes(h, "systemd-name:other");
    struct moongate *m =
        moongate_start(NAMES, "-b", "own=127.0.0.1:0", "-b", textf("web=%s", port), NULL);
    client_is_told(port, "web");
    client_is_told(other, "other");
    client_is_told(moongate_address(m), "own");
    assert_int_equal(moongate_log_count(m, "listening on "), 3);
    assert_int_equal(moongate_log_count(m, "passed by the service manager"), 2);
}

/* Whether the script names it or not, it is the manager's: clients would wait in it for ever if it were not accepted from. */
static void a_script_names_one_and_it_is_never_closed(void **state)
{
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h), *own = textf("unix:%s/own", program_folder());
    const char *naming = textf(MG "mg.listen { '%s', name = 'mine' } mg.listen { '%s' }\n"
                                  "return function(req) return mg.reply.error(req.listener) end\n",
                               port, own);
    holder_passes(h, "web");
    struct moongate *m = moongate_start(naming, "--rehearse", "0", "--probation", "0", NULL);
    client_is_told(port, "mine");
    client_is_told(own, own);
    assert_int_equal(moongate_log_count(m, "passed by the service manager"), 1);
    moongate_reloads(m, NAMES);
    client_is_told(port, "mine");
    assert_true(client_is_refused(own));
    moongate_gets_script(m, textf(MG "mg.listen { '%s', mg.reply.error 'again' }\n", port));
    moongate_signal(m, SIGHUP);
    moongate_sees_log(m, "reloaded: generation 3");
    client_is_told(port, "again");
    assert_int_equal(moongate_log_count(m, textf("listening no more on %s", port)), 0);
}

/* Beside --bind, whose items are as before: only those may not stand in the script, too. */
static void a_reload_names_one_that_was_passed_beside_bind(void **state)
{
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h), *own = textf("unix:%s/own", program_folder());
    holder_passes(h, "web");
    struct moongate *m =
        moongate_start(NAMES, "-b", own, "--rehearse", "0", "--probation", "0", NULL);
    client_is_told(port, "web");
    moongate_reloads(m, textf(MG "mg.listen { '%s', name = 'mine' }\n"
                                 "return function(req) return mg.reply.error(req.listener) end\n",
                              port));
    client_is_told(port, "mine");
    client_is_told(own, own);
    moongate_gets_script(m, textf(MG "mg.listen { '%s' } return mg.null()\n", own));
    moongate_signal(m, SIGHUP);
    has(moongate_log_line(m, "not loaded"), "--bind has this address, too");
    client_is_told(own, own);
}

/* The file is the manager's: it stays, and its clients wait for the next moongate. */
static void a_file_stays_at_the_end(void **state)
{
    struct holder *h = holder_begins();
    const char *file = holder_listens_on_a_file(h);
    holder_passes(h, "");
    struct moongate *m = moongate_start(NAMES, "-b", file, NULL);
    client_is_told(file, file);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    struct client *c = client_connects_to(file);
    client_sends(c, "mn\r\n");
    (void)moongate_start(NAMES, "-b", file, NULL);
    client_sees(c, "MN\r\n");
}

/* As with systemctl restart: clients connect before, during and after the end of the first one, and to the second one. Those before have
 * sent their request when the drain begins; a client that is accepted and has not is closed, as any idle one. */
static void a_restart_loses_no_connection_request(void **state)
{
    enum { EACH = 40, ALL = 4 * EACH };
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h);
    struct client *clients[ALL];
    size_t n = 0;
    holder_passes(h, "");
    struct moongate *m = moongate_start(NAMES, "-j", "2", NULL);
    for (int phase = 0; phase < 4; phase++) {
        for (int i = 0; i < EACH; i++) {
            clients[n] = client_connects_to(port);
            client_sends(clients[n++], "mn\r\n");
        }
        if (phase == 0) {
            moongate_signal(m, SIGTERM);
            moongate_sees_log(m, "draining: "); /* from here on it accepts nobody */
        }
        if (phase == 1) moongate_exits(m, 0);
        if (phase == 2) (void)moongate_start(NAMES, "-j", "2", NULL);
    }
    assert_int_equal(n, ALL);
    for (size_t i = 0; i < n; i++) client_sees(clients[i], "MN\r\n");
}

/* As when the kernel kills the master: its socket stays with the manager, which starts another one. A request that its worker has got is answered
 * by that worker; the others wait for the next moongate. */
static void a_master_that_dies_loses_no_connection_request(void **state)
{
    enum { EACH = 40, ALL = 2 * EACH };
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h);
    struct backend *b = backend_listens();
    const char *script = script_of_one(backend_address(b), "timeout = 60");
    struct client *clients[ALL], *waits;
    size_t n = 0;
    holder_passes(h, "");
    struct moongate *m = moongate_start(script, "-j", "1", NULL);
    waits = client_connects_to(port);
    client_sends(waits, "get k\r\n");
    backend_sees(b, "get k\r\n");
    moongate_signal(m, SIGKILL);
    moongate_ends(m);
    for (; n < EACH; n++) {
        clients[n] = client_connects_to(port);
        client_sends(clients[n], "mn\r\n");
    }
    moongate_sees_log(m, "master: gone: this worker drains");
    (void)moongate_start(NAMES, "-j", "2", NULL);
    for (; n < ALL; n++) {
        clients[n] = client_connects_to(port);
        client_sends(clients[n], "mn\r\n");
    }
    for (size_t i = 0; i < ALL; i++) client_sees(clients[i], "MN\r\n");
    backend_answers(b, hit_and_end("k", "x"));
    client_sees(waits, hit_and_end("k", "x"));
    client_sees_closed(waits);
}

/* What the manager has passed is still the manager's after an upgrade: names, and the file. */
static void an_upgrade_takes_them_along(void **state)
{
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h), *file = holder_listens_on_a_file(h);
    holder_passes(h, "web:unknown");
    upgrade_begins_without_link();
    struct moongate *m = moongate_start(NAMES, NULL);
    for (size_t i = 1; i <= 2; i++) {
        moongate_signal(m, SIGUSR2);
        moongate_becomes_new(m, i);
        moongate_sees_log_times(m, " has ended", i);
        client_is_told(port, "web");
        client_is_told(file, file);
    }
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    assert_int_equal(access(file + strlen("unix:"), F_OK), 0);
}

/* Which of them a script names decides about that one alone: each other one has its own name, and so has that one afterwards. */
static void an_upgrade_with_one_in_the_script_mixes_up_no_names(void **state)
{
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h), *other = holder_listens_on_a_port(h);
    holder_passes(h, "web:other");
    upgrade_begins_without_link();
    struct moongate *m = moongate_start(NAMES, "--rehearse", "0", "--probation", "0", NULL);
    moongate_reloads(m, textf(MG "mg.listen { '%s', name = 'mine' }\n"
                                 "return function(req) return mg.reply.error(req.listener) end\n",
                              port));
    client_is_told(port, "mine");
    client_is_told(other, "other");
    moongate_signal(m, SIGUSR2);
    moongate_becomes_new(m, 1);
    moongate_sees_log(m, " has ended");
    client_is_told(port, "mine");
    client_is_told(other, "other");
    moongate_gets_script(m, NAMES);
    moongate_signal(m, SIGHUP);
    moongate_sees_log_times(m, "reloaded: generation 2", 2);
    client_is_told(port, "web");
    client_is_told(other, "other");
}

/* The id is that of the process that the manager started, which ends. */
static void a_daemon_takes_them_too(void **state)
{
    struct holder *h = holder_begins();
    const char *port = holder_listens_on_a_port(h);
    const char *pid_file = textf("%s/pid", program_folder());
    holder_passes(h, "web");
    exits(moongate_runs("-d", "-j", "1", "-P", pid_file, moongate_script_file(NAMES), NULL), 0);
    client_is_told(port, "web");
    FILE *file = fopen(pid_file, "re");
    int pid = 0;
    assert_true(file && fscanf(file, "%d", &pid) == 1 && pid > 1);
    fclose(file);
    assert_int_equal(kill(pid, SIGTERM), 0);
}

static void what_is_no_listening_socket_is_an_error(void **state)
{
    struct holder *h = holder_begins();
    h->fds[h->n++] = fcntl(STDERR_FILENO, F_DUPFD, BEYOND);
    holder_passes(h, "");
    struct run run = moongate_runs("-s", "127.0.0.1:1", NULL);
    exits(run, 3);
    is_said(run.err, "moongate: descriptor 3, passed by LISTEN_FDS: it is not a listening stream "
                     "socket: correct the socket unit\n");
}

/* A shell that systemd started leaves the variables to all that it starts. */
static void what_was_passed_to_another_process_is_not_taken(void **state)
{
    setenv("LISTEN_PID", textf("%d", (int)getpid()), 1);
    setenv("LISTEN_FDS", "1", 1);
    struct moongate *m = moongate_start(NAMES, NULL);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    assert_int_equal(moongate_log_count(m, "passed by"), 0);
    client_sees_nothing_more(client_connects(m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(without_bind_the_passed_sockets_are_all),
        play(one_takes_the_place_of_its_item_of_bind),
        play(a_script_names_one_and_it_is_never_closed),
        play(a_reload_names_one_that_was_passed_beside_bind),
        play(a_file_stays_at_the_end),
        play(a_restart_loses_no_connection_request),
        play(a_master_that_dies_loses_no_connection_request),
        play(an_upgrade_takes_them_along),
        play(an_upgrade_with_one_in_the_script_mixes_up_no_names),
        play(a_daemon_takes_them_too),
        play(what_is_no_listening_socket_is_an_error),
        play(what_was_passed_to_another_process_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
