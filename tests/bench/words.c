/* words: what a request costs a server, by the words in which it is asked: CPU of the server for a key, in microseconds.
 *
 *     words 'memcached -l 127.0.0.1 -p $PORT -t 1' ...
 *
 * Each argument is the command of a server, to which the shell gives PORT. All of them run at once; forms and servers take turns, for ROUNDS
 * rounds, and the table shows medians, so that what else the machine does falls on all alike. One connection sends BATCH keys in one packet
 * and waits for all answers. A form that the server refuses is shown as a dash. The columns of mg and of one line for all keys are
 * what src/backend/words.c and lua/README.md have.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cputime.h"

enum { BATCH = 16, SERVERS = 16, ROUNDS = 7, BATCHES = 600, VALUE = 64, ROOM = 64 * 1024 };

/* The line for each key; or what stands before all keys of one line, and behind them. %s: a key; V: a value follows. */
static const struct form {
    const char *name, *line;
    bool is_one, has_value;
} forms[] = {
    {"get", "get %s\r\n", false, false},
    {"get, one line", "get", true, false},
    {"mg v f c k", "mg %s v f c k\r\n", false, false},
    {"mg v f", "mg %s v f\r\n", false, false},
    {"gets", "gets %s\r\n", false, false},
    {"gat", "gat 0 %s\r\n", false, false},
    {"gat, one line", "gat 0", true, false},
    {"mg v f c k T0", "mg %s v f c k T0\r\n", false, false},
    {"touch", "touch %s 0\r\n", false, false},
    {"mg T0", "mg %s T0\r\n", false, false},
    {"set", "set %s 0 0 64\r\n", false, true},
    {"ms", "ms %s 64\r\n", false, true},
};

enum { FORMS = sizeof forms / sizeof *forms };

struct server {
    const char *command;
    pid_t pid;
    int fd;
    char version[32];
    size_t answers[FORMS]; /* bytes that a batch is answered with; 0: not known yet */
    bool is_refused[FORMS];
    double us[FORMS][ROUNDS];
};

static struct server servers[SERVERS];

static void die(const char *what)
{
    fprintf(stderr, "words: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void kill_all(void)
{
    for (int i = 0; i < SERVERS; i++)
        if (servers[i].pid > 0) kill(servers[i].pid, SIGTERM);
}

/* --- one connection ---------------------------------------------------------------------------- */

static void say(const struct server *s, const char *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t went = write(s->fd, bytes + done, n - done);
        if (went <= 0) die("write");
        done += (size_t)went;
    }
}

/* Reads n bytes; with n 0, as many as come until 200 ms of silence. Returns how many these were. */
static size_t hear(const struct server *s, char *bytes, size_t n)
{
    size_t got = 0;
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    while (got < (n ? n : ROOM) && poll(&p, 1, n ? 10000 : 200) > 0) {
        ssize_t came = read(s->fd, bytes + got, (n ? n : ROOM) - got);
        if (came <= 0) die("read");
        got += (size_t)came;
    }
    if (n && got < n) die("an answer is too short");
    return got;
}

static size_t compose(const struct form *f, char *to)
{
    char *p = to, key[32];
    if (f->is_one) p += sprintf(p, "%s", f->line);
    for (int i = 0; i < BATCH; i++) {
        snprintf(key, sizeof key, f->has_value ? "other:%06d" : "user:%06d", i);
        if (f->is_one)
            p += sprintf(p, " %s", key);
        else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            p += sprintf(p, f->line, key);
#pragma GCC diagnostic pop
        if (f->has_value) p += sprintf(p, "%064d\r\n", i);
    }
    if (f->is_one) p += sprintf(p, "\r\n");
    return (size_t)(p - to);
}

/* --- servers ----------------------------------------------------------------------------------- */

static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) < 0)
        die("port");
    close(fd);
    return ntohs(at.sin_port);
}

static void connect_to(struct server *s, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < 100; tries++) {
        s->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (s->fd < 0) die("socket");
        if (connect(s->fd, (struct sockaddr *)&at, sizeof at) == 0) return;
        close(s->fd);
        usleep(50000);
    }
    die(s->command);
}

static void start(struct server *s, const char *command)
{
    static char bytes[ROOM];
    char port[16];
    int number = free_port();
    snprintf(port, sizeof port, "%d", number);
    s->command = command;
    s->pid = fork();
    if (s->pid == 0) {
        char *line = NULL;
        setenv("PORT", port, 1);
        if (asprintf(&line, "exec %s", command) > 0) execl("/bin/sh", "sh", "-c", line, NULL);
        _exit(127);
    }
    connect_to(s, number);
    say(s, "version\r\n", 9);
    size_t n = hear(s, bytes, 0);
    bytes[n < ROOM ? n : ROOM - 1] = 0;
    if (sscanf(bytes, "VERSION %31s", s->version) != 1) strcpy(s->version, "?");
    for (int i = 0; i < BATCH; i++) {
        char line[256];
        int len =
            snprintf(line, sizeof line, "set user:%06d 0 0 %d\r\n%0*d\r\n", i, VALUE, VALUE, i);
        say(s, line, (size_t)len);
        hear(s, bytes, 8);
    }
}

/* Microseconds of its CPU for a key; 0 where it refuses the form. */
static double measure(struct server *s, int form)
{
    static char request[ROOM], answer[ROOM];
    size_t n = compose(&forms[form], request);
    if (s->is_refused[form]) return 0;
    if (!s->answers[form]) {
        say(s, request, n);
        s->answers[form] = hear(s, answer, 0);
        s->is_refused[form] =
            strncmp(answer, "ERROR", 5) == 0 || strncmp(answer, "CLIENT_ERROR", 12) == 0;
    }
    uint64_t before = process_ns(s->pid);
    for (int i = 0; i < BATCHES && !s->is_refused[form]; i++) {
        say(s, request, n);
        hear(s, answer, s->answers[form]);
    }
    return (double)(process_ns(s->pid) - before) / 1e3 / BATCHES / BATCH;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int n = argc - 1;
    if (n < 1 || n > SERVERS) {
        fprintf(stderr, "usage: words 'memcached -l 127.0.0.1 -p $PORT -t 1' ...\n");
        return 2;
    }
    atexit(kill_all);
    for (int i = 0; i < n; i++) start(&servers[i], argv[i + 1]);
    for (int round = 0; round < ROUNDS; round++)
        for (int f = 0; f < FORMS; f++)
            for (int i = 0; i < n; i++) servers[i].us[f][round] = measure(&servers[i], f);
    printf("%-16s", "CPU us a key");
    for (int i = 0; i < n; i++) printf("%10.10s", servers[i].version);
    for (int f = 0; f < FORMS; f++) {
        printf("\n%-16s", forms[f].name);
        for (int i = 0; i < n; i++) {
            qsort(servers[i].us[f], ROUNDS, sizeof(double), by_number);
            double median = servers[i].us[f][ROUNDS / 2];
            if (servers[i].is_refused[f])
                printf("%10s", "-");
            else
                printf("%10.2f", median);
        }
    }
    putchar('\n');
    return 0;
}
