/* deps/check and deps/install, on a system whose dpkg and apt are ours: what is asked for, and that nothing is removed. */
#include "lib/moongate.h"
#include "lib/said.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In PATH stand these alone, and what the test puts there: no compiler, no pkg-config, no luajit. */
static const char TOOLS[] = "sh dirname tr sed sort cat id env rm tee chmod cmp grep mkdir touch";

static const char *folder; /* of the running test */

static const char *bin(void)
{
    return textf("%s/bin", folder);
}

static void puts_tool(const char *name, const char *text)
{
    const char *path = textf("%s/%s", bin(), name);
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "#!/bin/sh\n%s\n", text) < 0 || fclose(file) != 0 ||
        chmod(path, 0755) != 0)
        stage_fails("%s cannot be written", path);
}

/* A system that has these packages, a line each. What apt-get installs is there from then on, and its words are kept. */
static void system_has(const char *packages)
{
    folder = program_folder();
    struct run run = shell_runs(textf("mkdir %s && for tool in %s; do ln -s \"$(command -v "
                                      "$tool)\" %s/ || exit 1; done && printf "
                                      "'%s' >%s/installed",
                                      bin(), TOOLS, bin(), packages, folder));
    exits(run, 0);
    puts_tool("dpkg-query",
              textf("for last; do :; done; grep -qx -e \"$last\" %s/installed && echo installed",
                    folder));
    puts_tool("apt-get", textf("echo \"$*\" >>%s/apt\n"
                               "case \"$*\" in *install*) for word; do echo \"$word\"; done "
                               ">>%s/installed ;; esac",
                               folder, folder));
    puts_tool("sudo", "exec \"$@\"");
}

static struct run deps_run(const char *command)
{
    return shell_runs(textf("PATH=%s POLICY_RC_D=%s/policy sh deps/%s", bin(), folder, command));
}

/* The line of apt-get's that installs. */
static const char *installed(void)
{
    return shell_runs(textf("grep ' install ' %s/apt", folder)).out;
}

static void a_system_without_luajit_gets_debian_s_own(void **state)
{
    system_has("make\\n");
    exits(deps_run("install build"), 0);
    has(installed(), " --no-remove ");
    has(installed(), " libluajit-5.1-dev ");
    has(installed(), " luajit ");
    has_not(installed(), "luajit2");
    has_not(installed(), " make ");
    assert_int_equal(access(textf("%s/policy", folder), F_OK), -1);
    exits(deps_run("check build"), 0);
}

/* libluajit2-5.1-2 and libluajit-5.1-2 exclude each other: installing one would remove the other. */
static void a_system_with_the_other_luajit_keeps_it(void **state)
{
    system_has("libluajit2-5.1-2\\n");
    struct run run = deps_run("check build");
    exits(run, 1);
    has(run.err, " libluajit2-5.1-dev ");
    exits(deps_run("install build"), 0);
    has(installed(), " --no-remove ");
    has(installed(), " libluajit2-5.1-dev ");
    has(installed(), " luajit2 ");
    has_not(installed(), " libluajit-5.1-dev");
    has_not(installed(), " luajit ");
    exits(deps_run("check build"), 0);
}

static void what_npm_lacks_is_named_like_packages(void **state)
{
    const char *copy = NULL;
    system_has("");
    copy = textf("%s/tree", folder);
    exits(shell_runs(textf("mkdir -p %s/tests/clients && cp -r deps %s/ && cp "
                           "tests/clients/package*.json %s/tests/clients/",
                           copy, copy, copy)),
          0);
    struct run run = shell_runs(textf("PATH=%s sh %s/deps/check test", bin(), copy));
    exits(run, 1);
    has(run.err, " npm:memcached@2.2.2");
    has(run.err, ": install them with: sh deps/install test");
    has_not(shell_runs(textf("PATH=%s sh %s/deps/check run", bin(), copy)).err, "npm:");
    exits(shell_runs(
              textf("cd %s && mkdir -p build/node/node_modules/memcached && echo '\"version\": "
                    "\"2.2.2\"' >build/node/node_modules/memcached/package.json",
                    copy)),
          0);
    run = shell_runs(textf("PATH=%s sh %s/deps/check test", bin(), copy));
    has_not(run.err, "npm:memcached@");
    has(run.err, " npm:memcache-client@");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_system_without_luajit_gets_debian_s_own),
        play(a_system_with_the_other_luajit_keeps_it),
        play(what_npm_lacks_is_named_like_packages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
