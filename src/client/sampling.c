/* A request costs a subtraction. Every one is taken while the samples are few and new ones come, so that a service that has just
 * begun has some; later one of GAP_MOST, which is a prime number, so that clients that repeat a pattern show all of it. Requests that
 * were kept already make the gap twice as long: a service that asks for the same few keys for ever pays no more. */
#include "client/sampling.h"

#include <assert.h>
#include <string.h>

#include "client/entry.h"
#include "client/reply.h"

enum { GAP_MOST = 127 };

_Static_assert((int)SAMPLE_KEY == (int)KEY_MAX, "a sample has room for any key");

void sampling_init(struct sampling *s, struct samples *samples)
{
    *s = (struct sampling){.samples = samples, .left = samples ? 0 : UINT32_MAX, .gap = 1};
}

/* Flags that are very long are left out, with their request. */
static bool make_sample(const struct request *r, double now, struct sample *to)
{
    const struct reply *reply = (const struct reply *)r->owner;
    if (!r->key_at || !reply->client || r->args_len > SAMPLE_ARGS) return false;
    *to = (struct sample){.at = now,
                          .exptime = r->asked_exptime,
                          .client_flags = r->client_flags,
                          .number = r->number,
                          .value_len = r->value_len,
                          .listener = reply->client->listener,
                          .meta = r->meta & (uint16_t)~META_SEEN,
                          .command = r->command_id,
                          .key_len = (uint8_t)r->key_len,
                          .args_len = (uint8_t)r->args_len};
    const char *identity = client_identity(reply->client);
    if (strlen(identity) < SAMPLE_IDENTITY) strcpy(to->identity, identity);
    memcpy(to->key, (const void *)r->key_at, r->key_len);
    if (r->args_len) memcpy(to->args, (const void *)r->args_at, r->args_len);
    return true;
}

static void take(struct sampling *s, const struct request *r, double now)
{
    struct sample sample;
    assert(r->depth == 0 && (const struct receiver *)r->receiver == &reply_receiver);
    if (!make_sample(r, now, &sample)) return;
    bool is_new = samples_add(s->samples, &sample);
    if (samples_are_full(s->samples))
        s->gap = GAP_MOST;
    else if (is_new)
        s->gap = 1;
    else
        s->gap = s->gap * 2 < GAP_MOST ? s->gap * 2 : GAP_MOST;
}

void sampling_take(struct sampling *s, const struct turn *t)
{
    uint32_t at = s->left;
    assert(s->samples && at < t->used);
    for (; at < t->used; at += s->gap) take(s, &t->slots[at], t->now);
    s->left = at - t->used;
}

struct request sampling_request(const struct sample *sample)
{
    return (struct request){.key_at = (uintptr_t)sample->key,
                            .key_len = sample->key_len,
                            .value_len = sample->value_len,
                            .command_id = sample->command,
                            .exptime = (double)(int32_t)(uint32_t)(uint64_t)sample->exptime,
                            .asked_exptime = sample->exptime,
                            .client_flags = sample->client_flags,
                            .number = sample->number,
                            .args_at = (uintptr_t)sample->args,
                            .args_len = sample->args_len,
                            .meta = sample->meta};
}
