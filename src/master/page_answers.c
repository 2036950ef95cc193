#include "master/page_answers.h"

#include "master/master_state.h"
#include "master/page.h"
#include <stdio.h>
#include <stdlib.h>

unsigned page_parts_for(const struct http_request *request, const struct options *o)
{
    return request->is_near || o->metrics_keys ? STATUS_KEYS : 0;
}

/* Ends the body of an answer. Without memory for all of it there is none. */
static void finish(struct http_answer *answer, FILE *out)
{
    bool is_whole = !ferror(out);
    if (fclose(out) == 0 && is_whole) return;
    free(answer->body);
    answer->body = NULL;
}

void page_answer_html(void *about, const struct http_request *request, struct http_answer *answer)
{
    const struct master *m = about;
    const struct status_view view = master_view(m);
    FILE *out = open_memstream(&answer->body, &answer->len);
    if (!out) return;
    page_write(&view, page_parts_for(request, m->options), out);
    finish(answer, out);
    answer->type = "text/html; charset=utf-8";
    answer->extra = page_policy();
}

void page_answer_json(void *about, const struct http_request *request, struct http_answer *answer)
{
    const struct master *m = about;
    const struct status_view view = master_view(m);
    struct json json;
    FILE *out = open_memstream(&answer->body, &answer->len);
    if (!out) return;
    json_begin(&json, out);
    status_json(&view, &json, page_parts_for(request, m->options));
    json_end(&json);
    finish(answer, out);
    answer->type = "application/json";
}
