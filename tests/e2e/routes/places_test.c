/* Requests that belong to one place, through every policy, before two real servers whose cas counters differ: a cas is compared
 * where it was read and nowhere else; an item that N makes is made where there was none, and its maker learns it; a stale item's
 * win goes to a client, or the next client wins. tests/lib/places.c has the table of policies. */
#include "lib/places.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "lib/moongate.h"

#define EACH_ROW(row)                                                                              \
    for (const struct policy_row *row = policy_rows; row < policy_rows + policy_rows_n; row++)     \
        if (places_take(row))
#define EACH(form, forms) for (const char *const *form = forms; *form; form++)

static const unsigned long NO_CAS = 9223372036854775807;

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_one_of(const char *answer, const char *const *beginnings)
{
    while (*beginnings && !begins(answer, *beginnings)) beginnings++;
    return *beginnings;
}

static bool is_same(struct place_item one, struct place_item other)
{
    return one.cas == other.cas && strcmp(one.value, other.value) == 0;
}

/* --- a cas is compared -------------------------------------------------------------------------- */

static const char *const comparing[] = {"cas % 0 0 1 #\r\n7\r\n",
                                        "ms % 1 C#\r\n7\r\n",
                                        "ms $ 1 b C# T60 k\r\n7\r\n",
                                        "ms % 1 C# c\r\n7\r\n",
                                        "ms % 1 C# MA\r\n7\r\n",
                                        "ms % 1 C# MR O1\r\n7\r\n",
                                        "ms % 1 I C#\r\n7\r\n",
                                        "md % C#\r\n",
                                        "md $ b C# k\r\n",
                                        "md % I C# T60\r\n",
                                        "ma % C#\r\n",
                                        "ma % C# v c MD\r\n",
                                        "ma $ b C# N0 J3 v\r\n",
                                        NULL};
static const char *const done[] = {"STORED", "HD", "VA ", NULL};
static const char *const refused[] = {"EXISTS", "EX", NULL};
static const char *const errors[] = {"SERVER_ERROR", NULL};
static const char *const misses[] = {"NOT_FOUND", "NF", "EN", "NS", "NOT_STORED", "END", NULL};

/* Asks, and checks the kind of answer, which depends on what the policy shows at all. */
static const char *asks(struct places *p, const char *request, const char *const *told)
{
    const char *answer = places_ask(p->by, request);
    if (p->row->tells == BLIND) told = misses;
    if (p->row->tells == REFUSES) told = errors;
    if (!is_one_of(answer, told))
        places_fail(p, request, answer, "that is the wrong kind of answer");
    places_settle(p);
    return answer;
}

/* What copies have after a hit. */
static void check_copy(struct places *p, const char *request, const char *answer, int place,
                       struct place_item before)
{
    struct place_item now = places_item(p, place);
    enum copies copies = p->row->copies;
    bool is_delete = begins(request, "md"), is_stale = strstr(request, " I ") != NULL;
    bool gone =
        copies == GETS_DELETE || is_delete != is_stale; /* ms with I becomes a delete, too */
    if (copies == NOTHING || copies == IS_SPARE || (copies == IS_LEFT && !is_delete)) {
        if (!is_same(now, before)) places_fail(p, request, answer, "the other place was changed");
    } else if (gone) {
        if (now.cas) places_fail(p, request, answer, "the copy is still there");
    } else if (now.cas == before.cas) {
        places_fail(p, request, answer, "the copy is as it was");
    }
}

/* A cache that is to forget what is written may forget it also when it was not. */
static bool is_as_it_was(struct places *p, int place, struct place_item before)
{
    struct place_item now = places_item(p, place);
    return is_same(now, before) || (p->row->copies == GETS_DELETE && now.cas == 0);
}

/* To ms with I any lower number is an older cas, from wherever. */
static void compares(struct places *p, const char *form)
{
    places_cell(p, "ab");
    int judge = places_judge(p);
    struct place_item own = places_item(p, judge), other = places_item(p, !judge);
    bool is_older = other.cas < own.cas && strstr(form, " I C");
    const char *request = places_request(p, form, is_older ? NO_CAS : other.cas);
    const char *answer = asks(p, request, refused);
    if (!is_same(places_item(p, judge), own) || !is_as_it_was(p, !judge, other))
        places_fail(p, request, answer, "another place's cas has changed something");
    request = places_request(p, form, own.cas);
    answer = asks(p, request, done);
    if (places_item(p, judge).cas == own.cas)
        places_fail(p, request, answer, "its own cas has changed nothing");
    check_copy(p, request, answer, !judge, other);
}

static void a_cas_is_compared_in_its_place(void **state)
{
    struct places *p = places_open();
    EACH_ROW(row)
    {
        places_have(p, row, 0);
        EACH(form, comparing)
        {
            if (row->judge != '-') compares(p, *form);
        }
    }
    places_close(p);
}

/* Where the judge is dead, has no such item, or there is none, nothing is compared elsewhere. */
static void compares_nothing(struct places *p, const char *form, int place, const char *const *told)
{
    places_cell(p, place == 0 ? "a" : "b");
    struct place_item before = places_item(p, place);
    const char *request = places_request(p, form, before.cas);
    if (strstr(form, " N0")) return; /* that makes one */
    const char *answer = asks(p, request, told);
    if (!is_as_it_was(p, place, before))
        places_fail(p, request, answer, "a cas was compared in the wrong place");
}

static void a_cas_is_compared_nowhere_else(void **state)
{
    struct places *p = places_open();
    EACH_ROW(row)
    {
        if (row->judge == '*') continue;
        int other = row->judge == 'a';
        places_have(p, row, row->judge == '-' ? 0 : row->judge);
        EACH(form, comparing)
        compares_nothing(p, *form, other, errors);
        if (row->judge == '-' || row->copies == GETS_DELETE) continue;
        places_have(p, row, 0);
        EACH(form, comparing)
        compares_nothing(p, *form, other, misses);
    }
    places_close(p);
}

/* --- a cas is asked for ------------------------------------------------------------------------- */

static const char *const asking[] = {"gets %\r\n",
                                     "gats 60 %\r\n",
                                     "mg % c\r\n",
                                     "mg % v c\r\n",
                                     "mg % v f c\r\n",
                                     "mg $ b k v c t f O1\r\n",
                                     "mg % v c T60\r\n",
                                     "mg % v c N30\r\n",
                                     "mg % v c R30\r\n",
                                     "ms % 1 c\r\n7\r\n",
                                     "ms $ 1 b c MA\r\n7\r\n",
                                     "ma % c\r\n",
                                     "ma % v c D5 N0\r\n",
                                     NULL};

/* Whether a cas must be shown: its place has the item, and what the others lack does not count. */
static bool must_show(const struct policy_row *row, const char *in, char dead)
{
    bool is_whole = strcmp(in, "ab") == 0;
    if (row->tells != TELLS || dead) return false;
    return is_whole || (row->copies != GETS_SAME && in[0] == row->judge);
}

/* What is shown is the cas of the place that compares it, or one that no place has. */
static void shows(struct places *p, const char *form, const char *in, char dead)
{
    places_cell(p, in);
    char place = p->row->judge;
    const char *request = places_request(p, form, 0);
    const char *answer = places_ask(p->by, request);
    unsigned long shown = places_shown_cas(answer);
    bool must = must_show(p->row, in, dead);
    if (must && shown == 0) places_fail(p, request, answer, "no cas is shown");
    if (must && shown == NO_CAS) places_fail(p, request, answer, "that cas is of no use");
    if (shown == 0 || shown == NO_CAS)
        return; /* what still goes on is about this cell's key alone */
    places_settle(p);
    if (place == '*')
        place = strstr(places_ask(p->by, places_request(p, "gets %\r\n", 0)),
                       textf(" %lu|", places_item(p, 0).cas))
                    ? 'a'
                    : 'b';
    if (place == '-' || place == dead || places_item(p, place - 'a').cas != shown)
        places_fail(p, request, answer, "that is not the cas of the place that compares it");
}

static void a_cas_that_is_shown_is_its_place_s(void **state)
{
    static const char *const ins[] = {"ab", "a", "b", NULL};
    struct places *p = places_open();
    EACH_ROW(row)
    {
        for (const char *dead = "-ab"; *dead; dead++) {
            if (*dead != '-' && row->judge == '*') continue;
            places_have(p, row, *dead == '-' ? 0 : *dead);
            EACH(in, ins)
            EACH(form, asking)
            shows(p, *form, *in, *dead == '-' ? 0 : *dead);
        }
    }
    places_close(p);
}

/* --- an item is made ---------------------------------------------------------------------------- */

static const char *const making[][2] = {{"mg % v N30\r\n", "mg % v\r\n"},
                                        {"mg $ b k v N30 O1\r\n", "mg $ b k v O1\r\n"},
                                        {"mg % v f N30 R5\r\n", "mg % v f R5\r\n"},
                                        {"mg % N30\r\n", "mg %\r\n"},
                                        {"ma % v N30\r\n", "ma % v\r\n"},
                                        {"ma % v N30 J5 D1\r\n", "ma % v D1\r\n"},
                                        {NULL, NULL}};

static bool is_made(struct places *p, int place)
{
    struct place_item item = places_item(p, place);
    return item.cas && item.value[0] == '\0';
}

/* What the request would find without N, which the same finds with it: what its place has; what others have, where those are
 * asked for such a request. NULL: it depends. */
static const char *found_without(struct places *p, const char *form, const char *in, char dead)
{
    const struct policy_row *row = p->row;
    struct client *asked = p->by;
    bool is_write = begins(form, "ma") && row->copies == GETS_SAME;
    bool is_alone =
        row->copies == IS_SPARE || (row->copies == GETS_SAME && !strstr(row->route, "hit = true"));
    if (is_write || row->judge == '*' || row->tells == BLIND) return NULL;
    if (strchr(in, row->judge) && row->judge != dead)
        asked = p->of[row->judge - 'a'];
    else if (is_alone)
        return NULL;
    places_cell(p, in);
    const char *answer = places_without_key(p, places_ask(asked, places_request(p, form, 0)));
    return begins(answer, "VA ") || begins(answer, "HD") ? answer : NULL;
}

/* At most one place has an empty item now, and only if the client knows it. */
static void looks_and_makes(struct places *p, const char *const forms[2], const char *in, char dead)
{
    const char *found = found_without(p, forms[1], in, dead);
    places_cell(p, in);
    const char *request = places_request(p, forms[0], 0);
    const char *answer = places_without_key(p, places_ask(p->by, request));
    places_settle(p);
    int made = is_made(p, 0) + is_made(p, 1);
    if (found && strcmp(found, answer) != 0) places_fail(p, request, answer, found);
    if (begins(request, "ma")) return;
    if (made != (strstr(answer, " W|") != NULL))
        places_fail(p, request, answer, textf("%d places have an empty item", made));
    if (made && strstr(places_ask(p->by, request), " W|"))
        places_fail(p, request, answer, "the next one wins too");
}

static void an_item_is_made_where_nobody_has_one(void **state)
{
    static const char *const ins[] = {"", "a", "b", "ab", NULL};
    struct places *p = places_open();
    EACH_ROW(row)
    {
        for (const char *dead = "-ab"; *dead; dead++) {
            if (*dead != '-' && row->judge == '*') continue;
            places_have(p, row, *dead == '-' ? 0 : *dead);
            EACH(in, ins)
            for (size_t i = 0; making[i][0]; i++) looks_and_makes(p, making[i], *in, *dead);
        }
    }
    places_close(p);
}

/* --- a stale item's win ------------------------------------------------------------------------- */

static const char *const looking[] = {"mg % v\r\n",
                                      "mg %\r\n",
                                      "mg % t\r\n",
                                      "mg % v f\r\n",
                                      "mg % v f k Oq s\r\n",
                                      "mg $ b v f\r\n",
                                      "mg % v c\r\n",
                                      "mg % v T60\r\n",
                                      "mg % v R30\r\n",
                                      "mg % v N30\r\n",
                                      "get %\r\n",
                                      "gets %\r\n",
                                      NULL};

/* A lease tells a client that has won by a miss. */
static void wins(struct places *p, const char *form, const char *in)
{
    int taken = 0;
    bool is_lease = strcmp(p->row->policy, "lease") == 0;
    places_cell(p, in);
    for (const char *at = in; *at; at++)
        places_ask(p->of[*at - 'a'], places_request(p, "md % I\r\n", 0));
    const char *request = places_request(p, form, 0);
    const char *answer = places_ask(p->by, request);
    places_settle(p);
    for (const char *at = in; *at; at++) {
        const char *mark = places_ask(p->of[*at - 'a'], places_request(p, "mg % t\r\n", 0));
        taken += strstr(mark, " Z") != NULL;
    }
    bool is_told =
        strstr(answer, " W|") || (is_lease && (begins(answer, "EN") || begins(answer, "END")));
    if (taken > is_told) places_fail(p, request, answer, textf("%d wins were taken", taken));
}

static void a_stale_item_s_win_is_told_or_still_there(void **state)
{
    static const char *const ins[] = {"a", "b", "ab", NULL};
    struct places *p = places_open();
    EACH_ROW(row)
    {
        places_have(p, row, 0);
        EACH(in, ins)
        EACH(form, looking)
        wins(p, *form, *in);
    }
    places_close(p);
}

/* The index of a value in parts is what is stale; a win is handed back where the value turns out not to be whole. */
static void a_large_value_is_stale_as_a_whole(void **state)
{
    static const struct policy_row row = {"big_value", "mg.big_value { a, threshold = 1024 }", 'a',
                                          NOTHING, TELLS};
    struct places *p = places_open();
    places_have(p, &row, 0);
    places_cell(p, "");
    const char *value = textf("%01500d", 7), *hash;
    places_ask(p->by, places_request(p, textf("set %% 0 0 1500\r\n%s\r\n", value), 0));
    places_ask(p->of[0], places_request(p, "md % I\r\n", 0));
    const char *look = places_request(p, "mg % v s\r\n", 0);
    assert_string_equal(places_ask(p->by, look), textf("VA 1500 s1500 X W|%s|", value));
    assert_string_equal(places_ask(p->by, look), textf("VA 1500 s1500 Z X|%s|", value));
    const char *index = places_ask(p->of[0], places_request(p, "md % I\r\nget %\r\n", 0));
    assert_non_null(hash = strstr(index, "hash "));
    places_ask(p->of[0], textf("delete %s:%.16s:1\r\n", p->key, hash + strlen("hash ")));
    assert_string_equal(places_ask(p->by, look), "EN|");
    places_ask(p->by, "get settle:a\r\n"); /* behind what hands it back */
    assert_string_equal(places_ask(p->of[0], places_request(p, "mg % t\r\n", 0)), "HD t-1 X W|");
    places_close(p);
}

/* --- all policies, all kinds -------------------------------------------------------------------- */

static bool has_row(const char *policy)
{
    for (size_t i = 0; i < policy_rows_n; i++)
        if (strcmp(policy_rows[i].policy, policy) == 0) return true;
    return false;
}

static void every_policy_has_a_row(void **state)
{
    glob_t files;
    assert_int_equal(glob("lua/moongate/routes/*.lua", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *file = strrchr(files.gl_pathv[i], '/') + 1;
        const char *policy = textf("%.*s", (int)strcspn(file, "."), file);
        if (!has_row(policy)) stage_fails("mg.%s has no row in tests/lib/places.c", policy);
    }
    globfree(&files);
}

/* Kinds that C runs, and a policy that is made of each; and those that have no children. */
static const char childless[] = " POOL STORE FUNCTION MISS FAIL ASYNC ";
static const char *const kinds[][2] = {
    {"FAILOVER", "failover"},  {"FILL", "warm_up"},
    {"ALL", "all_sync"},       {"HEDGE", "hedge"},
    {"COALESCE", "coalesce"},  {"COMPARE", "compare"},
    {"DELAY", "delay"},        {"LIMIT", "outstanding_limit"},
    {"NEAR", "near"},          {"NEGATIVE", "negative_cache"},
    {"LOG", "log_requests"},   {"LEVELS", "l1_l2"},
    {"THROUGH", "l1_l2"},      {"SPOOL", "spool_deletes"},
    {"LEASE", "lease"},        {"ABSENT", "lease"},
    {"PREFIX", "by_prefix"},   {"ROUTE", "by_route_prefix"},
    {"COMMAND", "by_command"}, {"PLACE", "key_split"},
    {"HASH", "hash"},          {"RANDOM", "random"},
    {"SHARE", "shadow"},       {"KEY", "modify_key"},
    {"EXPTIME", "set_ttl"},    {"RATE", "rate_limit"},
    {"IDENTITY", "allow"},
};

static const char *policy_of_kind(const char *kind)
{
    if (strstr(childless, textf(" %s ", kind))) return "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i][0], kind) == 0) return kinds[i][1];
    stage_fails("ROUTE_%s has no policy here whose row tests it", kind);
}

static void every_kind_of_route_has_a_row(void **state)
{
    char line[256], kind[64];
    unsigned n = 0;
    bool is_inside = false;
    FILE *file = fopen("include/route/routes.h", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) && !(is_inside && line[0] == '}')) {
        if (begins(line, "enum route_kind {")) is_inside = true; /* its lines begin with ROUTE_ */
        if (!is_inside || sscanf(line, " ROUTE_%63[A-Z]", kind) != 1) continue;
        const char *policy = policy_of_kind(kind);
        if (*policy && !has_row(policy)) stage_fails("mg.%s has no row", policy);
        n += *policy != 0;
    }
    fclose(file);
    assert_int_equal(n, sizeof kinds / sizeof *kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(every_policy_has_a_row),
        play(every_kind_of_route_has_a_row),
        play(a_cas_is_compared_in_its_place),
        play(a_cas_is_compared_nowhere_else),
        play(a_cas_that_is_shown_is_its_place_s),
        play(an_item_is_made_where_nobody_has_one),
        play(a_stale_item_s_win_is_told_or_still_there),
        play(a_large_value_is_stale_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
