/* services: the part of the ABI that is not about routing: counters, shared dictionaries, timers, the log, options.
 *
 * Read by both compilers as a part of abi.h; the same rules hold. Where a function returns NULL or -1, mg_wrong has the reason.
 */
#ifndef MOONGATE_SCRIPT_SERVICES_H
#define MOONGATE_SCRIPT_SERVICES_H

#include "base/metrics.h"
#include "base/shared.h"

enum { SCRIPT_TIMERS = 1024, SCRIPT_OPTIONS = 16 };

struct script;

/* One of the command line's options that a script may set. */
struct script_option {
    const char *name; /* as in struct options */
    const char *
        words; /* `near|yes|no`: the value is the place of one of them, from 0; or NULL: a number */
    double least;
    double most;
    bool is_whole;
};

/* How full a dictionary is. */
struct mg_shared_usage {
    double capacity; /* bytes */
    double used;
    double items;
};

/* Why the last call failed. */
const char *mg_wrong(struct script *s);

/* True until the script has returned its route. */
bool mg_is_loading(struct script *s);

/* --unsafe-lua: it has all of Lua. */
bool mg_is_unsafe(struct script *s);

/* Names are valid (short_name of options.lua). Bounds grow. */
struct metric_counter *mg_counter(struct script *s, const char *name);
struct metric_gauge *mg_gauge(struct script *s, const char *name);
int32_t mg_histogram(struct script *s, const char *name, const double *bounds, uint32_t n);
void mg_observe(struct script *s, int32_t histogram, double value);

/* A dictionary's number. The rest return enum shared_status; keys are checked by the caller. A ttl of 0: for ever. */
int32_t mg_shared_open(struct script *s, const char *name, double size);
int mg_shared_get(struct script *s, int32_t dict, const char *key, size_t len,
                  struct shared_value *value);
int mg_shared_set(struct script *s, int32_t dict, const char *key, size_t len,
                  const struct shared_value *value, double ttl);
int mg_shared_add(struct script *s, int32_t dict, const char *key, size_t len,
                  const struct shared_value *value, double ttl);

/* value->number is added, and becomes the sum. `initial` counts where `begins`. */
int mg_shared_incr(struct script *s, int32_t dict, const char *key, size_t len,
                   struct shared_value *value, bool begins, double initial, double ttl);
int mg_shared_delete(struct script *s, int32_t dict, const char *key, size_t len);

/* value->number: seconds left, 0: for ever. */
int mg_shared_ttl(struct script *s, int32_t dict, const char *key, size_t len,
                  struct shared_value *value);
void mg_shared_usage(struct script *s, int32_t dict, struct mg_shared_usage *usage);

/* A timer's number, free again once it is stopped, or has fired and does not repeat. It runs while the script is in use. */
int32_t mg_timer_start(struct script *s, double seconds, bool repeats);
void mg_timer_stop(struct script *s, int32_t timer);

/* A log line; level as mg_find(MG_LEVEL, ...) says. */
void mg_log(struct script *s, int32_t level, const char *text, size_t len);

/* Seconds: of the loop's monotonic clock; of the wall clock. */
double mg_now(struct script *s);
double mg_time(void);

int32_t mg_worker(struct script *s);
int32_t mg_workers(struct script *s);
int32_t mg_generation(struct script *s);

/* Options that a script may set, 0.. ; NULL behind the last. */
const struct script_option *mg_option(struct script *s, uint32_t at);
void mg_set_option(struct script *s, uint32_t at, double value);

#endif
