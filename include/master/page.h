/* page: the page for people: the status as HTML, complete without JavaScript; with it the page follows the service.
 *
 * Owns nothing; the view is the caller's. The texts are files in src/master/page. Everything that comes from scripts, clients and
 * servers is escaped.
 */
#ifndef MOONGATE_MASTER_PAGE_H
#define MOONGATE_MASTER_PAGE_H

#include "master/status.h"
#include <stdio.h>

/* Writes the page. what: a set of status_part. */
void page_write(const struct status_view *v, unsigned what, FILE *out);

/* The value of the header Content-Security-Policy for it: the page's own style and script, by their hashes, and nothing else. Constant
 * text that lives on. */
const char *page_policy(void);

#endif
