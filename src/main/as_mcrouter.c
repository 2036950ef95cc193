/* The flags of mcrouter: mcrouter_options_list.h, standalone_options_list.h and StandaloneUtils.cpp of the commit 9d7f4342 (2026-08), where
 * the names, the letters, and whether a flag has a value were learnt; a toggle may have one behind `=`. */
#include "main/as_other.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORTS_MAX = 32 };

/* --- configurations ---------------------------------------------------------------------------- */

static const char *take_file(struct as_other *to, const char *value)
{
    to->config = value;
    return *value ? NULL : "it is empty: give the path of a configuration";
}

static const char *take_text(struct as_other *to, const char *value)
{
    to->config_text = value;
    return NULL;
}

/* It overrules the other two. */
static const char *take_either(struct as_other *to, const char *value)
{
    to->config_either = value;
    return *value ? NULL : "it is empty: give file:PATH, or a configuration";
}

static const char *take_validate(struct as_other *to, const char *value)
{
    if (value && strcmp(value, "run") == 0) return NULL; /* which moongate does at each start */
    if (value && strcmp(value, "exit") != 0) return "not one of its words: give exit or run";
    to->checks = true;
    as_add(to, "--check", NULL);
    return NULL;
}

/* A toggle's value: what the flag means alone, unless it says something else. */
static bool is_on(const char *value)
{
    return !value || strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
}

static const char *take_never_reload(struct as_other *to, const char *value)
{
    to->reloads_never = is_on(value);
    return NULL;
}

static const char *take_flush(struct as_other *to, const char *value)
{
    to->may_flush = is_on(value);
    return NULL;
}

static const char *take_invalid(struct as_other *to, const char *value)
{
    if (is_on(value)) as_add(to, "--send-invalid-route-to-default", NULL);
    return NULL;
}

static const char *take_no_tko(struct as_other *to, const char *value)
{
    if (is_on(value)) as_add(to, "--disable-tko-tracking", NULL);
    return NULL;
}

static const char *take_async_dir(struct as_other *to, const char *value)
{
    to->async_dir = value;
    return *value ? NULL : "it is empty: give the path of a folder";
}

static const char *take_no_asynclog(struct as_other *to, const char *value)
{
    to->no_asynclog = is_on(value);
    return NULL;
}

/* --- listeners --------------------------------------------------------------------------------- */

static const char *take_ports(struct as_other *to, const char *value)
{
    to->port = value;
    return NULL;
}

static const char *take_addresses(struct as_other *to, const char *value)
{
    to->address = value;
    return NULL;
}

static const char *take_unix(struct as_other *to, const char *value)
{
    to->unix_path = value;
    return NULL;
}

static const char *take_tls_ports(struct as_other *to, const char *value)
{
    to->tls_port = value;
    return NULL;
}

static const char *take_cert(struct as_other *to, const char *value)
{
    to->tls_cert = value;
    return NULL;
}

static const char *take_key(struct as_other *to, const char *value)
{
    to->tls_key = value;
    return NULL;
}

static const char *take_ca(struct as_other *to, const char *value)
{
    to->tls_ca = value;
    return NULL;
}

static const char *take_needs_certs(struct as_other *to, const char *value)
{
    to->needs_certs = is_on(value);
    return NULL;
}

/* prefix: `tls:` or `notls:`, where both kinds are listened on. */
static void bind_one(struct as_other *to, const char *prefix, const char *address, size_t len,
                     const char *port)
{
    char *text;
    bool is_v6 = memchr(address, ':', len) && address[0] != '[';
    if (asprintf(&text, "%s%s%.*s%s:%s", prefix, is_v6 ? "[" : "", (int)len, address,
                 is_v6 ? "]" : "", port) < 0)
        abort();
    as_add(to, "--bind", text);
    free(text);
}

/* mcrouter listens on all addresses unless it is told which. */
static void bind_all(struct as_other *to, const char *prefix, const char *port)
{
    const char *at = to->address;
    if (!at) {
        bind_one(to, prefix, "0.0.0.0", 7, port);
        if (access("/proc/net/if_inet6", F_OK) == 0) bind_one(to, prefix, "::", 2, port);
        return;
    }
    while (*at) {
        size_t len = strcspn(at, ",");
        if (len) bind_one(to, prefix, at, len, port);
        at += len + (at[len] == ',');
    }
}

/* Ports stand in a list, with commas between them. */
static const char *settle_ports(struct as_other *to, const char *prefix, const char *ports)
{
    char *list = strdup(ports), *rest = list, *port;
    const char *wrong = NULL;
    if (!list) abort();
    for (int n = 0; !wrong && (port = strsep(&rest, ",")); n++) {
        if (n == PORTS_MAX || as_number(port, 0, 65535) < 0)
            wrong = ports == to->port
                        ? "--port is not a port, or a list of them: give a number in 1..65535"
                        : "--ssl-port is not a port, or a list of them: give a number in 1..65535";
        else
            bind_all(to, prefix, port);
    }
    free(list);
    return wrong;
}

/* Its clients' certificates must be right where it has a CA, and must be there where it demands them. */
static const char *settle_tls(struct as_other *to)
{
    if (!to->tls_cert || !to->tls_key)
        return "--ssl-port needs a certificate: give --pem-cert-path FILE and --pem-key-path FILE";
    as_add(to, "--tls-cert", to->tls_cert);
    as_add(to, "--tls-key", to->tls_key);
    if (to->tls_ca) {
        as_add(to, "--tls-ca", to->tls_ca);
        as_add(to, "--tls-verify", to->needs_certs ? "require" : "request");
    } else if (to->needs_certs) {
        return "--ssl-require-peer-certs needs to know who signs them: give --pem-ca-path FILE";
    }
    return settle_ports(to, "tls:", to->tls_port);
}

static const char *settle_listeners(struct as_other *to)
{
    char *text;
    if (!to->port && !to->unix_path && !to->tls_port && !to->checks)
        return "there is no port to listen on: give -p PORT";
    if (to->unix_path) {
        if (asprintf(&text, "unix:%s", to->unix_path) < 0) abort();
        as_add(to, "--bind", text);
        free(text);
    }
    const char *wrong = to->port ? settle_ports(to, to->tls_port ? "notls:" : "", to->port) : NULL;
    return wrong || !to->tls_port ? wrong : settle_tls(to);
}

/* --- the rest ---------------------------------------------------------------------------------- */

static const char *take_proxies(struct as_other *to, const char *value)
{
    if (strcmp(value, "auto") == 0) return NULL;
    if (as_number(value, 1, 256) < 0) return "not a number of proxies: give one in 1..256";
    as_add(to, "--workers", value);
    return NULL;
}

static const char *take_verbosity(struct as_other *to, const char *value)
{
    long level = as_number(value, 0, 1000000);
    if (level < 0) return "not a level: give a number";
    if (level >= 1) as_add(to, "--verbose", NULL);
    if (level >= 2) as_add(to, "--verbose", NULL);
    return NULL;
}

/* 0: no limit; 1: as many as descriptors allow. */
static const char *take_connections(struct as_other *to, const char *value)
{
    long n = as_number(value, 0, 999999999);
    if (n < 0) return "not a number of connections: give one";
    if (n > 1)
        as_add(to, "--max-conns", n > 1000000 ? "1000000" : value);
    else
        as_remark(to,
                  "--max-conns: moongate always has a limit: the default of its --max-conns holds");
    return NULL;
}

#define NO_PARAMS                                                                                  \
    "the configuration gets no parameters from the command line: write them into it, as a "        \
    "constDef"

/* What has no meaning here has neither an option nor a function. */
static const struct as_flag flags[] = {
    {'h', "help", AS_NONE, NULL, as_take_help, "print this help and exit"},
    {'V', "version", AS_NONE, NULL, as_take_version, "print the version and exit"},
    {'p', "port", AS_VALUE, NULL, take_ports, "moongate's --bind, a port or several with commas"},
    {0, "listen-addresses", AS_VALUE, NULL, take_addresses,
     "moongate's --bind, an address or several with commas"},
    {0, "unix-domain-sock", AS_VALUE, NULL, take_unix, "moongate's --bind unix:PATH"},
    {0, "ssl-port", AS_VALUE, NULL, take_tls_ports,
     "moongate's --bind tls:, a port or several with commas"},
    {0, "pem-cert-path", AS_VALUE, NULL, take_cert, "moongate's --tls-cert, for --ssl-port"},
    {0, "pem-key-path", AS_VALUE, NULL, take_key, "moongate's --tls-key"},
    {0, "pem-ca-path", AS_VALUE, NULL, take_ca, "moongate's --tls-ca, with --tls-verify request"},
    {0, "ssl-require-peer-certs", AS_MAYBE, NULL, take_needs_certs,
     "moongate's --tls-verify require"},
    {'f', "config-file", AS_VALUE, NULL, take_file, "moongate's --mcrouter, with --watch"},
    {0, "config-str", AS_VALUE, NULL, take_text, "moongate's --mcrouter-text"},
    {0, "config", AS_VALUE, NULL, take_either,
     "file:PATH, as --config-file, or the configuration itself"},
    {'R', "route-prefix", AS_VALUE, "--route-prefix", NULL, NULL},
    {0, "send-invalid-route-to-default", AS_MAYBE, NULL, take_invalid,
     "moongate's --send-invalid-route-to-default"},
    {0, "timeouts-until-tko", AS_VALUE, "--timeouts-until-tko", NULL, NULL},
    {'r', "probe-timeout-initial", AS_VALUE, "--probe-timeout-initial", NULL, NULL},
    {0, "retry-timeout", AS_VALUE, "--probe-timeout-initial", NULL, NULL},
    {'t', "server-timeout", AS_VALUE, "--server-timeout-ms", NULL, NULL},
    {0, "server-timeout-ms", AS_VALUE, "--server-timeout-ms", NULL, NULL},
    {0, "disable-tko-tracking", AS_MAYBE, NULL, take_no_tko, "moongate's --disable-tko-tracking"},
    {0, "num-proxies", AS_VALUE, NULL, take_proxies, "moongate's --workers"},
    {0, "proxy-threads", AS_VALUE, NULL, take_proxies, "moongate's --workers"},
    {0, "validate-config", AS_MAYBE, NULL, take_validate,
     "check the configuration, then exit or run"},
    {0, "enable-flush-cmd", AS_MAYBE, NULL, take_flush,
     "moongate's --allow-flush yes; without it no"},
    {0, "disable-reload-configs", AS_MAYBE, NULL, take_never_reload,
     "do not watch the configuration"},
    {0, "max-conns", AS_VALUE, NULL, take_connections, "moongate's --max-conns"},
    {'L', "log-path", AS_VALUE, "--log-file", NULL, NULL},
    {'v', NULL, AS_VALUE, NULL, take_verbosity, "log more: 1, and more still: 2"},
    {0, "verbosity", AS_NONE, NULL, NULL, NULL},
    {'d', NULL, AS_NONE, NULL, NULL, NULL},
    {'D', NULL, AS_VALUE, NULL, NULL, NULL},
    {0, "gets", AS_NONE, NULL, NULL, NULL},
    {0, "skip-sanity-checks", AS_NONE, NULL, NULL, NULL},
    {0, "service-name", AS_VALUE, NULL, NULL, NULL},
    {0, "additional-config-params", AS_VALUE, NULL, NULL, NO_PARAMS},
    {0, "acl-checker-enable", AS_MAYBE, NULL, NULL, NULL},
    {0, "acl-checker-enforce", AS_MAYBE, NULL, NULL, NULL},
    {0, "additional-ssl-service-identities", AS_VALUE, NULL, NULL, NULL},
    {0, "allow-only-gets", AS_MAYBE, NULL, NULL, NULL},
    {'a', "async-dir", AS_VALUE, NULL, take_async_dir, "moongate's --async-dir"},
    {0, "asynclog-disable", AS_MAYBE, NULL, take_no_asynclog, "no deletes are kept"},
    {0, "big-value-batch-size", AS_VALUE, NULL, NULL, NULL},
    {0, "big-value-hide-reply-flag", AS_MAYBE, NULL, NULL, NULL},
    {0, "big-value-split-threshold", AS_VALUE, NULL, NULL, NULL},
    {0, "carbon-router-name", AS_VALUE, NULL, NULL, NULL},
    {0, "client-timeout", AS_VALUE, NULL, NULL, NULL},
    {0, "collect-rxmit-stats-every-hz", AS_VALUE, NULL, NULL, NULL},
    {0, "config-dump-root", AS_VALUE, NULL, NULL, NULL},
    {0, "config-params", AS_VALUE, NULL, NULL, NO_PARAMS},
    {0, "connect-timeout-retries", AS_VALUE, NULL, NULL, NULL},
    {0, "constantly-reload-configs", AS_MAYBE, NULL, NULL, NULL},
    {0, "core-multiplier", AS_VALUE, NULL, NULL, NULL},
    {0, "core-multiplier-threshold", AS_VALUE, NULL, NULL, NULL},
    {0, "cross-cluster-timeout-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "cross-region-timeout-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "debug-fifo-root", AS_VALUE, NULL, NULL, NULL},
    {0, "default-qos-class", AS_VALUE, NULL, NULL, NULL},
    {0, "default-qos-path", AS_VALUE, NULL, NULL, NULL},
    {0, "delete-carbon-instance-upon-init-failure", AS_MAYBE, NULL, NULL, NULL},
    {0, "disable-failure-logging", AS_MAYBE, NULL, NULL, NULL},
    {0, "disable-fibers-use-guard-pages", AS_MAYBE, NULL, NULL, NULL},
    {0, "disable-request-deadline-check", AS_MAYBE, NULL, NULL, NULL},
    {0, "disable-send-to-main-shard-split", AS_MAYBE, NULL, NULL, NULL},
    {0, "disable-shard-split-route", AS_MAYBE, NULL, NULL, NULL},
    {0, "dump_preprocessed_config_enabled", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-axonlog", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-compression", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-logging-route", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-pass-through-mode", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-qos", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-server-compression", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-service-router", AS_MAYBE, NULL, NULL, NULL},
    {0, "enable-ssl-tfo", AS_MAYBE, NULL, NULL, NULL},
    {0, "external-carbon-connection-log-max-burst", AS_VALUE, NULL, NULL, NULL},
    {0, "external-carbon-connection-log-rate-per-hour", AS_VALUE, NULL, NULL, NULL},
    {0, "external-carbon-connection-log-sample-rate", AS_VALUE, NULL, NULL, NULL},
    {0, "external-carbon-connection-logging-enabled", AS_MAYBE, NULL, NULL, NULL},
    {0, "fibers-max-pool-size", AS_VALUE, NULL, NULL, NULL},
    {0, "fibers-pool-resize-period-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "fibers-record-stack-size-every", AS_VALUE, NULL, NULL, NULL},
    {0, "fibers-stack-size", AS_VALUE, NULL, NULL, NULL},
    {0, "file-observer-poll-period-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "file-observer-sleep-before-update-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "force-same-thread", AS_MAYBE, NULL, NULL, NULL},
    {0, "group-remote-errors", AS_MAYBE, NULL, NULL, NULL},
    {0, "jemalloc-nodump-buffers", AS_MAYBE, NULL, NULL, NULL},
    {'K', "keepalive-count", AS_VALUE, NULL, NULL, NULL},
    {'I', "keepalive-idle", AS_VALUE, NULL, NULL, NULL},
    {'i', "keepalive-interval", AS_VALUE, NULL, NULL, NULL},
    {0, "key-client-binding-enable", AS_MAYBE, NULL, NULL, NULL},
    {0, "key-client-binding-nonlookaside-enable", AS_MAYBE, NULL, NULL, NULL},
    {0, "key-client-binding-nonlookaside-verifier", AS_VALUE, NULL, NULL, NULL},
    {0, "listen-sock-fd", AS_VALUE, NULL, NULL, NULL},
    {0, "logging-rtt-outlier-threshold-us", AS_VALUE, NULL, NULL, NULL},
    {0, "max-client-outstanding-reqs", AS_VALUE, NULL, NULL, NULL},
    {0, "max-dumped-config-age", AS_VALUE, NULL, NULL, NULL},
    {0, "max-no-flush-event-loops", AS_VALUE, NULL, NULL, NULL},
    {0, "max-rxmit-reconnect-threshold", AS_VALUE, NULL, NULL, NULL},
    {0, "max-shadow-token-map-size", AS_VALUE, NULL, NULL, NULL},
    {0, "max_preprocessed_config_history", AS_VALUE, NULL, NULL, NULL},
    {0, "min-rxmit-reconnect-threshold", AS_VALUE, NULL, NULL, NULL},
    {0, "num-listening-sockets", AS_VALUE, NULL, NULL, NULL},
    {0, "pool-stats-config-file", AS_VALUE, NULL, NULL, NULL},
    {0, "post-reconfiguration-delay-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "prefix-acl-checker-enable", AS_MAYBE, NULL, NULL, NULL},
    {0, "probe-timeout-max", AS_VALUE, NULL, NULL, NULL},
    {0, "proxy-cpu-interval-s", AS_VALUE, NULL, NULL, NULL},
    {0, "proxy-max-inflight-requests", AS_VALUE, NULL, NULL, NULL},
    {0, "proxy-max-inflight-shadow-requests", AS_VALUE, NULL, NULL, NULL},
    {0, "proxy-max-throttled-requests", AS_VALUE, NULL, NULL, NULL},
    {0, "reconfiguration-delay-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "reconfiguration-jitter-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "remote-thread", AS_MAYBE, NULL, NULL, NULL},
    {0, "reset-inactive-connection-interval", AS_VALUE, NULL, NULL, NULL},
    {0, "retain-source-ip", AS_MAYBE, NULL, NULL, NULL},
    {0, "runtime-vars-file", AS_VALUE, NULL, NULL, NULL},
    {0, "rxmit-latency-deviation-us", AS_VALUE, NULL, NULL, NULL},
    {0, "server-load-interval-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "server-pem-ca-path", AS_VALUE, NULL, NULL, NULL},
    {0, "server-pem-cert-path", AS_VALUE, NULL, NULL, NULL},
    {0, "server-pem-key-path", AS_VALUE, NULL, NULL, NULL},
    {0, "server-ssl-service-identity", AS_VALUE, NULL, NULL, NULL},
    {0, "ssl-connection-cache", AS_MAYBE, NULL, NULL, NULL},
    {0, "ssl-handshake-offload", AS_MAYBE, NULL, NULL, NULL},
    {0, "ssl-service-identity", AS_VALUE, NULL, NULL, NULL},
    {0, "ssl-service-identity-authorization-enforce", AS_MAYBE, NULL, NULL, NULL},
    {0, "ssl-service-identity-authorization-log", AS_MAYBE, NULL, NULL, NULL},
    {0, "ssl-use-ktls12", AS_MAYBE, NULL, NULL, NULL},
    {0, "ssl-verify-peers", AS_MAYBE, NULL, NULL, NULL},
    {0, "stats-async-queue-length", AS_VALUE, NULL, NULL, NULL},
    {0, "stats-logging-interval", AS_VALUE, NULL, NULL, NULL},
    {0, "stats-root", AS_VALUE, NULL, NULL, NULL},
    {0, "target-max-inflight-requests", AS_VALUE, NULL, NULL, NULL},
    {0, "target-max-pending-requests", AS_VALUE, NULL, NULL, NULL},
    {0, "target-max-shadow-requests", AS_VALUE, NULL, NULL, NULL},
    {0, "tcp-listen-backlog", AS_VALUE, NULL, NULL, NULL},
    {0, "tcp-rto-min", AS_VALUE, NULL, NULL, NULL},
    {0, "tcp-zero-copy-threshold", AS_VALUE, NULL, NULL, NULL},
    {0, "test-mode", AS_MAYBE, NULL, NULL, NULL},
    {0, "tfo-queue-size", AS_VALUE, NULL, NULL, NULL},
    {0, "thread-affinity", AS_MAYBE, NULL, NULL, NULL},
    {0, "thrift-compression-threshold", AS_VALUE, NULL, NULL, NULL},
    {0, "thrift-listen-sock-fd", AS_VALUE, NULL, NULL, NULL},
    {0, "thrift-port", AS_VALUE, NULL, NULL, NULL},
    {0, "tls-ticket-key-seed-path", AS_VALUE, NULL, NULL, NULL},
    {0, "use-asynclog-version2", AS_MAYBE, NULL, NULL, NULL},
    {0, "use-mux-io-thread-pool", AS_MAYBE, NULL, NULL, NULL},
    {0, "use-thrift", AS_MAYBE, NULL, NULL, NULL},
    {0, "waiting-request-timeout-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "within-cluster-timeout-ms", AS_VALUE, NULL, NULL, NULL},
    {0, "xdp-tx-truncate-bytes", AS_VALUE, NULL, NULL, NULL},
};

static const char *settle(struct as_other *to)
{
    static const char file[] = "file:";
    const char *either = to->config_either;
    bool is_file = either && strncmp(either, file, sizeof file - 1) == 0;
    if (is_file) to->config = either + sizeof file - 1;
    if (either && !is_file) to->config_text = either;
    if (either && !is_file) to->config = NULL;
    if (!to->config && !to->config_text)
        return "there is no configuration: give -f FILE, or --config-str TEXT";
    if (to->config)
        as_add(to, "--mcrouter", to->config);
    else
        as_add(to, "--mcrouter-text", to->config_text);
    if (to->config && !to->reloads_never) as_add(to, "--watch", NULL);
    if (to->async_dir && !to->no_asynclog) as_add(to, "--async-dir", to->async_dir);
    as_add(to, "--allow-flush", to->may_flush ? "yes" : "no");
    return settle_listeners(to);
}

const struct as_program as_mcrouter = {
    .name = "mcrouter",
    .flags = flags,
    .flags_n = sizeof flags / sizeof *flags,
    .settle = settle,
    .help =
        "moongate, called as mcrouter: it runs mcrouter's configuration, with mcrouter's flags\n\n"
        "  mcrouter -p PORT -f FILE [flags]\n\n",
};
