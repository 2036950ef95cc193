/* http: a reader of the pages of --metrics.
 *
 * Each call makes a connection of its own, which belongs to the stage. Texts live as long as the test.
 */
#ifndef TESTS_LIB_HTTP_H
#define TESTS_LIB_HTTP_H

#include "lib/moongate.h"

struct page {
    int status;
    const char *headers; /* with the status line */
    const char *body;
};

/* host:port where pages are served, as the log says. */
const char *http_address(struct moongate *m);

/* GET of a path (with its query). */
struct page http_gets(struct moongate *m, const char *path);

/* Any request, with an address. `Connection: close` must be in it, or the other side must end it. */
struct page http_asks(const char *address, const char *request);

/* The value of the sample whose name and labels are these; fails the test where there is none. */
double http_sample(const struct page *metrics, const char *sample);

/* GETs the page until its status is that. */
struct page http_gets_until(struct moongate *m, const char *path, int status);

#endif
