/* services: the part of the ABI that is not about routing: counters, shared dictionaries, timers, the log, options.
 *
 * Read by both compilers as a part of abi.h; the same rules hold. When a function returns NULL or -1, mg_wrong has the
 * reason. Counters and dictionaries belong to the board and outlive the script; timers are the script's.
 */
#ifndef MOONGATE_SCRIPT_SERVICES_H
#define MOONGATE_SCRIPT_SERVICES_H

#include "base/metrics.h"
#include "base/shared.h"

enum { SCRIPT_TIMERS = 1024, SCRIPT_OPTIONS = 32 };

struct script;

/* An option of the command line that a script may set. */
struct script_option {
    const char *name; /* as in struct options */
    const char
        *words; /* `near|yes|no`: the value is the number of a word, from 0; NULL: a number */
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

/* Why the last call failed. Constant text. */
const char *mg_wrong(struct script *s);

/* True until the script has returned its route. */
bool mg_is_loading(struct script *s);

/* True with --unsafe-lua: scripts have all of Lua. */
bool mg_is_unsafe(struct script *s);

/* --max-value, in bytes. */
double mg_max_value(struct script *s);

/* What is known of the file at that path: it is as the check has read it, and *out has its bytes; it was not there, and *out has the
 * reason; or nothing is known. Bytes are valid until mg_file_note. Then a file that was read from the disk, or could not be read, is noted. False: the
 * script's files are too large. */
enum mg_file { MG_FILE_UNKNOWN, MG_FILE_HERE, MG_FILE_ABSENT };
struct mg_bytes;
int32_t mg_file_find(struct script *s, const char *path, size_t len, struct mg_bytes *out);
bool mg_file_note(struct script *s, int32_t what, const char *path, size_t path_len,
                  const char *bytes, size_t len);

/* A metric with that name: the one that exists already, or a new one. The caller has checked the name (short_name in
 * options.lua) and that bounds grow. NULL or -1: there are too many, or it is of another kind. */
struct metric_counter *mg_counter(struct script *s, const char *name);
struct metric_gauge *mg_gauge(struct script *s, const char *name);
int32_t mg_histogram(struct script *s, const char *name, const double *bounds, uint32_t n);
void mg_observe(struct script *s, int32_t histogram, double value);

/* The number of the dictionary with that name, which is made when there is none; -1: it cannot be. The others return enum
 * shared_status. The caller has checked keys. A ttl of 0: the item does not expire. */
int32_t mg_shared_open(struct script *s, const char *name, double size);
int mg_shared_get(struct script *s, int32_t dict, const char *key, size_t len,
                  struct shared_value *value);
int mg_shared_set(struct script *s, int32_t dict, const char *key, size_t len,
                  const struct shared_value *value, double ttl);
int mg_shared_add(struct script *s, int32_t dict, const char *key, size_t len,
                  const struct shared_value *value, double ttl);

/* Adds value->number, which becomes the sum. With `begins` a missing item begins with `initial`. */
int mg_shared_incr(struct script *s, int32_t dict, const char *key, size_t len,
                   struct shared_value *value, bool begins, double initial, double ttl);
int mg_shared_delete(struct script *s, int32_t dict, const char *key, size_t len);

/* value->number becomes the seconds that an item lives on; 0: it does not expire. And how full a dictionary is. */
int mg_shared_ttl(struct script *s, int32_t dict, const char *key, size_t len,
                  struct shared_value *value);
void mg_shared_usage(struct script *s, int32_t dict, struct mg_shared_usage *usage);

/* Makes a route to the store of that name and size, which is made when there is none. Returns the route's number; -1: mg_wrong says what is
 * wrong. The caller has checked name and size. Only while the script loads. */
enum { MG_STORE_LEAST = 64 * 1024, MG_STORE_MOST_GIB = 512 };
int32_t mg_store_open(struct script *s, const char *name, size_t len, double size);

/* --store, in bytes; 0: it is not given. */
double mg_store_size(struct script *s);

/* Starts a timer, which runs while the script is in use. Returns its number, which is free again once it is stopped, or has
 * fired and does not repeat. -1: there are too many. */
int32_t mg_timer_start(struct script *s, double seconds, bool repeats);
void mg_timer_stop(struct script *s, int32_t timer);

/* Notes where its function begins, for the log. */
void mg_timer_place(struct script *s, int32_t timer, const char *place);

/* Writes a log line; the level is that of mg_find(MG_LEVEL, ...). A few lines a second of each level. */
void mg_log(struct script *s, int32_t level, const char *text, size_t len);

/* Seconds: of the loop's monotonic clock, the same during a turn; of the wall clock, since 1970. */
double mg_now(struct script *s);
double mg_time(void);

/* The number of this worker, from 0 on, and of how many; the number of this script, which grows with each reload. */
int32_t mg_worker(struct script *s);
int32_t mg_workers(struct script *s);
int32_t mg_generation(struct script *s);

/* Where a script listens. Strings may be NULL but for the address. Copied. */
struct mg_listen {
    const char *address;
    const char *name;
    const char *mode;
    const char *owner;
    const char *group;
    const char *tls;                       /* "tls:", "notls:", "mtls:" */
    const char *cert, *key, *ca, *ciphers; /* where has_tls; NULL: as the command line says */
    const char *words;   /* what it asks of clients: `protocol=text,auth=off`; "": nothing */
    int32_t verify, min; /* enum tls_verify and tls_version, where has_tls; -1: likewise */
    int32_t backlog;     /* 0: the usual one */
    int32_t route;       /* its number; -1: the route that the script returns */
    bool has_tls;        /* it has TLS of its own */
};

/* NULL, or what is wrong. Only while the script loads. mg_listens: how many there are. mg_listens_end: the script has ended its loading and
 * returned a route, or (has_root false) none. */
const char *mg_listen(struct script *s, const struct mg_listen *o);
int32_t mg_listens(struct script *s);
const char *mg_listens_end(struct script *s, bool has_root);

/* A folder in which deletes of that route, which must be a pool, wait on the disk; 0: the usual bound. NULL, or what is wrong, in constant text.
 * Only while the script loads. */
const char *mg_spool(struct script *s, int32_t route, const char *dir, double max_size,
                     double max_total, double max_age);

/* Why no lease can be made of that route, in constant text, or NULL. Only while the script loads. */
const char *mg_lease_refuses(struct script *s, int32_t route, bool may_be_plain);

/* Options that a script may set, from 0 on; NULL after the last. And notes the value of one, which the caller has checked. */
const struct script_option *mg_option(struct script *s, uint32_t at);
void mg_set_option(struct script *s, uint32_t at, double value);

#endif
