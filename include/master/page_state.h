/* page_state: a page while it is written, shared by the files that make it (page.c, page_values.c).
 *
 * Nobody else includes this. page_write makes it and frees it.
 */
#ifndef MOONGATE_MASTER_PAGE_STATE_H
#define MOONGATE_MASTER_PAGE_STATE_H

#include "base/heat.h"
#include "base/log_tail.h"
#include "master/hot.h"
#include "master/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PAGE_PROBLEMS = 8, PAGE_PROBLEM = 200, PAGE_HOTTEST = 10 };

/* What the values are about. entry and those below it belong to the item in hand; outside of lists they are not used. */
struct page {
    const struct status_view *v;
    unsigned what;
    const struct survey *now;         /* NULL: there is none yet */
    struct recent_rates all;          /* of all clients' requests */
    struct recent_rates rates;        /* of the entry in hand; outside of lists, of all */
    double busiest[SURVEY_KINDS];     /* requests a second of the busiest entry */
    size_t *servers, servers_n;       /* places in the survey, those that are down first; owned */
    uint32_t states[RECENT_DOWN + 1]; /* how many servers have each state */
    struct log_tail_line *lines;      /* the newest first; owned */
    size_t lines_n;
    struct heat_row keys[PAGE_HOTTEST];     /* the hottest first */
    struct hot_client clients[HOT_CLIENTS]; /* the busiest first */
    size_t keys_n, clients_n;
    char problems[PAGE_PROBLEMS][PAGE_PROBLEM];
    size_t problems_n;
    enum survey_kind kind;
    const struct survey_entry *entry;
    size_t entry_at; /* its place in its list */
    const struct store_row *store;
    struct recent_store_rates store_rates;
    const struct journal_entry *reload;
    const struct log_tail_line *line;
    const struct heat_row *key;
    const struct hot_client *client;
    size_t counter, problem;
};

/* A template_keeper's value. */
bool page_value(void *arg, const char *name, FILE *out);

/* How many cells a row of the board has, and which they are. */
size_t page_counters(void);

#endif
