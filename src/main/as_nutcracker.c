/* The flags of nutcracker 0.5.0, as its help lists them and as nc.c reads them. */
#include "main/as_other.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"

/* Where nutcracker looks; the second one is that of Debian's package. */
static const char *const configurations[] = {"conf/nutcracker.yml",
                                             "/etc/nutcracker/nutcracker.yml"};

static const char *take_check(struct as_other *to, const char *value)
{
    to->checks = true;
    as_add(to, "--check", NULL);
    return NULL;
}

/* What the figures are, in the order in which they come. What moongate does not count stays 0. */
static const char *take_describe(struct as_other *to, const char *value)
{
    static const char *const all[] = {
        "pool stats:",
        "  client_eof          \"clients of the listener of that name that have gone\"",
        "  client_err          \"0: not counted\"",
        "  client_connections  \"clients of the listener of that name\"",
        "  server_ejects       \"times that a worker ejected a server, or took it for down\"",
        "  forward_error       \"requests that no server answered\"",
        "  fragments           \"0: not counted\"",
        "",
        "server stats:",
        "  server_eof          \"connections that ended, or could not be made\"",
        "  server_err          \"requests lost with their connection\"",
        "  server_timedout     \"requests that passed their deadline\"",
        "  server_connections  \"connections that serve\"",
        "  server_ejected_at   \"since when it is down, in microseconds since 1970; 0: it is not\"",
        "  requests            \"requests\"",
        "  request_bytes       \"bytes of requests\"",
        "  responses           \"responses\"",
        "  response_bytes      \"bytes of responses\"",
        "  in_queue            \"0: requests are written as they come\"",
        "  in_queue_bytes      \"0: likewise\"",
        "  out_queue           \"requests that wait for their response\"",
        "  out_queue_bytes     \"0: not counted\"",
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) puts(all[i]);
    as_end(to, EXIT_OK);
    return NULL;
}

/* Its levels: 0 to 3 are errors, 4 warnings, 5 and 6 notices, 7 and above are for debugging. It takes any number above 11 for 11. */
static const char *take_verbosity(struct as_other *to, const char *value)
{
    long level = as_number(value, 0, 999999999);
    if (level < 0) return "not a level: give a number, 0 to 11";
    to->log_from = level <= 3 ? "error" : level == 4 ? "warn" : NULL;
    if (level >= 7) as_add(to, "--verbose", NULL);
    if (level >= 8) as_add(to, "--verbose", NULL);
    return NULL;
}

static const char *take_configuration(struct as_other *to, const char *value)
{
    to->config = value;
    return NULL;
}

static const char *take_port(struct as_other *to, const char *value)
{
    to->port = value;
    return as_number(value, 1, 65535) < 0 ? "not a port: give a number in 1..65535" : NULL;
}

static const char *take_address(struct as_other *to, const char *value)
{
    to->address = value;
    return *value ? NULL : "it is empty: give an address, such as 127.0.0.1";
}

static const char *take_interval(struct as_other *to, const char *value)
{
    if (as_number(value, 1, 999999999) < 0) return "not a number: give milliseconds";
    as_remark(to, "--stats-interval: it has no meaning here: statistics are those of the moment");
    return NULL;
}

static const char *take_mbuf(struct as_other *to, const char *value)
{
    if (as_number(value, 512, 16 << 20) < 0) return "not a size: give bytes in 512..16777216";
    as_remark(
        to,
        "--mbuf-size: it has no meaning here: see --client-buffer and --input-buffer of moongate");
    return NULL;
}

static const struct as_flag flags[] = {
    {'h', "help", AS_NONE, NULL, as_take_help, "print this help and exit"},
    {'V', "version", AS_NONE, NULL, as_take_version, "print the version and exit"},
    {'t', "test-conf", AS_NONE, NULL, take_check, "moongate's --check"},
    {'d', "daemonize", AS_NONE, "--daemonize", NULL, NULL},
    {'D', "describe-stats", AS_NONE, NULL, take_describe,
     "print what the statistics mean and exit"},
    {'v', "verbose", AS_VALUE, NULL, take_verbosity,
     "which lines are logged: 0 to 3 errors, 4 warnings, 5 and 6 what moongate logs by itself, "
     "above 6 more"},
    {'o', "output", AS_VALUE, "--log-file", NULL, NULL},
    {'c', "conf-file", AS_VALUE, NULL, take_configuration,
     "moongate's --twemproxy [conf/nutcracker.yml, else /etc/nutcracker/nutcracker.yml]"},
    {'s', "stats-port", AS_VALUE, NULL, take_port, "port of moongate's --nutcracker-stats [22222]"},
    {'i', "stats-interval", AS_VALUE, NULL, take_interval, "no meaning here"},
    {'a', "stats-addr", AS_VALUE, NULL, take_address,
     "address of moongate's --nutcracker-stats [127.0.0.1]"},
    {'p', "pid-file", AS_VALUE, "--pid-file", NULL, NULL},
    {'m', "mbuf-size", AS_VALUE, NULL, take_mbuf, "no meaning here"},
};

/* The statistics are served always, as nutcracker does; on loopback unless an address was given. */
static const char *settle(struct as_other *to)
{
    char *stats;
    const char *address = to->address ? to->address : "127.0.0.1";
    bool is_v6 = strchr(address, ':') && address[0] != '[';
    if (!to->config)
        to->config = access(configurations[0], F_OK) == 0 || access(configurations[1], F_OK) != 0
                         ? configurations[0]
                         : configurations[1];
    as_add(to, "--twemproxy", to->config);
    if (asprintf(&stats, "%s%s%s:%s", is_v6 ? "[" : "", address, is_v6 ? "]" : "",
                 to->port ? to->port : "22222") < 0)
        abort();
    as_add(to, "--nutcracker-stats", stats);
    free(stats);
    return NULL;
}

const struct as_program as_nutcracker = {
    .name = "nutcracker",
    .flags = flags,
    .flags_n = sizeof flags / sizeof *flags,
    .settle = settle,
    .help = "moongate, called as nutcracker: it runs nutcracker's configuration, with nutcracker's "
            "flags\n\n"
            "  nutcracker [flags]        without -c: conf/nutcracker.yml, else "
            "/etc/nutcracker/nutcracker.yml\n\n",
    .ok = "syntax is ok",
    .ignores_words = true,
};
