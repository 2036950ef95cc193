/* The master asks, and waits for no worker; a worker answers in the turn in which the question comes, and sends the answer as fast as the
 * master reads it. What does not fit into the channel waits here, whole answers in their order; the turn is never held up.
 */
#include "worker/answers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "worker/channel.h"
#include "worker/worker_state.h"

struct answer_out {
    struct answer_out *next;
    uint32_t number;
    size_t sent;
    struct records records;
    char *error; /* owned; or NULL */
};

/* --- sending ----------------------------------------------------------------------------------- */

/* A piece is as many bytes as a message takes. The text is ended for a moment where the piece ends. */
static enum channel_status send_piece(int channel, struct answer_out *a)
{
    char text[CHANNEL_TEXT_MAX];
    size_t left = a->records.len - a->sent;
    size_t n = left < sizeof text - 1 ? left : sizeof text - 1;
    memcpy(text, a->records.bytes + a->sent, n);
    text[n] = '\0';
    enum channel_status status = channel_send_text(channel, CHANNEL_PIECE, a->number, text);
    if (status == CHANNEL_OK) a->sent += n;
    return status;
}

static enum channel_status send_answer(int channel, struct answer_out *a)
{
    enum channel_status status = CHANNEL_OK;
    while (status == CHANNEL_OK && a->sent < a->records.len) status = send_piece(channel, a);
    if (status != CHANNEL_OK) return status;
    return channel_send_text(channel, CHANNEL_ANSWERED, a->number, a->error ? a->error : "");
}

static void drop_first(struct answers *s)
{
    struct answer_out *a = s->first;
    s->first = a->next;
    s->n--;
    records_release(&a->records);
    free(a->error);
    free(a);
}

/* A closed channel is noticed by who reads it. */
static void send_some(struct worker *w)
{
    struct answers *s = &w->answers;
    enum channel_status status = CHANNEL_OK;
    while (s->first && status != CHANNEL_AGAIN) {
        status = send_answer(w->seat->channel, s->first);
        if (status != CHANNEL_AGAIN) drop_first(s);
    }
    if (s->first)
        ev_io_start(w->loop, &s->room);
    else
        ev_io_stop(w->loop, &s->room);
}

static void on_room(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    send_some(io->data);
}

/* --- questions --------------------------------------------------------------------------------- */

/* The words of a question, without their escapes, in place. False: too many. */
static bool split(char *text, char *words[ANSWER_WORDS])
{
    size_t n = 0;
    for (size_t i = 0; i < ANSWER_WORDS; i++) words[i] = text + strlen(text);
    for (char *word; (word = strsep(&text, "\t"));) {
        struct record_field field = {.value = word, .value_len = strlen(word)};
        if (n == ANSWER_WORDS) return false;
        record_value(&field, word, strlen(word) + 1);
        words[n++] = word;
    }
    return true;
}

static const char *answer_log(struct worker *w, char *const *words, struct records *r)
{
    (void)w;
    (void)r;
    return log_show_from(words[1]) ? NULL : "no such level";
}

static const struct {
    const char *word;
    answer_fn *answer;
} questions[] = {
    {"pools", answer_pools}, {"clients", answer_clients}, {"explain", answer_explain},
    {"may", answer_may},     {"kill", answer_kill},       {"log", answer_log},
};

static const char *answer(struct worker *w, char *text, struct records *r)
{
    char *words[ANSWER_WORDS];
    if (!split(text, words)) return "too many words";
    if (!w->succession.script) return "no script is loaded yet";
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        if (strcmp(questions[i].word, words[0]) == 0) return questions[i].answer(w, words, r);
    return "not a question that this worker knows";
}

static void append(struct answers *s, struct answer_out *a)
{
    struct answer_out **last = &s->first;
    while (*last) last = &(*last)->next;
    *last = a;
    s->n++;
}

void answers_take(struct worker *w, uint32_t number, const char *question)
{
    struct answers *s = &w->answers;
    char text[CHANNEL_TEXT_MAX];
    if (s->n == ANSWERS_MOST) {
        log_warn("master: question %u is not answered: it reads no answers", number);
        return;
    }
    struct answer_out *a = calloc(1, sizeof *a);
    if (!a) abort();
    a->number = number;
    records_init(&a->records, ANSWER_BYTES);
    strncpy(text, question, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *wrong = answer(w, text, &a->records);
    if (wrong) {
        a->error = strdup(wrong);
        a->records.len = 0;
    } else if (a->records.is_cut) {
        a->records.most += 256;
        record_begin(&a->records, "note");
        record_text(&a->records, "note", "the list is cut: it is longer than 1 MiB");
        record_end(&a->records);
    }
    append(s, a);
    send_some(w);
}

/* --- steering ---------------------------------------------------------------------------------- */

void answers_steer(struct worker *w, uint32_t number, const char *text)
{
    struct steering *s = w->answers.steering;
    struct steer steer;
    if (!steer_read(&steer, text)) {
        log_warn("master: change %u of servers is not understood", number);
        return;
    }
    struct steer *old = steering_find(s, steer.server, steer.pool);
    if (!steer_is_nothing(&steer)) {
        if (!steering_set(s, &steer)) log_warn("master: change %u of servers has no place", number);
    } else if (old) {
        steering_remove(s, old);
    }
    steering_changed(&w->backends);
    (void)channel_send(w->seat->channel, CHANNEL_STEERED, number, -1);
}

/* --- life -------------------------------------------------------------------------------------- */

void answers_init(struct worker *w, const struct steering *inherited)
{
    struct answers *s = &w->answers;
    s->steering = calloc(1, sizeof *s->steering);
    if (!s->steering) abort();
    for (uint32_t i = 0; inherited && i < inherited->n; i++)
        if (!steer_is_nothing(&inherited->items[i]))
            s->steering->items[s->steering->n++] = inherited->items[i];
    w->backends.steering = s->steering;
    ev_io_init(&s->room, on_room, w->seat->channel, EV_WRITE);
    s->room.data = w;
}

void answers_release(struct worker *w)
{
    struct answers *s = &w->answers;
    ev_io_stop(w->loop, &s->room);
    while (s->first) drop_first(s);
    free(s->steering);
}
