#include "base/samples.h"
#include "script/state.h"

/* The key as the client sent it, since that is how samples have it. */
void failure_count(struct script *s, const struct request *r)
{
    const void *key = (const void *)(r->shown_key_at ? r->shown_key_at : r->key_at);
    size_t len = r->shown_key_at ? r->shown_key_len : r->key_len;
    s->host.row->script_errors++;
    if (s->host.samples && key)
        samples_note_failure(s->host.samples, r->command_id, key, len, s->generation);
}
