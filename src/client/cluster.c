#include "client/cluster.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "client/arguments.h"
#include "client/reply.h"

#define ERROR_UNKNOWN "ERROR\r\n"

void cluster_print_node(FILE *to, const char *host, const struct addr *addr)
{
    char address[INET6_ADDRSTRLEN];
    const struct sockaddr_in6 *v6 = &addr->sa.v6;
    const struct sockaddr_in *v4 = &addr->sa.v4;
    bool is_v6 = addr->sa.any.sa_family == AF_INET6;
    inet_ntop(addr->sa.any.sa_family, is_v6 ? (const void *)&v6->sin6_addr : &v4->sin_addr, address,
              sizeof address);
    fprintf(to, "%s|%s|%u", host ? host : address, address,
            ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
}

/* The end of its connection that is ours. False: no other client could connect to that. */
static bool own_end(const struct client *c, struct addr *addr)
{
    memset(addr, 0, sizeof *addr);
    addr->len = sizeof addr->sa;
    if (getsockname(c->stream.fd, &addr->sa.any, &addr->len) != 0) return false;
    return addr->sa.any.sa_family == AF_INET || addr->sa.any.sa_family == AF_INET6;
}

/* The version and the nodes, in memory of malloc; NULL: there is no node. */
static char *configuration(const struct client *c, size_t *len)
{
    const struct clients_limits *limits = &c->set->limits;
    struct addr addr;
    char *text = NULL;
    if (!limits->nodes && !own_end(c, &addr)) return NULL;
    FILE *to = open_memstream(&text, len);
    if (!to) abort();
    fprintf(to, "%" PRIu64 "\n", limits->nodes_version);
    if (limits->nodes)
        fputs(limits->nodes, to);
    else
        cluster_print_node(to, NULL, &addr);
    fputc('\n', to);
    if (fclose(to) != 0) abort();
    return text;
}

static bool asks_for_cluster(const struct request *r)
{
    struct arguments w = arguments_split(r);
    return !r->noreply && w.n == 2 && argument_is(&w.word[0], "get") &&
           argument_is(&w.word[1], "cluster");
}

void cluster_answer(struct client *c, const struct request *r)
{
    size_t config_len, len;
    char *config = asks_for_cluster(r) ? configuration(c, &config_len) : NULL, *answer;
    if (!config) {
        reply_at_once(c, COMMAND_CONFIG, ERROR_UNKNOWN, strlen(ERROR_UNKNOWN));
        return;
    }
    FILE *to = open_memstream(&answer, &len);
    if (!to) abort();
    fprintf(to, "CONFIG cluster 0 %zu\r\n%s\r\nEND\r\n", config_len, config);
    if (fclose(to) != 0) abort();
    reply_at_once(c, COMMAND_CONFIG, answer, len);
    free(answer);
    free(config);
}
