/* What people write who come from other proxies, or who take seconds for milliseconds: an error or a warning that says what to write. */
#include "unit/script/script_host.h"

#include "backend/ejection.h"
#include <math.h>
#include <sys/resource.h>

#define POOL(options) MG "local p = mg.pool { '10.0.0.1:1', " options " }\n"

/* --- errors ------------------------------------------------------------------------------------ */

/* What is written; what the error says to write. All of them are in line 2. */
static const char *const errors[][2] = {
    /* servers */
    {MG "local p = mg.pool { '/tmp/x.sock:1 a' }\n",
     "mg.pool server '/tmp/x.sock:1 a': a unix socket is written \"unix:/tmp/x.sock:1 a\""},
    {MG "local p = mg.pool { '/tmp/x.sock' }\n", "written \"unix:/tmp/x.sock\""},
    {MG "local p = mg.pool { '$CACHE_HOST:1' }\n",
     "nothing replaces $CACHE_HOST in a script: write mg.env \"CACHE_HOST\""},
    {MG "local p = mg.pool { '${CACHE}:1' }\n", "nothing replaces $CACHE in a script"},
    {MG "local p = mg.pool { 'host;11211' }\n", "the port follows a colon: \"host:11211\""},
    {MG "local p = mg.pool { 'host,11211' }\n", "the port follows a colon: \"host:11211\""},
    {MG "local p = mg.pool { 'a:1,b:1' }\n", "each server is a text of its own"},
    {MG "local p = mg.pool { 'memcache://a:1' }\n", "a URL goes into the option 'discover'"},
    {MG "local p = mg.pool { '10.0.0.1:1 a', '10.0.0.2:1 a' }\n",
     "mg.pool has two servers named a (10.0.0.1:1 and 10.0.0.2:1): give each a name of its own"},
    {MG "local p = mg.pool { '10.0.0.1:1', '10.0.0.1:1:2' }\n", "two servers named 10.0.0.1:1"},
    {MG "local p = mg.pool { '10.0.0.1:1 a', '10.0.0.2:1 a', distribution = 'jump' }\n",
     "two servers named a"},
    /* lists of servers by another name */
    {MG "local p = mg.pool { servers = { '10.0.0.1:1' } }\n",
     "unknown option 'servers': the servers are the list itself: mg.pool { \"10.0.0.1:11211\""},
    {MG "local p = mg.pool { hosts = { '10.0.0.1:1' }, timeout = 1 }\n", "unknown option 'hosts'"},
    {MG "local p = mg.pool { host = '10.0.0.1' }\n", "the servers are the list itself"},
    {POOL("server = '10.0.0.2:1'"), "the servers are the list itself"},
    {POOL("weight = 2"), "a weight goes with its server: \"host:port:weight\""},
    /* options of twemproxy and mcrouter */
    {POOL("auto_eject_hosts = true"), "write eject = \"twemproxy\"; or on_failure = \"rehash\""},
    {POOL("server_retry_timeout = 30000"), "write eject_retry = 30 (in seconds"},
    {POOL("server_failure_limit = 2"), "write failure_limit = 2"},
    {POOL("server_connections = 2"), "write connections = 4"},
    {POOL("hash_func = 'md5'"), "write hash = \"md5\""},
    {POOL("preconnect = true"), "leave it out"},
    {POOL("listen = '127.0.0.1:1'"), "listeners are for the whole script"},
    {POOL("protocol = 'ascii'"), "takes one of binary, text"},
    {POOL("timeouts_until_tko = 3"), "write failure_limit = 3"},
    {MG "mg.defaults { auto_eject_hosts = true }\n" ANY, "write eject = \"twemproxy\""},
    /* numbers */
    {POOL("timeout = '400ms'"), "not the text '400ms': write 0.4, without quotes"},
    {POOL("timeout = '2s'"), "write 2, without quotes"},
    {POOL("timeout = '0.2'"), "write 0.2, without quotes"},
    {POOL("timeout = '1m'"), "write 60, without quotes"},
    {POOL("timeout = 5000"), "takes seconds from 0.001 to 3600, not 5000: 5000 ms are 5"},
    {POOL("connections = '4'"), "not the text '4': write 4, without quotes"},
    {POOL("depth = 'deep'"), "not the text 'deep'"},
    {MG "local p = mg.pool { { '10.0.0.1:1', weight = '2' } }\n", "write 2, without quotes"},
    {POOL("connections = 1025"), "takes a number from 1 to 1024, not 1025"},
    /* ejection */
    {POOL("eject = 'twemproxy', on_failure = 'rehash'"), "not both"},
    {POOL("eject_retry = 5"), "option 'eject_retry' goes with eject = \"twemproxy\""},
    {POOL("eject = true"), "takes one of none, twemproxy"},
    {POOL("texts = 'nutcracker'"), "takes one of mcrouter, server, twemproxy"},
    {MG "local p = mg.pool { { '10.0.0.1:1', eject = 'twemproxy' } }\n", "unknown option 'eject'"},
};

static void an_error_says_what_to_write(void **state)
{
    for (size_t i = 0; i < COUNT(errors); i++) fails(errors[i][0], "script.lua:2:", errors[i][1]);
}

static void an_unknown_word_gets_the_list(void **state)
{
    fails(POOL("nosuch = 1"), "script.lua:2:", "unknown option 'nosuch'; there are: ask,");
    fails(POOL("depth = 'deep'"), "script.lua:2:", "from 1 to 1000000, not the text 'deep'");
    assert_null(strstr(w.error, "without quotes"));
}

/* --- warnings ---------------------------------------------------------------------------------- */

/* What is written; the beginning of its only warning, NULL: none. */
static const char *const warnings[][2] = {
    {POOL("timeout = 400") ANY, "/scripts/script.lua:2: mg.pool option 'timeout': 400 is 400 "
                                "seconds; 400 milliseconds are 0.4"},
    {POOL("connect_timeout = 100") ANY, ":2: mg.pool option 'connect_timeout': 100 is 100 seconds"},
    {MG "\nmg.defaults { timeout = 250 }\n" ANY, ":3: mg.defaults option 'timeout': 250"},
    {MG "local p = mg.pool { { '10.0.0.1:1', timeout = 61 } }\n" ANY,
     ":2: mg.pool server option 'timeout': 61"},
    {MG "local p = mg.pool { '10.0.0.1:1 a', '10.0.0.1:1 b' }\n" ANY,
     ":2: mg.pool has server 10.0.0.1:1 twice"},
    {MG "local p = mg.pool { '10.0.0.1:1', '10.0.0.1:1', like = 'libmemcached' }\n" ANY,
     ":2: mg.pool has server 10.0.0.1:1 twice"},
    {POOL("timeout = 60, stall_timeout = 60") ANY, NULL},
    {POOL("timeout = 0, stall_timeout = 0") ANY, NULL},
    {MG "local p = mg.pool { '10.0.0.1:1', '10.0.0.1:2', '10.0.0.2:1 a', '10.0.0.3:1 b' }\n" ANY,
     NULL},
};

static void a_warning_says_what_is_probably_meant(void **state)
{
    for (size_t i = 0; i < COUNT(warnings); i++) {
        load(warnings[i][0]);
        const char *said = script_warning(w.script, 0), *wanted = warnings[i][1];
        if (wanted && (!said || !strstr(said, wanted)))
            fail_msg("wanted %s, got %s", wanted, said ? said : "none");
        if (!wanted && said) fail_msg("%s: %s", warnings[i][0], said);
        assert_null(script_warning(w.script, 1));
        unload();
    }
}

static void few_warnings_are_kept(void **state)
{
    load(MG "for i = 1, 100 do mg.pool { '10.0.0.1:1', timeout = 100 + i } end\n" ANY);
    assert_non_null(script_warning(w.script, 19));
    assert_null(script_warning(w.script, 20));
}

static void more_connections_than_descriptors_are_told(void **state)
{
    struct rlimit old, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = (struct rlimit){.rlim_cur = old.rlim_cur < 500 ? old.rlim_cur : 500, .rlim_max = 500};
    if (setrlimit(RLIMIT_NOFILE, &few) != 0) fail_msg("the limit cannot be lowered");
    load(MG "local p = mg.pool { '10.0.0.1:1', '10.0.0.2:1', connections = 250 }\n"
            "local q = mg.pool { '10.0.0.1:1', connections = 499 }\n" ANY);
    assert_non_null(
        strstr(script_warning(w.script, 0), "script.lua:2: mg.pool wants 500 connections"));
    assert_null(script_warning(w.script, 1));
}

/* --- what is not said -------------------------------------------------------------------------- */

static void a_pool_that_ejects_as_twemproxy_does_is_like_it_otherwise(void **state)
{
    load(MG "local a = mg.pool { '10.0.0.1:1', eject = 'twemproxy' }\n"
            "local b = mg.pool { '10.0.0.1:1', eject = 'twemproxy', texts = 'server',\n"
            "  failure_limit = 9, eject_retry = 1.5 }\n"
            "mg.defaults { eject = 'twemproxy', failure_limit = 7, eject_retry = 4 }\n"
            "local c = mg.pool { '10.0.0.1:1' }\n"
            "local d = mg.pool { '10.0.0.1:1', eject = 'none', timeout = 0 }\n"
            "return a\n");
    static const struct {
        uint32_t texts, limit, eject;
        double retry, timeout;
    } wanted[] = {{TEXTS_TWEMPROXY, 2, EJECTS_TWEMPROXY, 30, 1},
                  {TEXTS_SERVER, 9, EJECTS_TWEMPROXY, 1.5, 1},
                  {TEXTS_TWEMPROXY, 7, EJECTS_TWEMPROXY, 4, 1},
                  {TEXTS_SERVER, 7, EJECTS_NONE, 4, INFINITY}};
    uint32_t n;
    struct pool *const *pools = script_pools(w.script, &n);
    assert_int_equal(n, COUNT(wanted));
    for (uint32_t i = 0; i < n; i++) {
        const struct pool_member *m = pools[i]->members;
        assert_int_equal(m->backend->settings.texts, wanted[i].texts);
        assert_int_equal(m->backend->settings.failure_limit, wanted[i].limit);
        assert_int_equal(m->backend->settings.eject, wanted[i].eject);
        assert_true(m->timeout >= wanted[i].timeout && m->timeout <= wanted[i].timeout);
        assert_true(!m->ejection == (wanted[i].eject == EJECTS_NONE));
        if (m->ejection)
            assert_true(m->ejection->retry >= wanted[i].retry &&
                        m->ejection->retry <= wanted[i].retry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(an_error_says_what_to_write),
        alone(an_unknown_word_gets_the_list),
        alone(a_warning_says_what_is_probably_meant),
        alone(few_warnings_are_kept),
        alone(a_pool_that_ejects_as_twemproxy_does_is_like_it_otherwise),
        alone(more_connections_than_descriptors_are_told), /* the last: the limit stays */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
