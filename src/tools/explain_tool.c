/* `moongate explain`: where requests and keys go.
 *
 * Two kinds of input, two kinds of output. Requests (arguments, or lines of the standard input) are explained in full, a
 * paragraph each: a person asks why. Keys (--keys) come by the thousand: a line each, or with --summary only how they spread
 * (spread.h). --json gives one object a line for either.
 *
 * The exit code is 1 when a request was refused or the script failed on one, so that a test in CI can use it; the others are
 * still explained. A script's error is on stderr once, as with many keys it would be the same for each.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/words.h"
#include "base/json.h"
#include "base/utf8.h"
#include "protocol/reword.h"
#include "tools/ask.h"
#include "tools/spread.h"
#include "tools/tool.h"

struct explaining {
    const struct ask_options *o;
    bool is_one; /* the request has one key */
    struct explainer e;
    struct spread spread; /* with --summary */
    bool begun;           /* a paragraph has been printed: the next one begins with an empty line */
    bool bad;             /* a request was refused, or the script failed */
    bool traced;          /* a failure of the script was printed */
};

/* --- words ------------------------------------------------------------------------------------- */

/* Keys of one get may share its line, or a policy may separate them. */
static bool shows_wire(const struct explaining *x)
{
    return x->o->wire && x->is_one;
}

/* A server of that place; any of its pool's where it is drawn. NULL: the pool has none, or it is a store. */
static const struct backend *server_of(const struct touched *p)
{
    if (!p->pool) return NULL;
    for (uint32_t i = 0; i < p->pool->members_n; i++)
        if (strcmp(p->pool->members[i].backend->name, p->server) == 0)
            return p->pool->members[i].backend;
    return p->pool->members_n ? p->pool->members[0].backend : NULL;
}

/* The line that the place's server is sent if it has the version of --wire and knows meta commands, without CRLF, in `line`, which has
 * REQUEST_LINE_ROOM bytes. Returns its length. */
static size_t wire_of(const struct explaining *x, const struct touched *p, uint8_t *line)
{
    static const char GET[] = "get ";
    const struct backend *b = server_of(p);
    struct dialect d = dialect_of(dialect_number(x->o->wire, strlen(x->o->wire)), true);
    struct request r = {.command_id = COMMAND_GET, .key_len = (uint16_t)p->key_len};
    bool is_get = p->sent_len > sizeof GET - 1 && memcmp(p->sent, GET, sizeof GET - 1) == 0;
    if (is_get && b && words_for(b, &d, &r) == WORDS_MG)
        return reword_line(p->key, p->key_len, line) - 2;
    memcpy(line, p->sent, p->sent_len);
    return p->sent_len;
}

/* True: the line is a get, or the like, of several keys. */
static bool has_more_keys(const char *line, size_t len)
{
    struct request_rules rules = {.max_value = SIZE_MAX};
    char text[REQUEST_LINE_ROOM];
    struct request r;
    if (len + 2 > sizeof text) return true;
    memcpy(text, line, len);
    memcpy(text + len, "\r\n", 2);
    return request_parse((const uint8_t *)text, len + 2, &rules, &r).status == REQUEST_KEYS;
}

/* --- text -------------------------------------------------------------------------------------- */

static void print_field(void *to, const char *name, const char *text)
{
    (void)to;
    printf("  %-13s %s\n", name, text);
}

/* The request, with control bytes shown as escapes, above its explanation. */
static void print_head(struct explaining *x, const char *line, size_t len)
{
    char text[4 * REQUEST_LINE_ROOM + 1];
    utf8_show(text, sizeof text, line, len);
    printf("%s%s\n", x->begun ? "\n" : "", text);
    x->begun = true;
}

/* A line for each place, numbered if there are several. */
static void print_wires(const struct explaining *x, const struct explanation *e)
{
    for (uint32_t i = 0; shows_wire(x) && i < e->places_n; i++) {
        if (!e->places[i].pool) continue;
        uint8_t line[REQUEST_LINE_ROOM];
        char name[32] = "wire", text[4 * REQUEST_LINE_ROOM + 1];
        size_t len = wire_of(x, &e->places[i], line);
        if (e->places_n > 1) snprintf(name, sizeof name, "wire %u", i + 1);
        utf8_show(text, sizeof text, (const char *)line, len);
        print_field(NULL, name, text);
    }
}

/* One line: the key, its pool and its server, with tabs between; without a pool, `-` and the last step of its way, which is a store or an answer. */
static void print_place(const struct explanation *x)
{
    char key[4 * KEY_MAX + 1];
    const char *last = NULL;
    utf8_show(key, sizeof key, x->key, x->key_len);
    for (const char *step = path_next(&x->path, NULL); step; step = path_next(&x->path, step))
        last = step;
    assert(last); /* each way ends with a step */
    if (!x->pool)
        printf("%s\t-\t%s\n", key, last);
    else
        printf("%s\t%s\t%s\n", key, x->pool->settings.name, explain_server(x));
}

/* --- JSON -------------------------------------------------------------------------------------- */

/* How the pool chose the server. Hashes are texts: as numbers of JSON many readers would round them to 53 bits. */
static void put_choice(struct json *j, const struct explanation *x)
{
    const struct pool_choice *choice = &x->choice;
    assert(x->pool && x->places_n > 0);
    char number[EXPLAIN_NUMBER_ROOM];
    json_text(j, "pool", x->pool->settings.name);
    json_text(j, "distribution", distribution_name(x->pool->settings.selector.distribution));
    if (choice->was_hashed) {
        json_text(j, "hash", explain_hash_name(x));
        json_text(j, "hash_value", explain_number(choice->how.hash, number));
        json_bytes(j, "hashed", choice->hashed, choice->hashed_len);
    }
    if (choice->how.has_point) json_text(j, "point", explain_number(choice->how.point, number));
    if (choice->member && !x->is_drawn) json_text(j, "server", explain_server(x));
    json_bytes(j, "request", x->places[0].sent, x->places[0].sent_len);
}

enum { STORE = sizeof "store " - 1 }; /* what stands before a store's name */

static void put_store(struct json *j, const struct explanation *x)
{
    json_text(j, "store", explain_store(x) + STORE);
    json_bytes(j, "request", x->places[0].sent, x->places[0].sent_len);
}

static void put_places(struct json *j, const struct explaining *explaining,
                       const struct explanation *x)
{
    uint8_t line[REQUEST_LINE_ROOM];
    json_list(j, "places");
    for (uint32_t i = 0; i < x->places_n; i++) {
        const struct touched *p = &x->places[i];
        json_object(j, NULL);
        if (p->pool) json_text(j, "pool", touched_pool(p));
        json_text(j, p->pool ? "server" : "store", p->pool ? p->server : p->server + STORE);
        json_text(j, "role", walk_role_name(p->role));
        json_text(j, "when", p->when[0] ? p->when : "always");
        json_fraction(j, "share", p->share);
        json_bytes(j, "request", p->sent, p->sent_len);
        if (shows_wire(explaining) && p->pool)
            json_bytes(j, "wire", (const char *)line, wire_of(explaining, p, line));
        json_object_end(j);
    }
    json_list_end(j);
    if (x->is_cut) json_flag(j, "more_places", true);
}

static void print_json(const struct explaining *explaining, const struct explanation *x)
{
    struct json j;
    json_begin(&j, stdout);
    json_bytes(&j, "asked", x->asked, x->asked_len);
    json_bytes(&j, "key", x->key, x->key_len);
    json_list(&j, "route");
    for (const char *step = path_next(&x->path, NULL); step; step = path_next(&x->path, step))
        json_text(&j, NULL, step);
    json_list_end(&j);
    if (x->path.failure[0]) json_text(&j, "error", x->path.failure);
    if (x->pool) put_choice(&j, x);
    if (explain_store(x)) put_store(&j, x);
    put_places(&j, explaining, x);
    json_end(&j);
}

static void print_refused_json(const char *line, size_t len, const char *wrong)
{
    struct json j;
    json_begin(&j, stdout);
    json_bytes(&j, "asked", line, len);
    json_text(&j, "error", wrong);
    if (explain_hint(wrong)) json_text(&j, "hint", explain_hint(wrong));
    json_end(&j);
}

/* --- requests ---------------------------------------------------------------------------------- */

static void print_request(void *to, const struct explanation *x)
{
    struct explaining *explaining = to;
    if (x->path.failure[0]) explaining->bad = true;
    if (explaining->o->json) {
        print_json(explaining, x);
        return;
    }
    print_head(explaining, x->asked, x->asked_len);
    explain_fields(x, print_field, NULL);
    explain_place_lines(x, print_field, NULL);
    print_wires(explaining, x);
}

static void take_request(void *to, const char *line, size_t len, size_t number)
{
    struct explaining *x = to;
    struct explain_value value = {x->o->value, x->o->value ? strlen(x->o->value) : 0};
    x->is_one = !has_more_keys(line, len);
    const char *wrong = explain_request(&x->e, line, len, value, print_request, x);
    (void)number;
    if (wrong) {
        x->bad = true;
        if (x->o->json) {
            print_refused_json(line, len, wrong);
        } else {
            print_head(x, line, len);
            print_field(NULL, "error", wrong);
            if (explain_hint(wrong)) print_field(NULL, "hint", explain_hint(wrong));
        }
    }
    arena_reset(x->e.arena);
}

/* --- keys -------------------------------------------------------------------------------------- */

static void print_or_count(void *to, const struct explanation *x)
{
    struct explaining *explaining = to;
    if (x->path.failure[0] && !explaining->traced) {
        explaining->bad = explaining->traced = true;
        fprintf(stderr, "moongate: %s\n", x->path.failure);
    }
    if (explaining->o->summary)
        spread_count(&explaining->spread, x);
    else if (explaining->o->json)
        print_json(explaining, x);
    else
        print_place(x);
}

static void take_key(void *to, const char *key, size_t len, size_t number)
{
    struct explaining *x = to;
    x->is_one = true;
    const char *wrong = ask_key(x->o, &x->e, key, len, print_or_count, x);
    if (!wrong) return;
    x->bad = true;
    x->spread.refused++;
    ask_complain(x->o, number, wrong);
}

static int explain_keys(struct explaining *x, const struct script *s)
{
    if (!x->o->summary) return ask_lines(x->o->keys, take_key, x);
    spread_init(&x->spread, s);
    int code = ask_lines(x->o->keys, take_key, x);
    if (x->o->json)
        spread_print_json(&x->spread, stdout);
    else
        spread_print(&x->spread, stdout);
    spread_release(&x->spread);
    return code;
}

/* --- the tool ---------------------------------------------------------------------------------- */

/* Arguments from `first` on are requests; without any, and without --keys, the standard input has them. */
static int explain_all(struct explaining *x, const struct script *s, size_t first)
{
    const struct ask_options *o = x->o;
    int code = EXIT_OK;
    if (o->keys)
        code = explain_keys(x, s);
    else if (first == o->words_n)
        code = ask_lines("-", take_request, x);
    for (size_t i = first; i < o->words_n; i++)
        take_request(x, o->words[i], strlen(o->words[i]), i);
    return code != EXIT_OK ? code : x->bad ? EXIT_SCRIPT : EXIT_OK;
}

static int act(void *arg, const struct script_host *host, struct turn *turn)
{
    struct explaining *x = arg;
    bool has_script = x->o->servers.n == 0;
    struct script *s =
        ask_load(x->o, has_script ? x->o->words[0] : NULL, x->o->from, host, turn, &x->e);
    if (!s) return EXIT_SCRIPT;
    int code = explain_all(x, s, has_script);
    script_destroy(s);
    return code;
}

int explain_tool(int argc, char **argv)
{
    struct ask_options o;
    struct explaining x = {.o = &o};
    int code;
    if (explain_options_read(&o, argc, argv, &code) == ASK_GO) code = ask_in_worker(&o, act, &x);
    ask_options_release(&o);
    return code;
}
