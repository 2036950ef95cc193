/* What operators ask about clients and keys. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "client/entry.h"
#include "client/explain_stats.h"
#include "client/state.h"
#include "worker/answers.h"
#include "worker/worker_state.h"

/* --- clients ----------------------------------------------------------------------------------- */

static const char *client_id(const struct client *c, char text[32])
{
    snprintf(text, 32, "%d.%u", (int)getpid(), c->affinity);
    return text;
}

static void show_client(const struct worker *w, const struct client *c, struct records *r)
{
    char id[32], address[ADDR_TEXT_MAX];
    record_begin(r, "client");
    record_text(r, "client", client_id(c, id));
    record_text(r, "address", client_address(c, address));
    if (*client_identity(c)) record_text(r, "identity", client_identity(c));
    if (*client_listener(c)) record_text(r, "listener", client_listener(c));
    record_number(r, "worker", w->seat->index);
    record_number(r, "age", (uint64_t)(w->turn.now - c->since));
    record_number(r, "requests", c->requests);
    record_number(r, "bytes_read", c->bytes_read);
    record_number(r, "bytes_written", c->bytes_written);
    record_number(r, "in_flight", c->owed);
    record_end(r);
}

const char *answer_clients(struct worker *w, char *const *words, struct records *r)
{
    (void)words;
    for (const struct client *c = w->clients.all; c && !r->is_cut; c = c->next)
        show_client(w, c, r);
    return NULL;
}

/* Unix sockets' clients have no address of their own: they are known by their ids alone. */
static bool is_meant(const struct client *c, const char *wanted)
{
    char id[32], address[ADDR_TEXT_MAX];
    if (strcmp(client_id(c, id), wanted) == 0) return true;
    return client_has_address(c, address) && strcmp(address, "unix") != 0 &&
           strcmp(address, wanted) == 0;
}

const char *answer_kill(struct worker *w, char *const *words, struct records *r)
{
    for (struct client *c = w->clients.all, *next; c; c = next) {
        next = c->next;
        if (c->state == CLIENT_CLOSED || !is_meant(c, words[1])) continue;
        show_client(w, c, r);
        client_close(c, "killed by an operator");
    }
    return NULL;
}

/* --- explain ----------------------------------------------------------------------------------- */

struct told {
    struct records *records;
    bool has_begun;
    char names[RECORD_FIELDS][RECORD_NAME_MAX]; /* in this record */
    size_t n;
};

static void end_told(struct told *t)
{
    if (t->has_begun) record_end(t->records);
    t->has_begun = false;
    t->n = 0;
}

static bool has_name(const struct told *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->names[i], name) == 0) return true;
    return false;
}

/* An explain_field_fn. A name that comes again begins another record. */
static void put_field(void *to, const char *name, const char *text)
{
    struct told *t = to;
    char clean[RECORD_NAME_MAX];
    size_t len = strlen(name) < sizeof clean - 1 ? strlen(name) : sizeof clean - 1;
    for (size_t i = 0; i < len; i++)
        clean[i] = strchr("abcdefghijklmnopqrstuvwxyz0123456789", name[i]) ? name[i] : '_';
    clean[len] = '\0';
    if (has_name(t, clean) || t->n == RECORD_FIELDS) end_told(t);
    if (!t->has_begun) record_begin(t->records, "explain");
    t->has_begun = true;
    strcpy(t->names[t->n++], clean);
    record_text(t->records, clean, text);
}

/* As explain_stats of the client floor: what waits in the slots is routed before. */
const char *answer_explain(struct worker *w, char *const *words, struct records *r)
{
    static char said[512];
    struct turn *t = &w->turn;
    struct told told = {.records = r};
    struct span command = {(const uint8_t *)words[1], strlen(words[1])},
                key = {(const uint8_t *)words[2], strlen(words[2])};
    const char *wrong = explain_now(t, NULL, &command, &key, put_field, &told);
    end_told(&told);
    if (!wrong) return NULL;
    snprintf(said, sizeof said, "%s",
             strcmp(wrong, "ERROR") == 0 ? "not a command about a key, such as get or set" : wrong);
    return said;
}
