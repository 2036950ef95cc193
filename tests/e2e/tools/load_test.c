/* The load generator of the benches: at a fixed rate it sees a server's pause in all requests that were due meanwhile, and it takes no
 * wrong answer for a right one. */
#include "lib/octets.h"
#include "lib/program.h"
#include "lib/said.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- a server of one key ------------------------------------------------------------------------- */

/* How it answers each get, but for the last two: a pause once, and none. */
enum answer { WRONG_BYTE, WRONG_FLAGS, OTHER_KEY, CUT, AN_ERROR, NO_END, A_PAUSE, RIGHT };

enum { CLIENTS = 8, ROOM = 1 << 20, PAUSE_MS = 150, PAUSE_AFTER_MS = 60 };

static struct {
    enum answer answer;
    char value[ROOM], answered[ROOM + 300];
    size_t size;
    unsigned flags;
    double first_get;
    bool has_paused;
} server;

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void send_all(int fd, const char *bytes, size_t n)
{
    for (ssize_t sent; n > 0; bytes += sent, n -= (size_t)sent)
        if ((sent = send(fd, bytes, n, MSG_NOSIGNAL)) <= 0) return;
}

/* The load waits for each reply, so its requests come one by one. */
static void takes_set(int fd, char *request, size_t n)
{
    char *value = strstr(request, "\r\n") + 2;
    if (sscanf(request, "set %*s %u 0 %zu", &server.flags, &server.size) != 2) _exit(1);
    size_t have = n - (size_t)(value - request);
    memcpy(server.value, value, have);
    for (ssize_t got; have < server.size + 2; have += (size_t)got)
        if ((got = recv(fd, server.value + have, ROOM - have, 0)) <= 0) _exit(1);
    send_all(fd, "STORED\r\n", 8);
}

static void pauses_once(void)
{
    if (server.first_get == 0) server.first_get = seconds_now();
    if (server.has_paused || seconds_now() < server.first_get + PAUSE_AFTER_MS / 1e3) return;
    server.has_paused = true;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

static void takes_get(int fd, const char *key)
{
    size_t size = server.answer == CUT ? server.size - 1 : server.size;
    unsigned flags = server.flags ^ (server.answer == WRONG_FLAGS);
    char *out = server.answered;
    if (server.answer == A_PAUSE) pauses_once();
    if (server.answer == AN_ERROR) {
        send_all(fd, "SERVER_ERROR no\r\n", 17);
        return;
    }
    out += sprintf(out, "VALUE %s%s %u %zu\r\n", key, server.answer == OTHER_KEY ? "0" : "", flags,
                   size);
    memcpy(out, server.value, size);
    out[size - 1] ^= server.answer == WRONG_BYTE;
    out += size;
    out += sprintf(out, server.answer == NO_END ? "xyEND\r\n" : "\r\nEND\r\n");
    send_all(fd, server.answered, (size_t)(out - server.answered));
}

static void takes(struct pollfd *client)
{
    static char request[ROOM + 1];
    ssize_t n = recv(client->fd, request, ROOM, 0);
    char key[64];
    if (n <= 0) {
        close(client->fd);
        client->fd = -1;
        return;
    }
    request[n] = 0;
    if (sscanf(request, "get %63s", key) == 1)
        takes_get(client->fd, key);
    else
        takes_set(client->fd, request, (size_t)n);
}

static void serves(int listener)
{
    struct pollfd fds[CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};
    for (int n = 1;;) {
        poll(fds, (nfds_t)n, -1);
        for (int i = 1; i < n; i++)
            if (fds[i].revents) takes(&fds[i]);
        if (fds[0].revents && n <= CLIENTS)
            fds[n++] = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
    }
}

/* Its port. It ends with the test program, or when it is killed. */
static int server_starts(enum answer answer, pid_t *pid)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, CLIENTS))
        stage_fails("no socket");
    getsockname(fd, (struct sockaddr *)&at, &len);
    *pid = fork();
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        server.answer = answer;
        serves(fd);
    }
    close(fd);
    return ntohs(at.sin_port);
}

/* --- plays --------------------------------------------------------------------------------------- */

/* The generator stands beside the moongate that is tested. */
static struct run load(enum answer answer, const char *options)
{
    pid_t pid;
    int port = server_starts(answer, &pid);
    struct run run = shell_runs(
        textf("exec \"${MOONGATE%%/*}/bench/load\" -c 4 -k 1 -m 0 %s 127.0.0.1:%d", options, port));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return run;
}

/* A figure of its line. */
static double figure(struct run run, const char *name)
{
    exits(run, 0);
    const char *at = strstr(run.out, textf("%s=", name));
    if (!at) stage_fails("no %s in: %s", name, run.out);
    return strtod(at + strlen(name) + 1, NULL);
}

/* Again, where the pause was not within the time that counts: on a busy machine. */
static struct run load_with_a_pause(const char *options)
{
    struct run run;
    int tries = 10;
    do run = load(A_PAUSE, textf("-w 0.02 -t 0.3 %s", options));
    while (figure(run, "max_us") < PAUSE_MS * 900 && --tries);
    if (!tries) stage_fails("the pause of %d ms is not seen at all: %s", PAUSE_MS, run.out);
    return run;
}

static void a_fixed_rate_shows_a_pause_to_all_that_were_due_meanwhile(void **state)
{
    struct run run = load_with_a_pause("-O 1000");
    assert_true(figure(run, "requests") == 300);
    assert_true(figure(run, "p90_us") > PAUSE_MS * 333.0);
}

static void a_closed_loop_does_not(void **state)
{
    struct run run = load_with_a_pause("");
    assert_true(figure(run, "p90_us") < PAUSE_MS * 333.0);
}

static void right_values_are_right(void **state)
{
    static const char *const options[] = {"-v 1", "-v 64", "-v 64 -O 100", "-v 100000 -y 1",
                                          "-v 100000 -y 1000000"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct run run = load(RIGHT, textf("-w 0 -t 0.02 %s", options[i]));
        assert_true(figure(run, "requests") > 0);
        assert_true(figure(run, "misses") == 0);
    }
}

static void wrong_answers_are_not(void **state)
{
    static const struct {
        enum answer answer;
        const char *options, *complaint;
    } all[] = {
        {WRONG_BYTE, "-v 64", "wrong value: not what this key holds"},
        {WRONG_BYTE, "-v 100000 -y 1", "wrong value: not what this key holds"},
        {WRONG_FLAGS, "-v 64", "wrong value: its length or its flags"},
        {CUT, "-v 64", "wrong value: its length or its flags"},
        {OTHER_KEY, "-v 64", "wrong value: not a key that was asked for"},
        {AN_ERROR, "-v 64", "a get was answered with: SERVER_ERROR no"},
        {NO_END, "-v 64", "no CR LF after a value"},
        {NO_END, "-v 100000 -y 1000000", "no CR LF after a value"},
        {RIGHT, "-v 64 -N 1", "wrong value: not a key that was asked for"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct run run = load(all[i].answer, textf("-w 0 -t 0.02 %s", all[i].options));
        exits(run, 1);
        has(run.err, all[i].complaint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_fixed_rate_shows_a_pause_to_all_that_were_due_meanwhile),
        play(a_closed_loop_does_not),
        play(right_values_are_right),
        play(wrong_answers_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
