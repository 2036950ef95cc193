/* A classic command that cannot compare becomes a meta command. A touch cannot be guarded at all: its answer says what it was that was
 * touched. Where old items are kept, a delete only marks the item. */
#include "route/lease_guard.h"

#include <string.h>

#include "protocol/text.h"
#include "route/lease_way.h"

enum { WORDS = 64 };

/* Words for a meta command. */
struct words {
    size_t len;
    uint8_t text[WORDS];
};

static void add(struct words *w, const char *text)
{
    size_t len = strlen(text);
    memcpy(w->text + w->len, text, len);
    w->len += len;
}

static void add_number(struct words *w, const char *before, uint64_t number)
{
    add(w, before);
    w->len += text_write_unsigned(w->text + w->len, number);
}

static void append(struct turn *t, struct request *r, const struct words *w)
{
    uint8_t *args = arena_alloc(t->arena, (size_t)r->args_len + WORDS);
    lease_append(r, (const char *)w->text, w->len, args);
}

/* t stands before T, so the answer has the time that the item had. */
static void guard_touch(struct turn *t, const struct request *r, const struct lease_terms *terms,
                        struct request *to)
{
    struct words words = {0};
    lease_ask(r, terms, LEASE_LOOKS, to, arena_alloc(t->arena, LEASE_ARGS_ROOM));
    add(&words, "T0");
    append(t, to, &words);
    to->meta |= META_EXPTIME;
    to->exptime = r->exptime;
    to->asked_exptime = r->asked_exptime;
}

/* A delete that says what it wants has its way. */
static bool keeps_deleted(const struct request *r, const struct lease_terms *terms)
{
    bool is_meta = r->command_id == COMMAND_META_DELETE;
    return terms->stale && !(is_meta && (lease_has_flag(r, 'I') || lease_has_flag(r, 'C') ||
                                         lease_has_flag(r, 'T') || lease_has_flag(r, 'x')));
}

static void guard_delete(struct turn *t, const struct request *r, const struct lease_terms *terms,
                         uint64_t cas, struct request *to)
{
    struct words words = {0};
    if (r->command_id == COMMAND_DELETE) {
        lease_remove(r, cas, true, terms->stale, to, arena_alloc(t->arena, LEASE_ARGS_ROOM));
        return;
    }
    *to = *r;
    to->meta |= META_EXPTIME;
    to->exptime = terms->stale;
    to->asked_exptime = terms->stale;
    add_number(&words, "I T", terms->stale);
    add_number(&words, " C", cas);
    append(t, to, &words);
}

static void guard_count(struct turn *t, const struct request *r, uint64_t cas, struct request *to)
{
    struct words words = {0};
    *to = *r;
    if (r->command_id != COMMAND_META_ARITHMETIC) {
        add_number(&words, r->command_id == COMMAND_DECR ? "v MD D" : "v D", r->number);
        add(&words, " ");
        to->command_id = COMMAND_META_ARITHMETIC;
        to->number = 0;
    }
    add_number(&words, "C", cas);
    append(t, to, &words);
}

/* The item's own flags and time stay. */
static void guard_extension(struct turn *t, const struct request *r, uint64_t cas,
                            struct request *to)
{
    struct words words = {0};
    *to = *r;
    if (r->command_id != COMMAND_META_SET) {
        add(&words, r->command_id == COMMAND_APPEND ? "MA " : "MP ");
        to->command_id = COMMAND_META_SET;
        to->client_flags = 0;
        to->exptime = 0;
        to->asked_exptime = 0;
    }
    add_number(&words, "C", cas);
    append(t, to, &words);
}

static void guard_replace(struct turn *t, const struct request *r, uint64_t cas, struct request *to)
{
    struct words words = {0};
    *to = *r;
    if (r->command_id == COMMAND_REPLACE) {
        to->command_id = COMMAND_CAS;
        to->number = cas;
        return;
    }
    add_number(&words, "C", cas);
    append(t, to, &words);
}

static bool replaces(const struct request *r)
{
    return r->command_id == COMMAND_REPLACE ||
           (r->command_id == COMMAND_META_SET && lease_mode_of(r) == 'R');
}

bool lease_guard(struct turn *t, const struct request *r, const struct lease_terms *terms,
                 uint64_t cas, struct request *to)
{
    bool compares = lease_compares(r);
    if (r->command_id == COMMAND_TOUCH)
        guard_touch(t, r, terms, to);
    else if (lease_deletes(r) && keeps_deleted(r, terms))
        guard_delete(t, r, terms, cas, to);
    else if (lease_counts(r) && terms->stale && !compares)
        guard_count(t, r, cas, to);
    else if (lease_extends(r) && !compares)
        guard_extension(t, r, cas, to);
    else if (replaces(r) && !compares)
        guard_replace(t, r, cas, to);
    else
        return false;
    return true;
}
