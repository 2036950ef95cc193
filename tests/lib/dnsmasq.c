#include "lib/dnsmasq.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/program.h"

struct dnsmasq {
    struct program program; /* first: the stage knows it by its actor */
    const char *address;
    const char *config; /* path */
    const char *const *argv;
    int probe; /* a socket that asks whether it answers */
};

/* Is there a server.test? There always is. */
static const char QUESTION[] = "\0\1\1\0\0\1\0\0\0\0\0\0\6server\4test\0\0\1\0\1";

static bool dnsmasq_leaves(struct actor *actor)
{
    struct dnsmasq *d = (struct dnsmasq *)(void *)actor;
    if (d->probe >= 0) close(d->probe);
    d->probe = -1;
    program_kill(&d->program);
    return true;
}

static bool answers(void *what)
{
    struct dnsmasq *d = what;
    char got[512];
    if (d->program.is_gone) return true;
    send(d->probe, QUESTION, sizeof QUESTION - 1, MSG_NOSIGNAL);
    return recv(d->probe, got, sizeof got, MSG_DONTWAIT) > 0;
}

static bool starts(struct dnsmasq *d)
{
    struct address to = address_read(d->address);
    d->program.is_gone = false;
    program_start(&d->program, d->argv, -1, -1);
    d->probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (d->probe < 0 || connect(d->probe, &to.as.any, to.n) < 0) stage_fails("no socket");
    if (!stage_waits(answers, d)) stage_fails("dnsmasq %s does not answer", d->address);
    close(d->probe);
    d->probe = -1;
    return !d->program.is_gone;
}

static void write_config(struct dnsmasq *d, const char *lines)
{
    const struct passwd *own = getpwuid(getuid());
    FILE *file = fopen(d->config, "we");
    if (!file) stage_fails("cannot write %s", d->config);
    fprintf(file,
            "keep-in-foreground\nno-resolv\nno-hosts\nno-daemon\npid-file=\nbind-interfaces\n"
            "listen-address=127.0.0.1\nport=%s\nuser=%s\nlocal-ttl=1\nneg-ttl=1\nlocal=/test/\n"
            "host-record=server.test,127.0.0.1\n%s\n",
            strchr(d->address, ':') + 1, own ? own->pw_name : "nobody", lines);
    fclose(file);
}

struct dnsmasq *dnsmasq_start(const char *lines)
{
    struct dnsmasq *d = stage_memory(sizeof *d);
    d->probe = -1;
    d->program.actor = (struct actor){.fd = -1, .rank = RANK_PROGRAM, .leaves = dnsmasq_leaves};
    d->config = textf("%s/dnsmasq.conf", program_folder());
    const char **argv = stage_memory(4 * sizeof *argv);
    argv[0] = "dnsmasq";
    argv[1] = textf("--conf-file=%s", d->config);
    d->argv = argv;
    stage_enter(&d->program.actor);
    /* Another process may take the free port before dnsmasq does. */
    for (int attempt = 0; attempt < 5; attempt++) {
        d->address = textf("127.0.0.1:%d", address_free_port());
        write_config(d, lines);
        if (starts(d)) return d;
    }
    stage_fails("dnsmasq does not start");
}

void dnsmasq_says(struct dnsmasq *d, const char *lines)
{
    program_kill(&d->program);
    write_config(d, lines);
    dnsmasq_starts_again(d);
}

void dnsmasq_kill(struct dnsmasq *d)
{
    program_kill(&d->program);
}

void dnsmasq_starts_again(struct dnsmasq *d)
{
    if (!starts(d)) stage_fails("dnsmasq %s does not start again", d->address);
}

static bool is_frozen(void *what)
{
    return program_is_stopped(((struct dnsmasq *)what)->program.pid);
}

void dnsmasq_freezes(struct dnsmasq *d)
{
    kill(d->program.pid, SIGSTOP);
    if (!stage_waits(is_frozen, d)) stage_fails("dnsmasq %s does not stop", d->address);
}

void dnsmasq_thaws(struct dnsmasq *d)
{
    kill(d->program.pid, SIGCONT);
}

const char *dnsmasq_address(const struct dnsmasq *d)
{
    return d->address;
}
