/* status: the state of the service as one JSON object: for the page, for `ctl status` and for `top`.
 *
 * A view is a plain value that owns nothing, for one call; the master makes one when it is asked (master_view). src/main/README.md, "The status
 * document", has the shape for readers of other programs.
 */
#ifndef MOONGATE_MASTER_STATUS_H
#define MOONGATE_MASTER_STATUS_H

#include "base/json.h"
#include "master/journal.h"
#include "master/recent.h"
#include <stdbool.h>
#include <stdint.h>

struct status_view {
    const char *version;
    const char *state; /* starting, running, upgrading, draining, stopping */
    int pid;
    uint32_t workers, ready; /* how many are to be, how many serve */
    uint32_t generation;
    const char *script;  /* its path; NULL: the built-in one */
    bool runs_last_good; /* and not what is in its file */
    bool is_on_probation;
    const struct recent *recent;
    const struct journal *journal;
};

/* What the reader may see besides numbers and names. */
enum status_part {
    /* Hot keys, clients, log lines, why a script was refused: what clients have sent may be in them. */
    STATUS_KEYS = 1,
};

/* Writes the members of an object that the caller begins and ends. what: a set of status_part. */
void status_json(const struct status_view *v, struct json *out, unsigned what);

/* True for entries that are of use now: those of the past, and commands that nobody has sent, are left out everywhere. */
bool status_shows(const struct survey_entry *e);

/* The word for the state of a server or pool; NULL for others. */
const char *status_word(const struct survey_entry *e, enum survey_kind kind);

/* Seconds since when server i of the newest survey has had its state; NAN: longer than it is known. */
double status_state_age(const struct recent *r, size_t i);

#endif
