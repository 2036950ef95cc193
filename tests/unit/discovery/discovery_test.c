/* discovery: lists of servers that DNS and files fill, held back, kept and told. */
#include "unit/discovery/discovery_host.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/capture.h"
#include "lib/dnsmasq.h"
#include "lib/program.h"

/* --- files -------------------------------------------------------------------------------------- */

/* Writes text beside the file and renames it into its place. */
static void puts_file(const char *path, const char *text)
{
    const char *beside = textf("%s.new", path);
    FILE *file = fopen(beside, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(beside, path) != 0)
        stage_fails("cannot write %s", path);
}

static void appends_to_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "ae");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) stage_fails("cannot write %s", path);
}

static void a_file_is_read_at_once_and_followed(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    (void)state;
    puts_file(path, "b:1\na:2:3 x\n");
    opens(address_of_nobody());
    struct seen *s = listens(textf("file://%s", path));
    assert_string_equal(s->text, "b:1/1 a:2/3/x"); /* before the loop has turned */
    assert_int_equal(discoveries_open(&discoveries), 0);
    puts_file(path, "b:1\nc:3\n");
    sees(s, "b:1/1 c:3/1");
    appends_to_file(path, "d:4\n");
    sees(s, "b:1/1 c:3/1 d:4/1");
    assert_int_equal(s->times, 3);
    leaves(s);
    closes();
}

/* As when a script is checked: two of its pools name a file, which changes between the two. */
static void without_a_loop_a_change_is_taken_at_once(void **state)
{
    static const struct discovery_settings slow = {.interval = 5, .timeout = 1, .debounce = 9};
    const char *path = textf("%s/pool", program_folder()), *url = textf("file://%s", path);
    struct resolver_settings settings = {
        .dns = {.timeout = 0.1, .tries = 1}, .least = 1, .most = 9};
    (void)state;
    resolver_init(&resolver, NULL, &settings);
    discoveries_init(&discoveries, NULL, &resolver);
    puts_file(path, "a:1\n");
    struct seen *first = listens(url);
    puts_file(path, "a:1\nb:2\n");
    struct seen *second = listens_with(url, &slow);
    assert_string_equal(first->text, "a:1/1");
    assert_string_equal(second->text, "a:1/1 b:2/1");
    leaves(first);
    leaves(second);
    discoveries_release(&discoveries);
    resolver_release(&resolver);
}

static void a_file_that_is_wrong_or_gone_leaves_the_last_list(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    (void)state;
    puts_file(path, "a:1\nb:2\n");
    capture_begin(STDERR_FILENO);
    opens(address_of_nobody());
    struct seen *s = listens(textf("file://%s", path));
    appends_to_file(path, "c:3\nd:4"); /* half-written */
    sees_failure(s, "line 4: the last line has no end");
    appends_to_file(path, "5\n");
    sees(s, "a:1/1 b:2/1 c:3/1 d:45/1");
    puts_file(path, "a:1\nb:x\n");
    sees_failure(s, "line 2: the port is not a number");
    unlink(path);
    sees_failure(s, "No such file or directory");
    puts_file(path, "");
    sees_failure(s, "there is no server in the list");
    assert_string_equal(s->text, "a:1/1 b:2/1 c:3/1 d:45/1");
    puts_file(path, "a:1\nb:2\nc:3\n");
    sees(s, "a:1/1 b:2/1 c:3/1");
    const char *said = capture_end();
    assert_non_null(
        strstr(said, "failed: line 2: the port is not a number; keeps the last 4 servers\n"));
    assert_non_null(strstr(said, "recovered\n"));
    leaves(s);
    closes();
}

static void a_file_may_come_later(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    (void)state;
    opens(address_of_nobody());
    struct seen *s = listens(textf("file://%s", path));
    assert_int_equal(s->times, 0);
    assert_string_equal(discovery_failure(s->discovery), "No such file or directory");
    assert_int_equal(discoveries_open(&discoveries), 0); /* nobody waits for it */
    puts_file(path, "a:1\n");
    sees(s, "a:1/1");
    assert_null(discovery_failure(s->discovery));
    leaves(s);
    closes();
}

static void without_a_loop_a_file_is_read_and_nothing_else_is_asked(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    struct resolver_settings settings = {.dns = {.timeout = 1, .tries = 1}, .least = 1, .most = 1};
    (void)state;
    puts_file(path, "a:1\n");
    resolver_init(&resolver, NULL, &settings);
    discoveries_init(&discoveries, NULL, &resolver);
    struct seen *file = listens(textf("file://%s", path)), *dns = listens("dns://localhost"),
                *srv = listens("dns+srv://a.test"), *cache = listens("elasticache://localhost");
    assert_string_equal(file->text, "a:1/1");
    assert_int_equal(dns->times + srv->times + cache->times, 0);
    assert_string_equal(discovery_failure(srv->discovery), "no answer yet");
    leaves(file);
    leaves(dns);
    leaves(srv);
    leaves(cache);
    closes();
}

/* --- changes ------------------------------------------------------------------------------------ */

static void a_change_must_last(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    struct discovery_settings slow = quick;
    (void)state;
    slow.debounce = 0.3;
    puts_file(path, "a:1\n");
    opens(address_of_nobody());
    struct seen *s = listens_with(textf("file://%s", path), &slow);
    for (int i = 0; i < 6; i++) { /* each is seen, none lasts */
        puts_file(path, i % 2 ? "a:1\n" : "a:1\nb:2\n");
        evloop_turns(0.12);
    }
    assert_int_equal(s->times, 1);
    double began = stage_now();
    puts_file(path, "a:1\nc:2\n");
    sees(s, "a:1/1 c:2/1");
    assert_true(stage_now() - began >= 0.25);
    assert_int_equal(s->times, 2);
    leaves(s);
    closes();
}

static void changes_without_end_are_taken_over_in_the_end(void **state)
{
    const char *path = textf("%s/pool", program_folder());
    (void)state;
    puts_file(path, "a:1\n");
    opens(address_of_nobody());
    struct seen *s = listens(textf("file://%s", path));
    double end = stage_now() + stage_deadline();
    for (int i = 2; s->times == 1 && stage_now() < end; i++) { /* 0.1 s is never reached */
        puts_file(path, textf("a:1\nb:%d\n", i));
        evloop_turns(0.06);
    }
    assert_int_equal(s->times, 2);
    leaves(s);
    closes();
}

static void a_shrink_of_more_than_half_is_refused_unless_it_is_allowed(void **state)
{
    const char *path = textf("%s/pool", program_folder()), *url = textf("file://%s", path);
    struct discovery_settings shrinking = quick;
    (void)state;
    shrinking.shrink = true;
    puts_file(path, "a:1\nb:1\nc:1\nd:1\n");
    capture_begin(STDERR_FILENO);
    opens(address_of_nobody());
    struct seen *s = listens(url), *t = listens_with(url, &shrinking);
    puts_file(path, "a:1\n");
    sees(t, "a:1/1");
    evloop_turns(0.5);
    assert_string_equal(s->text, "a:1/1 b:1/1 c:1/1 d:1/1");
    sees_failure(s, "refused: 4 servers would shrink to 1; discover_shrink = true allows it");
    sees_failure(t, NULL);
    puts_file(path, "a:1\nb:1\n"); /* half of them stay */
    sees(s, "a:1/1 b:1/1");
    sees_failure(s, NULL);
    const char *said = capture_end();
    const char *refused = strstr(said, "refused: 4 servers would shrink to 1; discover_shrink = "
                                       "true allows it; keeps the last 4\n");
    assert_non_null(refused);
    assert_null(strstr(refused + 1, "refused:")); /* said once */
    leaves(s);
    leaves(t);
    closes();
}

static void a_list_is_shared_and_outlives_who_asked_first(void **state)
{
    struct dnsmasq *d =
        dnsmasq_start("host-record=p.test,127.0.0.1\nhost-record=p.test,127.0.0.2\n");
    struct discovery_settings other = quick;
    (void)state;
    other.debounce = 0.2;
    opens(dnsmasq_address(d));
    struct seen *s = listens("dns://p.test");
    assert_int_equal(discoveries_open(&discoveries), 1);
    sees(s, "127.0.0.1:11211/1 127.0.0.2:11211/1");
    assert_int_equal(discoveries_open(&discoveries), 0);
    dnsmasq_kill(d);
    struct seen *same = listens("dns://p.test"), *changed = listens_with("dns://p.test", &other);
    assert_ptr_equal(same->discovery, s->discovery);
    assert_string_equal(same->text, s->text); /* at once */
    assert_ptr_not_equal(changed->discovery, s->discovery);
    assert_string_equal(changed->text, s->text); /* at once, though its settings are others */
    leaves(s);
    dnsmasq_says(d, "host-record=p.test,127.0.0.3\nhost-record=p.test,127.0.0.2\n");
    sees(same, "127.0.0.2:11211/1 127.0.0.3:11211/1");
    sees(changed, "127.0.0.2:11211/1 127.0.0.3:11211/1");
    leaves(same);
    leaves(changed);
    closes();
}

struct giver {
    struct seen *a, *b;
    unsigned times;
};

static void gives_all(void *owner, const struct server_spec *servers, uint32_t n)
{
    struct giver *g = owner;
    (void)servers;
    (void)n;
    if (++g->times == 1) return; /* the first list, at once */
    leaves(g->a);
    leaves(g->b);
}

static void listeners_may_leave_while_they_are_told(void **state)
{
    const char *path = textf("%s/pool", program_folder()), *url = textf("file://%s", path);
    struct giver g = {0};
    struct discovery_settings other = quick;
    (void)state;
    other.debounce = 0.15;
    puts_file(path, "a:1\n");
    opens(address_of_nobody());
    g.a = listens(url);
    g.b = listens_with(url, &other);
    discovery_unlisten(g.a->listener);
    g.a->listener = discovery_listen(g.a->discovery, gives_all, &g);
    puts_file(path, "a:1\nb:1\n");
    evloop_turns(0.4);
    assert_int_equal(g.times, 2);
    closes();
}

struct pausing {
    const char *path;
    unsigned times, open;
    uint32_t n; /* servers of the last list */
};

static void pauses(void *owner, const struct server_spec *servers, uint32_t n)
{
    struct pausing *p = owner;
    (void)servers;
    assert_int_equal(p->open++, 0);
    if (++p->times == 1) {
        puts_file(p->path, "a:1\nb:1\n");
        evloop_turns(0.4);
    }
    p->n = n;
    p->open--;
}

/* What a script makes of its first list is done in slices, while the loop runs. */
static void a_list_that_comes_during_the_first_is_told_after_it(void **state)
{
    const char *path = textf("%s/pool", program_folder()), *url = textf("file://%s", path);
    struct pausing p = {.path = path};
    (void)state;
    puts_file(path, "a:1\n");
    opens(address_of_nobody());
    struct seen *s = listens(url);
    discovery_unlisten(s->listener);
    s->listener = discovery_listen(s->discovery, pauses, &p);
    assert_int_equal(p.times, 2);
    assert_int_equal(p.n, 2);
    puts_file(path, "a:1\nb:1\nc:1\n");
    evloop_turns(0.4);
    assert_int_equal(p.times, 3);
    leaves(s);
    closes();
}

/* --- DNS ---------------------------------------------------------------------------------------- */

static void service_records_name_the_servers(void **state)
{
    struct dnsmasq *d = dnsmasq_start("srv-host=_memcache._tcp.p.test,b.test,11211,0,20\n"
                                      "srv-host=_memcache._tcp.p.test,a.test,11212,0,10\n"
                                      "srv-host=_memcache._tcp.p.test,z.test,11212,1,10\n");
    (void)state;
    opens(dnsmasq_address(d));
    struct seen *s = listens("dns+srv://_memcache._tcp.p.test");
    sees(s, "a.test:11212/1 b.test:11211/2");
    dnsmasq_says(d, "srv-host=_memcache._tcp.p.test,b.test,11211,0,20\n"
                    "srv-host=_memcache._tcp.p.test,c.test,1,0,20\n");
    sees(s, "b.test:11211/1 c.test:1/1");
    dnsmasq_says(d, "txt-record=_memcache._tcp.p.test,x\n");
    sees_failure(s, "the name has no such record");
    dnsmasq_kill(d);
    evloop_turns(0.3);
    assert_string_equal(s->text, "b.test:11211/1 c.test:1/1");
    dnsmasq_says(d, "srv-host=_memcache._tcp.p.test,b.test,11211,0,20\n");
    sees(s, "b.test:11211/1");
    sees_failure(s, NULL);
    leaves(s);
    closes();
}

static void a_url_that_makes_no_sense_is_refused(void **state)
{
    struct discovery *d;
    (void)state;
    opens(address_of_nobody());
    assert_non_null(discovery_take(&discoveries, "dns:x", 5, &quick, &d));
    assert_non_null(discovery_take(&discoveries, "dns://", 6, &quick, &d));
    const char *longest = textf("file:///%0600d", 1);
    assert_string_equal(discovery_take(&discoveries, longest, strlen(longest), &quick, &d),
                        "the URL is longer than 599 bytes");
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(a_file_is_read_at_once_and_followed),
        play_on_loop(without_a_loop_a_change_is_taken_at_once),
        play_on_loop(a_file_that_is_wrong_or_gone_leaves_the_last_list),
        play_on_loop(a_file_may_come_later),
        play_on_loop(without_a_loop_a_file_is_read_and_nothing_else_is_asked),
        play_on_loop(a_change_must_last),
        play_on_loop(changes_without_end_are_taken_over_in_the_end),
        play_on_loop(a_shrink_of_more_than_half_is_refused_unless_it_is_allowed),
        play_on_loop(a_list_is_shared_and_outlives_who_asked_first),
        play_on_loop(listeners_may_leave_while_they_are_told),
        play_on_loop(a_list_that_comes_during_the_first_is_told_after_it),
        play_on_loop(service_records_name_the_servers),
        play_on_loop(a_url_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
