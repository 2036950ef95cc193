#include "lib/memcached.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/certs.h"
#include "lib/octets.h"
#include "lib/overtls.h"
#include "lib/program.h"
#include "lib/secure.h"

struct memcached {
    struct program program; /* first: the stage knows it by its actor */
    const char *address;
    const char **argv;
    const struct cert *cert; /* it speaks TLS by that */
    char version[32];
};

static bool memcached_leaves(struct actor *actor)
{
    program_kill((struct program *)(void *)actor);
    return true;
}

static bool sends_all(int fd, struct octets *out)
{
    bool is_sent = send(fd, octets_at(out), octets_n(out), MSG_NOSIGNAL) == (ssize_t)octets_n(out);
    octets_take(out, octets_n(out));
    return is_sent;
}

/* Asks over TLS, and waits for a line. */
static bool asks_secure(int fd, const char *question, char *got, size_t room)
{
    struct secure *s = secure_create(&(struct secure_wanted){0});
    struct octets in = {0}, out = {0};
    char bytes[8192];
    secure_gives(s, question, strlen(question), &out);
    while (octets_n(&in) == 0 && sends_all(fd, &out)) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0) break;
        secure_takes(s, bytes, (size_t)n, &in, &out);
    }
    bool is_there = octets_n(&in) > 0;
    snprintf(got, room, "%.*s", (int)octets_n(&in), is_there ? octets_at(&in) : "");
    octets_release(&in);
    octets_release(&out);
    secure_destroy(s);
    return is_there;
}

static bool asks_plainly(int fd, const char *question, char *got, size_t room)
{
    return send(fd, question, strlen(question), MSG_NOSIGNAL) > 0 && recv(fd, got, room - 1, 0) > 0;
}

/* True: it speaks the binary protocol alone. */
static bool is_binary(const struct memcached *s)
{
    for (const char *const *at = s->argv; *at; at++)
        if (strcmp(*at, "-S") == 0 || strcmp(*at, "binary") == 0) return true;
    return false;
}

/* The frame of its answer has the version behind its head. With -S it may say none before a client has authenticated. */
static bool asks_in_frames(int fd, const char *question, char *got, size_t room)
{
    static const char frame[24] = {(char)0x80, 0x0b};
    char bytes[64] = "";
    (void)question;
    bool is_there = send(fd, frame, sizeof frame, MSG_NOSIGNAL) > 0 &&
                    recv(fd, bytes, sizeof bytes - 1, 0) >= (ssize_t)sizeof frame;
    snprintf(got, room, "VERSION %s", bytes + sizeof frame);
    return is_there;
}

/* Blocking, but only for as long as a memcached that accepts takes to say its version. */
static bool answers(void *what)
{
    struct memcached *s = what;
    static const char question[] = "version\r\n";
    struct address to = address_read(s->address);
    char got[64] = "";
    if (s->program.is_gone) return true;
    int fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = connect(fd, &to.as.any, to.n) == 0 &&
                    (is_binary(s) ? asks_in_frames
                     : s->cert    ? asks_secure
                                  : asks_plainly)(fd, question, got, sizeof got);
    close(fd);
    sscanf(got, "VERSION %31s", s->version);
    return is_there;
}

void memcached_begins_again(struct memcached *s)
{
    program_start(&s->program, s->argv, -1, -1);
    s->program.is_gone = false;
}

static bool starts(struct memcached *s)
{
    memcached_begins_again(s);
    if (!stage_waits(answers, s)) stage_fails("memcached %s does not answer", s->address);
    return !s->program.is_gone;
}

static const char *own_name(void)
{
    const struct passwd *own = getpwuid(getuid());
    return own ? textf("%s", own->pw_name) : "nobody";
}

static struct memcached *enter(void)
{
    struct memcached *s = stage_memory(sizeof *s);
    s->program.actor.fd = -1;
    s->program.actor.rank = RANK_PROGRAM;
    s->program.actor.leaves = memcached_leaves;
    stage_enter(&s->program.actor);
    return s;
}

const char *memcached_at_hand(void)
{
    const char *named = getenv("MEMCACHED");
    return named && *named ? named : "memcached";
}

bool memcached_at_hand_has_meta(void)
{
    static int minor = -1; /* of 1.6.x */
    if (minor < 0) {
        const char *const argv[] = {memcached_at_hand(), "-V", NULL};
        struct run run = program_run(argv);
        if (sscanf(run.out, "memcached 1.6.%d", &minor) != 1) minor = 0;
    }
    return minor >= 10;
}

/* Puts the options in front of its own. */
static void speaks_tls(struct memcached *s)
{
    size_t n = 0;
    while (s->argv[n]) n++;
    const char **argv = stage_memory((n + 4) * sizeof *argv);
    argv[0] = s->argv[0];
    argv[1] = "-Z";
    argv[2] = "-o";
    argv[3] = textf("ssl_chain_cert=%s,ssl_key=%s", cert_file("mc.pem", cert_pem(s->cert), ""),
                    cert_file("mc.key", cert_key_pem(s->cert), ""));
    memcpy(argv + 4, s->argv + 1, n * sizeof *argv);
    s->argv = argv;
    over_tls_at(s->address);
}

static bool starts_at(struct memcached *s, const char *address, const char *binary,
                      const char *first, va_list rest)
{
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    const char *port = strrchr(address, ':') + 1;
    const char *host = textf("%.*s", (int)(port - 1 - address), address);
    const char *const over_unix[] = {binary, "-t", "1", "-u", own_name(), "-s", port, NULL};
    const char *const over_tcp[] = {binary, "-l", host, "-p", port,       "-U",
                                    "0",    "-t", "1",  "-u", own_name(), NULL};
    s->address = textf("%s", address);
    s->argv = program_arguments(is_unix ? over_unix : over_tcp, first, rest);
    if (over_tls() && !s->cert && !is_unix) s->cert = over_tls_cert();
    if (s->cert) speaks_tls(s);
    return starts(s);
}

struct memcached *memcached_start_at(const char *address, const char *first, ...)
{
    struct memcached *s = enter();
    va_list rest;
    va_start(rest, first);
    bool is_there = starts_at(s, address, memcached_at_hand(), first, rest);
    va_end(rest);
    return is_there ? s : NULL;
}

static struct memcached *starts_somewhere(const char *binary, const struct cert *cert,
                                          const char *first, va_list options)
{
    struct memcached *s = enter();
    s->cert = cert;
    va_list rest;
    /* Another process may take the free port before memcached does. */
    for (int attempt = 0; attempt < 5; attempt++) {
        va_copy(rest, options);
        bool is_there =
            starts_at(s, textf("127.0.0.1:%d", address_free_port()), binary, first, rest);
        va_end(rest);
        if (is_there) return s;
    }
    stage_fails("%s does not start", binary);
}

struct memcached *memcached_start(const char *first, ...)
{
    va_list options;
    va_start(options, first);
    struct memcached *s = starts_somewhere(memcached_at_hand(), NULL, first, options);
    va_end(options);
    return s;
}

struct memcached *memcached_start_of(const char *binary, const char *first, ...)
{
    va_list options;
    va_start(options, first);
    struct memcached *s = starts_somewhere(binary, NULL, first, options);
    va_end(options);
    return s;
}

struct memcached *memcached_start_secure(const char *binary, const struct cert *cert,
                                         const char *first, ...)
{
    va_list options;
    va_start(options, first);
    struct memcached *s = starts_somewhere(binary, cert, first, options);
    va_end(options);
    return s;
}

const char *memcached_address(const struct memcached *s)
{
    return s->address;
}

const char *memcached_version(const struct memcached *s)
{
    return s->version;
}

void memcached_kill(struct memcached *s)
{
    program_kill(&s->program);
}

void memcached_starts_again(struct memcached *s)
{
    if (!starts(s)) stage_fails("memcached %s does not start again", s->address);
}

static bool is_frozen(void *what)
{
    return program_is_stopped(((struct memcached *)what)->program.pid);
}

bool memcached_is_gone(const struct memcached *s)
{
    return s->program.is_gone;
}

void memcached_begins_to_freeze(struct memcached *s)
{
    kill(s->program.pid, SIGSTOP);
}

void memcached_freezes(struct memcached *s)
{
    memcached_begins_to_freeze(s);
    if (!stage_waits(is_frozen, s)) stage_fails("memcached %s does not stop", s->address);
}

void memcached_thaws(struct memcached *s)
{
    kill(s->program.pid, SIGCONT);
}
