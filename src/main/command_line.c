/* The table checks each option by itself; here stands what two options, or none, mean together. */
#include "main/command_line.h"

#include "main/metrics_sockets.h"
#include "net/bind.h"
#include <assert.h>

static bool state_dir_agrees(const struct options *o)
{
    if (o->state_dir && !o->script) {
        fputs("moongate: --state-dir keeps a script: give SCRIPT.lua, or leave it out\n", stderr);
        return false;
    }
    if (o->start_with_last_good && !o->state_dir) {
        fputs("moongate: --start-with-last-good: give the folder, --state-dir DIR\n", stderr);
        return false;
    }
    return true;
}

/* What stands before the address of a listener needs files. */
static bool listener_agrees(const struct options *o, const char *item)
{
    struct bind_spec spec;
    struct rules *rules;
    if (bind_parse(&spec, item) || rules_parse(&rules, spec.rules))
        return true; /* checked before */
    bool lacks_cert = rules->tls >= RULES_TLS_ON && !o->tls_cert;
    bool lacks_ca = rules->tls == RULES_TLS_MUTUAL && !o->tls_ca;
    rules_give(rules);
    if (!lacks_cert && !lacks_ca) return true;
    fprintf(stderr, "moongate: --bind %s: %s\n", item,
            lacks_cert ? "TLS needs a certificate: give --tls-cert FILE"
                       : "clients need a certificate: give --tls-ca FILE, whose certificates sign "
                         "theirs");
    return false;
}

/* A key that is given and not used would be a service that its operator takes for encrypted. */
static bool tls_agrees(const struct options *o)
{
    const char *other = o->tls_key       ? "key"
                        : o->tls_ca      ? "ca"
                        : o->tls_verify  ? "verify"
                        : o->tls_min     ? "min"
                        : o->tls_ciphers ? "ciphers"
                                         : NULL;
    if (other && !o->tls_cert) {
        fprintf(stderr, "moongate: --tls-%s without a certificate: give --tls-cert FILE\n", other);
        return false;
    }
    for (size_t i = 0; i < o->bind.n; i++)
        if (!listener_agrees(o, o->bind.items[i])) return false;
    if (o->tls_verify != TLS_VERIFY_NONE && !o->tls_ca) {
        fputs("moongate: --tls-verify: give --tls-ca FILE, whose certificates sign those of "
              "clients\n",
              stderr);
        return false;
    }
    return true;
}

/* A script says itself where items are. */
static bool what_serves_agrees(const struct options *o)
{
    if (o->script && o->servers.n > 0) {
        fprintf(stderr, "moongate: a script (%s) and --servers: give one of them\n", o->script);
        return false;
    }
    if (o->script && o->store > 0) {
        fprintf(stderr,
                "moongate: a script (%s) and --store: give one of them; a script has mg.store { "
                "size = ... }\n",
                o->script);
        return false;
    }
    if (o->servers.n > 0 && o->store > 0) {
        fputs("moongate: --servers and --store: give one of them; a script may have both\n",
              stderr);
        return false;
    }
    if (o->script || options_have_built_in(o)) return true;
    fputs("moongate: no script: give SCRIPT.lua; or --servers HOST:PORT or --store BYTES to go "
          "without one\n",
          stderr);
    return false;
}

/* With help, version and print_script nothing runs, so nothing can contradict. */
static bool options_agree(const struct options *o)
{
    if (o->help || o->version || o->print_script) return true;
    if (!what_serves_agrees(o)) return false;
    if (o->resolve_min > o->resolve_max) {
        fprintf(stderr, "moongate: --resolve-min %g is above --resolve-max %g: turn them round\n",
                o->resolve_min, o->resolve_max);
        return false;
    }
    if (o->admin.n > 0 && o->single_process) {
        fputs("moongate: --admin and --single-process: give one of them\n", stderr);
        return false;
    }
    if (o->watch && o->script_text) {
        fputs("moongate: --watch and --mcrouter-text: give one of them\n", stderr);
        return false;
    }
    if (o->watch && (o->single_process || options_have_built_in(o))) {
        fprintf(stderr, "moongate: --watch and --%s: give one of them\n",
                o->servers.n > 0 ? "servers"
                : o->store > 0   ? "store"
                                 : "single-process");
        return false;
    }
    if (o->metrics && o->single_process) {
        fputs("moongate: --metrics and --single-process: give one of them\n", stderr);
        return false;
    }
    if (o->nutcracker_stats && o->single_process) {
        fputs("moongate: --nutcracker-stats and --single-process: give one of them\n", stderr);
        return false;
    }
    if (o->metrics && !metrics_sockets_check(o->metrics, "metrics")) return false;
    if (o->nutcracker_stats && !metrics_sockets_check(o->nutcracker_stats, "nutcracker-stats"))
        return false;
    return state_dir_agrees(o) && tls_agrees(o);
}

/* What --twemproxy, --mcrouter or --routelib names is the script. False: there is another one, after a complaint. */
static bool take_foreign(struct options *o)
{
    const struct {
        const char *path;
        enum convert_kind kind;
    } all[] = {{o->twemproxy, CONVERT_TWEMPROXY},
               {o->mcrouter, CONVERT_MCROUTER},
               {o->routelib, CONVERT_ROUTELIB}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].path) continue;
        if (o->script) {
            fprintf(stderr, "moongate: %s and --%s %s: give one of them\n", o->script,
                    convert_kind_word(all[i].kind), all[i].path);
            return false;
        }
        o->script = all[i].path;
        o->guess = GUESS_NOT;
        o->kind = all[i].kind;
    }
    if (o->mcrouter_text && o->script) {
        fprintf(stderr, "moongate: %s and --mcrouter-text: give one of them\n", o->script);
        return false;
    }
    if (o->mcrouter_text) {
        o->script = "(command line)";
        o->script_text = o->mcrouter_text;
        o->guess = GUESS_NOT;
        o->kind = CONVERT_MCROUTER;
    }
    return true;
}

bool command_line_read(struct options *o, int argc, char **argv)
{
    bool good = options_default(o) && option_table_read(&options_table, o, argc, argv) &&
                take_foreign(o) && options_agree(o) && options_make_rules(o);
    o->makes_contexts = true;
    if (!good) options_release(o);
    assert(!good ||
           o->bind.n > 0); /* the default of a list is set when the command line gives none */
    return good;
}
