/* page_answers: the page and the status document over HTTP. Functions for the table of the HTTP server; they own nothing, and about is
 * the master.
 */
#ifndef MOONGATE_MASTER_PAGE_ANSWERS_H
#define MOONGATE_MASTER_PAGE_ANSWERS_H

#include "master/http.h"
#include "worker/options.h"

/* http_page_fn: `/` and `/status.json` */
void page_answer_html(void *about, const struct http_request *request, struct http_answer *answer);
void page_answer_json(void *about, const struct http_request *request, struct http_answer *answer);

/* What that reader may see: a set of status_part. */
unsigned page_parts_for(const struct http_request *request, const struct options *o);

#endif
