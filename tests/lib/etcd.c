#include "lib/etcd.h"

#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/client.h"
#include "lib/http.h"
#include "lib/program.h"

struct etcd_server {
    struct program program; /* first: the stage knows it by its actor */
    const char *address;
    const char *data; /* a folder of the test's folder; another one for each empty start */
    const char *name, *peers;
    const char *cluster; /* all members, as --initial-cluster has them */
    unsigned starts;
    const char *cert, *key, *ca; /* NULL: it speaks no TLS */
    const char *secure_port;
    const char *root; /* the password; NULL: it asks nobody who he is */
};

static bool etcd_leaves(struct actor *actor)
{
    program_kill(&((struct etcd_server *)(void *)actor)->program);
    return true;
}

static struct page posts(struct etcd_server *s, const char *path, const char *body, const char *who)
{
    return http_asks(s->address, textf("POST %s HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n%s"
                                       "Content-Length: %zu\r\n\r\n%s",
                                       path, who, strlen(body), body));
}

/* A token for each request: they are soon forgotten. */
static struct page asks(struct etcd_server *s, const char *path, const char *body)
{
    if (!s->root) return posts(s, path, body, "");
    const char *login = textf("{\"name\":\"root\",\"password\":\"%s\"}", s->root);
    struct page page = posts(s, "/v3/auth/authenticate", login, "");
    const char *at = strstr(page.body, "\"token\":\"");
    if (!at) stage_fails("etcd: no token: %d %s", page.status, page.body);
    at += strlen("\"token\":\"");
    return posts(s, path, body, textf("Authorization: %.*s\r\n", (int)strcspn(at, "\""), at));
}

/* Its port is open a moment before it has a leader. */
static bool answers(void *what)
{
    struct etcd_server *s = what;
    struct address to = address_read(s->address);
    if (s->program.is_gone) return true;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_open = fd >= 0 && connect(fd, &to.as.any, to.n) == 0;
    if (fd >= 0) close(fd);
    return is_open && asks(s, "/v3/kv/range", "{\"key\":\"YQ==\"}").status / 100 != 5;
}

static void launches(struct etcd_server *s)
{
    const char *client = textf("http://%s", s->address), *peer = textf("http://%s", s->peers);
    if (s->cert) client = textf("%s,https://127.0.0.1:%s", client, s->secure_port);
    const char *argv[] = {"etcd",     "--data-dir",
                          s->data,    "--listen-client-urls",
                          client,     "--advertise-client-urls",
                          client,     "--listen-peer-urls",
                          peer,       "--initial-advertise-peer-urls",
                          peer,       "--initial-cluster",
                          s->cluster, "--name",
                          s->name,    "--initial-cluster-token",
                          "moongate", "--heartbeat-interval",
                          "10",       "--election-timeout",
                          "100",      "--bcrypt-cost",
                          "4",        "--auth-token-ttl",
                          "1",        "--max-txn-ops",
                          "4096",     "--logger",
                          "zap",      NULL,
                          NULL,       NULL,
                          NULL,       NULL};
    unsigned n = 0;
    while (argv[n]) n++;
    if (s->cert) {
        argv[n++] = textf("--cert-file=%s", s->cert);
        argv[n++] = textf("--key-file=%s", s->key);
    }
    if (s->ca) {
        argv[n++] = textf("--trusted-ca-file=%s", s->ca);
        argv[n++] = "--client-cert-auth";
    }
    s->program.is_gone = false;
    program_start(&s->program, argv, -1, -1);
}

static bool starts(struct etcd_server *s)
{
    launches(s);
    if (!stage_waits(answers, s)) stage_fails("etcd %s does not answer", s->address);
    return !s->program.is_gone;
}

static void takes_ports(struct etcd_server *s)
{
    s->address = textf("127.0.0.1:%d", address_free_port());
    s->secure_port = textf("%d", address_free_port());
    s->peers = textf("127.0.0.1:%d", address_free_port());
    s->data = textf("%s/etcd.%s.%u", program_folder(), s->name, s->starts++);
    s->cluster = textf("%s=http://%s", s->name, s->peers);
}

static struct etcd_server *etcd_made(const char *name)
{
    struct etcd_server *s = stage_memory(sizeof *s);
    s->program.actor = (struct actor){.fd = -1, .rank = RANK_PROGRAM, .leaves = etcd_leaves};
    stage_enter(&s->program.actor);
    s->name = name;
    takes_ports(s);
    return s;
}

struct etcd_server *etcd_start_secure(const char *cert, const char *key, const char *ca)
{
    struct etcd_server *s = etcd_made("one");
    s->cert = cert;
    s->key = key;
    s->ca = ca;
    /* Another process may take the free ports before etcd does. */
    for (int attempt = 0; attempt < 5; attempt++) {
        if (starts(s)) return s;
        takes_ports(s);
    }
    stage_fails("etcd does not start");
}

struct etcd_server *etcd_start(void)
{
    return etcd_start_secure(NULL, NULL, NULL);
}

void etcd_start_pair(struct etcd_server *pair[2])
{
    for (int i = 0; i < 2; i++) pair[i] = etcd_made(i ? "two" : "one");
    const char *cluster = textf("one=http://%s,two=http://%s", pair[0]->peers, pair[1]->peers);
    pair[0]->cluster = pair[1]->cluster = cluster;
    for (int i = 0; i < 2; i++) launches(pair[i]);
    for (int i = 0; i < 2; i++)
        if (!stage_waits(answers, pair[i]) || pair[i]->program.is_gone)
            stage_fails("etcd %s does not answer", pair[i]->address);
}

const char *etcd_secure_port(const struct etcd_server *s)
{
    return s->secure_port;
}

const char *etcd_address(const struct etcd_server *s)
{
    return s->address;
}

const char *etcd_does(struct etcd_server *s, const char *path, const char *body)
{
    struct page page = asks(s, path, body);
    if (page.status != 200) stage_fails("etcd: %s %s: %d %s", path, body, page.status, page.body);
    return page.body;
}

static const char *base64(const char *text)
{
    size_t len = strlen(text);
    char *to = stage_memory((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)text, (int)len);
    return to;
}

static int64_t revision_of(const char *answer)
{
    const char *at = strstr(answer, "\"revision\":\"");
    if (!at) stage_fails("no revision in %s", answer);
    return atoll(at + strlen("\"revision\":\""));
}

int64_t etcd_puts(struct etcd_server *s, const char *key, const char *value)
{
    if (!value)
        return revision_of(
            etcd_does(s, "/v3/kv/deleterange", textf("{\"key\":\"%s\"}", base64(key))));
    return revision_of(etcd_does(
        s, "/v3/kv/put", textf("{\"key\":\"%s\",\"value\":\"%s\"}", base64(key), base64(value))));
}

int64_t etcd_puts_many(struct etcd_server *s, const char *prefix, const char *host, unsigned from,
                       unsigned n)
{
    enum { ONE = 400 };
    size_t len = 0, room = (size_t)n * ONE + 100;
    char *body = stage_memory(room);
    len += (size_t)snprintf(body, room, "{\"success\":[");
    for (unsigned i = from; i < from + n; i++)
        len += (size_t)snprintf(body + len, room - len,
                                "%s{\"request_put\":{\"key\":\"%s\",\"value\":\"%s\"}}",
                                i == from ? "" : ",", base64(textf("%s%u", prefix, i)),
                                base64(textf("%s:%u", host, i)));
    snprintf(body + len, room - len, "]}");
    return revision_of(etcd_does(s, "/v3/kv/txn", body));
}

void etcd_compacts(struct etcd_server *s, int64_t revision)
{
    etcd_does(s, "/v3/kv/compaction",
              textf("{\"revision\":\"%lld\",\"physical\":true}", (long long)revision));
}

void etcd_wants_passwords(struct etcd_server *s, const char *root, const char *user,
                          const char *password, const char *prefix)
{
    char *beyond = textf("%s", prefix);
    beyond[strlen(beyond) - 1]++;
    etcd_does(s, "/v3/auth/user/add", textf("{\"name\":\"root\",\"password\":\"%s\"}", root));
    etcd_does(s, "/v3/auth/role/add", "{\"name\":\"root\"}");
    etcd_does(s, "/v3/auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}");
    etcd_does(s, "/v3/auth/user/add",
              textf("{\"name\":\"%s\",\"password\":\"%s\"}", user, password));
    etcd_does(s, "/v3/auth/role/add", "{\"name\":\"reader\"}");
    etcd_does(s, "/v3/auth/role/grant",
              textf("{\"name\":\"reader\",\"perm\":{\"permType\":\"READ\",\"key\":\"%s\","
                    "\"range_end\":\"%s\"}}",
                    base64(prefix), base64(beyond)));
    etcd_does(s, "/v3/auth/user/grant", textf("{\"user\":\"%s\",\"role\":\"reader\"}", user));
    etcd_does(s, "/v3/auth/enable", "{}");
    s->root = root;
}

void etcd_kill(struct etcd_server *s)
{
    program_kill(&s->program);
}

void etcd_starts_again(struct etcd_server *s)
{
    if (!starts(s)) stage_fails("etcd %s does not start again", s->address);
}

void etcd_starts_empty(struct etcd_server *s)
{
    s->data = textf("%s/etcd.%s.%u", program_folder(), s->name, s->starts++);
    s->root = NULL;
    etcd_starts_again(s);
}

static bool is_frozen(void *what)
{
    return program_is_stopped(((struct etcd_server *)what)->program.pid);
}

void etcd_freezes(struct etcd_server *s)
{
    kill(s->program.pid, SIGSTOP);
    if (!stage_waits(is_frozen, s)) stage_fails("etcd %s does not stop", s->address);
}

void etcd_thaws(struct etcd_server *s)
{
    kill(s->program.pid, SIGCONT);
}
