/* The service is asked two things on its admin socket.
 *
 * Whether writes go to both places: `explain set KEY` and `explain delete KEY`, one after the other, on one connection a round. The answer
 * names the places where such a request goes, by the names of their servers; those are looked up among the names in the two scripts. A
 * place counts if the request is sent there always, or once the first place has carried it out. A place that gets it after a miss, or for
 * a share of the requests, does not.
 *
 * How it holds the servers (standing.h), when a verification wants to know. */
#include "move/service.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

/* Seconds: between two questions; from one round to the next; for an answer; after one that was refused. */
static const double PAUSE = 0.002, REST = 3, PATIENCE = 10, AGAIN = 0.5;

enum { REFUSALS_MOST = 20, NAME_MOST = 64 };

#define WHAT_TO_DO                                                                                 \
    ": load a script with mg.migrate { old, new, writes = \"both\" ... } or mg.staging { old, "    \
    "new }, "                                                                                      \
    "or give --repeat"

static void on_io(struct ev_loop *loop, ev_io *io, int events);
static void on_timer(struct ev_loop *loop, ev_timer *timer, int events);

/* --- the connection ----------------------------------------------------------------------------- */

static void hang_up(struct service *s)
{
    if (s->fd < 0) return;
    ev_io_stop(s->tier->loop, &s->io);
    close(s->fd);
    s->fd = -1;
}

static void wait_for(struct service *s, enum service_step step, double seconds)
{
    s->step = step;
    ev_timer_stop(s->tier->loop, &s->timer);
    ev_timer_set(&s->timer, seconds, 0);
    ev_timer_start(s->tier->loop, &s->timer);
}

/* It is asked no more. */
static void stop(struct service *s)
{
    hang_up(s);
    ev_timer_stop(s->tier->loop, &s->timer);
    s->step = SERVICE_STOPPED;
}

/* No answer, or none that says anything. */
static void be_refused(struct service *s, const char *why)
{
    hang_up(s);
    if (++s->refused < REFUSALS_MOST) {
        wait_for(s, SERVICE_PAUSES, AGAIN);
        return;
    }
    snprintf(
        s->trouble, sizeof s->trouble,
        "the service does not say where writes go: %.400s: see that it runs, and that --service "
        "names its admin socket",
        why);
    stop(s);
}

static bool dial(struct service *s)
{
    char error[SERVICE_TROUBLE] = "";
    if (s->fd >= 0) return true;
    s->fd = s->connect(s->about, error);
    if (s->fd < 0) {
        be_refused(s, error);
        return false;
    }
    ev_io_init(&s->io, on_io, s->fd, EV_READ);
    s->io.data = s;
    ev_io_start(s->tier->loop, &s->io);
    return true;
}

/* --- questions ---------------------------------------------------------------------------------- */

/* The key as a word of a command: in quotes. Its bytes are printable (is_askable). */
static int put_question(const struct service *s, const char *command, char *to, size_t room)
{
    const struct tier_key *key = &s->keys[s->next].client;
    int n = snprintf(to, room, "json explain %s \"", command);
    for (uint16_t i = 0; i < key->len; i++) {
        if (key->bytes[i] == '"' || key->bytes[i] == '\\') to[n++] = '\\';
        to[n++] = (char)key->bytes[i];
    }
    to[n++] = '"';
    to[n++] = '\n';
    return n;
}

static void ask(struct service *s, enum service_step step)
{
    char text[2 * KEY_MAX + 64];
    if (!dial(s)) return;
    int n = put_question(s, step == SERVICE_ASKS_SET ? "set" : "delete", text, sizeof text);
    s->answer_len = 0;
    if (send(s->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
        be_refused(s, "the connection has ended");
    else
        wait_for(s, step, PATIENCE);
}

static void ask_standing(struct service *s)
{
    static const char text[] = STANDING_QUESTION;
    if (!dial(s)) return;
    s->answer_len = 0;
    if (send(s->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof text - 1)
        be_refused(s, "the connection has ended");
    else
        wait_for(s, SERVICE_ASKS_STANDING, PATIENCE);
}

static void go_on(struct service *s)
{
    s->keys[s->next].was_asked = true;
    s->next++;
    if (s->next < s->keys_n) {
        wait_for(s, SERVICE_PAUSES, PAUSE);
        return;
    }
    s->next = 0;
    hang_up(s);
    wait_for(s, SERVICE_RESTS, s->standing ? PAUSE : REST);
}

/* --- answers ------------------------------------------------------------------------------------ */

/* What an answer says of one place; NULL: nothing. The texts live as long as the answer's objects. */
struct said_place {
    const char *server, *when, *request;
};

struct said {
    struct said_place first, places[NAME_MOST]; /* first: where there is but one */
    struct json_object *lines[16];
    uint32_t lines_n;
    char error[200];
};

static const char **field_of(struct said *said, const char *name)
{
    unsigned number;
    int at = 0;
    if (strcmp(name, "server") == 0) return &said->first.server;
    if (strcmp(name, "request") == 0) return &said->first.request;
    if (sscanf(name, "place_%u_%n", &number, &at) != 1 || !at) return NULL;
    if (number < 1 || number > NAME_MOST) return NULL;
    struct said_place *p = &said->places[number - 1];
    if (strcmp(name + at, "server") == 0) return &p->server;
    if (strcmp(name + at, "when") == 0) return &p->when;
    return strcmp(name + at, "request") == 0 ? &p->request : NULL;
}

static void take_line(struct said *said, const char *line)
{
    struct json_object *object = json_tokener_parse(line), *error;
    if (!object || said->lines_n == sizeof said->lines / sizeof *said->lines) {
        json_object_put(object);
        return;
    }
    said->lines[said->lines_n++] = object;
    if (!json_object_is_type(object, json_type_object)) return;
    if (json_object_object_get_ex(object, "error", &error))
        snprintf(said->error, sizeof said->error, "%s", json_object_get_string(error));
    json_object_object_foreach(object, name, value)
    {
        const char **field = field_of(said, name);
        if (field) *field = json_object_get_string(value);
    }
}

static void said_release(struct said *said)
{
    for (uint32_t i = 0; i < said->lines_n; i++) json_object_put(said->lines[i]);
}

/* "set KEY 0 0 0" and the like: one of these commands, about that key. */
static bool is_request(const char *text, const char *commands, const struct tier_key *key)
{
    size_t len = strcspn(text, " ");
    char word[16];
    if (len + 3 > sizeof word || text[len] != ' ') return false;
    snprintf(word, sizeof word, " %.*s ", (int)len, text);
    if (!strstr(commands, word)) return false;
    const char *at = text + len + 1;
    return strcspn(at, " ") == key->len && memcmp(at, key->bytes, key->len) == 0;
}

static bool counts(const char *when)
{
    return !when || strcmp(when, "always") == 0 || strncmp(when, "on a hit of", 11) == 0;
}

static bool reaches(const struct service *s, const struct said *said,
                    const struct service_place *wanted)
{
    const char *commands = s->step == SERVICE_ASKS_SET ? " set ms " : " delete md ";
    for (uint32_t i = 0; i < NAME_MOST; i++) {
        const struct said_place *p = &said->places[i];
        if (i == 0 && !p->server) p = &said->first;
        if (!p->server || !p->request || !counts(p->when)) continue;
        if (tier_is_called(s->tier, wanted->server, p->server) &&
            is_request(p->request, commands, &wanted->key))
            return true;
    }
    return false;
}

/* False: a place is not reached, and the trouble says which. */
static bool judge(struct service *s, const struct said *said)
{
    const struct service_key *key = &s->keys[s->next];
    const char *command = s->step == SERVICE_ASKS_SET ? "set" : "delete";
    for (uint32_t i = 0; i < key->places_n; i++) {
        const struct service_place *p = &key->places[i];
        if (reaches(s, said, p)) continue;
        snprintf(s->trouble, sizeof s->trouble,
                 "in the service, %s %.*s does not go to %s, so the item there would become "
                 "old" WHAT_TO_DO,
                 command, (int)key->client.len, (const char *)key->client.bytes,
                 s->tier->servers[p->server].name);
        return false;
    }
    return true;
}

static void take_standing(struct service *s)
{
    const char *wrong = standing_read(s->standing, s->tier, s->answer);
    if (wrong) {
        be_refused(s, wrong);
        return;
    }
    s->refused = 0;
    s->standing = NULL;
    hang_up(s);
    wait_for(s, SERVICE_PAUSES, PAUSE);
}

/* The whole answer has come. */
static void take_answer(struct service *s)
{
    if (s->step == SERVICE_ASKS_STANDING) {
        take_standing(s);
        return;
    }
    struct said said = {.lines_n = 0};
    char *rest = s->answer, *line;
    while ((line = strsep(&rest, "\n"))) take_line(&said, line);
    if (said.error[0]) {
        be_refused(s, said.error);
    } else if (!judge(s, &said)) {
        stop(s);
    } else {
        s->refused = 0;
        if (s->step == SERVICE_ASKS_SET)
            ask(s, SERVICE_ASKS_DELETE);
        else
            go_on(s);
    }
    said_release(&said);
}

static bool is_asking(const struct service *s)
{
    return s->step == SERVICE_ASKS_SET || s->step == SERVICE_ASKS_DELETE ||
           s->step == SERVICE_ASKS_STANDING;
}

/* An answer ends with a line that says whether all went well. */
static bool is_whole(const struct service *s)
{
    if (s->answer_len == 0 || s->answer[s->answer_len - 1] != '\n') return false;
    size_t at = s->answer_len - 1;
    while (at > 0 && s->answer[at - 1] != '\n') at--;
    return strncmp(s->answer + at, "{\"ok\":", 6) == 0;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct service *s = io->data;
    size_t room = SERVICE_ANSWER - 1 - s->answer_len;
    ssize_t n = recv(s->fd, s->answer + s->answer_len, room, MSG_DONTWAIT);
    (void)loop;
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        be_refused(s, room ? "the connection has ended" : "its answer is too long");
        return;
    }
    s->answer_len += (size_t)n;
    s->answer[s->answer_len] = '\0';
    if (is_whole(s) && is_asking(s)) take_answer(s);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct service *s = timer->data;
    (void)loop;
    (void)events;
    if (is_asking(s))
        be_refused(s, "no answer in 10 seconds");
    else if (s->standing)
        ask_standing(s);
    else if (s->keys_n > 0)
        ask(s, SERVICE_ASKS_SET);
    else
        wait_for(s, SERVICE_RESTS, PAUSE);
}

/* --- from outside ------------------------------------------------------------------------------- */

void service_open(struct service *s, struct tier *t, service_connect_fn *connect, void *about)
{
    *s = (struct service){.tier = t, .connect = connect, .about = about, .fd = -1};
    s->keys = calloc(SERVICE_KEYS, sizeof *s->keys);
    s->answer = malloc(SERVICE_ANSWER);
    if (!s->keys || !s->answer) abort();
    ev_timer_init(&s->timer, on_timer, 0, 0);
    s->timer.data = s;
    wait_for(s, SERVICE_PAUSES, PAUSE);
}

void service_close(struct service *s)
{
    if (!s->keys) return;
    stop(s);
    free(s->keys);
    free(s->answer);
    s->keys = NULL;
    s->answer = NULL;
}

/* The admin socket takes words of text. */
static bool is_askable(const struct tier_key *key)
{
    for (uint16_t i = 0; i < key->len; i++)
        if (key->bytes[i] <= ' ' || key->bytes[i] > '~') return false;
    return !key->is_base64;
}

/* The first ones are all kept; after that each has the chance to take another one's place, the less the more have come: so the sample is
 * of all keys so far. Those that are in an answer's way just now are not replaced. */
void service_offer(struct service *s, const struct tier_key *client,
                   const struct service_place *places, uint32_t n)
{
    assert(s->keys && n > 0);
    if (s->step == SERVICE_STOPPED || !is_askable(client)) return;
    uint64_t at = s->offered++;
    if (s->keys_n < SERVICE_KEYS)
        at = s->keys_n++;
    else
        at = (uint64_t)((double)at * drand48());
    if (at >= SERVICE_KEYS || (at == s->next && s->fd >= 0)) return;
    struct service_key *key = &s->keys[at];
    key->client = *client;
    key->places_n = n < SERVICE_PLACES ? n : SERVICE_PLACES;
    memcpy(key->places, places, key->places_n * sizeof *places);
    if (s->step != SERVICE_RESTS || key->was_asked) return;
    s->next = (uint32_t)at;
    wait_for(s, SERVICE_PAUSES, PAUSE);
}

void service_ask_standing(struct service *s, struct standing *to)
{
    assert(!s->standing);
    s->standing = to;
    if (s->step == SERVICE_RESTS) wait_for(s, SERVICE_PAUSES, PAUSE);
}

bool service_asks_standing(const struct service *s)
{
    return s->standing != NULL;
}

bool service_has_asked(const struct service *s)
{
    for (uint32_t i = 0; i < s->keys_n; i++)
        if (!s->keys[i].was_asked) return false;
    return true;
}

const char *service_trouble(const struct service *s)
{
    return s->trouble[0] ? s->trouble : NULL;
}
