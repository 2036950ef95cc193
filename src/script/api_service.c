/* The bodies of services.h for the log, clocks, and what a script can read and set of the daemon. Nothing here enters Lua. */
#include <assert.h>
#include <string.h>
#include <time.h>

#include "script/state.h"

const char *mg_wrong(struct script *s)
{
    return s->wrong;
}

/* Pools, policies and options can only be made while the script loads. */
bool mg_is_loading(struct script *s)
{
    return !s->is_loaded;
}

bool mg_is_unsafe(struct script *s)
{
    return s->host.unsafe;
}

/* --- the log ----------------------------------------------------------------------------------- */

enum { LOG_TEXT = 4096, LOG_BURST = 10 };

/* The log takes C strings, and shows control bytes as \xNN. So a NUL is written that way here. */
static void copy_without_nul(char to[LOG_TEXT], const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < LOG_TEXT - 5; i++) {
        if (text[i])
            to[n++] = text[i];
        else
            n += (size_t)(stpcpy(to + n, "\\x00") - (to + n));
    }
    to[n] = '\0';
}

void mg_log(struct script *s, int32_t level, const char *text, size_t len)
{
    char copy[LOG_TEXT];
    if (level < 0 || level >= SCRIPT_LEVELS || !log_shows((enum log_level)level)) return;
    struct log_limit *limit =
        &s->levels[level]; /* one for each level: debug lines must not use up those of errors */
    limit->burst = LOG_BURST;
    if (!log_allows(limit, s->host.backends->now)) return;
    copy_without_nul(copy, text, len);
    log_line((enum log_level)level, "script %s: %s", s->path, copy);
}

/* --- clocks ------------------------------------------------------------------------------------ */

/* The turn's time, which costs no system call. */
double mg_now(struct script *s)
{
    return s->host.backends->now;
}

double mg_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- the worker -------------------------------------------------------------------------------- */

int32_t mg_worker(struct script *s)
{
    return s->host.worker;
}

int32_t mg_workers(struct script *s)
{
    return s->host.workers;
}

int32_t mg_generation(struct script *s)
{
    return s->generation;
}

/* --- options ----------------------------------------------------------------------------------- */

/* mg.options. The worker reads what a script has set when it adopts the script (succession_options): so a script that fails
 * to load sets nothing. Only its memory is limited at once: a script that keeps more than that does not load. */
const struct script_option *mg_option(struct script *s, uint32_t at)
{
    const struct script_option *options = s->host.options;
    return options && at < SCRIPT_OPTIONS && options[at].name ? &options[at] : NULL;
}

static bool is_memory(struct script *s, uint32_t at)
{
    const struct script_option *option = mg_option(s, at);
    return option && strcmp(option->name, "script_memory") == 0;
}

void mg_set_option(struct script *s, uint32_t at, double value)
{
    if (at >= SCRIPT_OPTIONS) return;
    s->options_given |= 1u << at;
    s->options[at] = value;
    if (is_memory(s, at) && !s->host.memory_is_given) script_set_memory(s, (size_t)value);
}

bool script_option(const struct script *s, uint32_t at, double *value)
{
    assert(at < SCRIPT_OPTIONS);
    if (!(s->options_given & 1u << at)) return false;
    *value = s->options[at];
    return true;
}

double mg_max_value(struct script *s)
{
    return (double)s->host.max_value;
}

/* After mg.options has set it: struct script_host has that of the command line. */
void script_set_max_value(struct script *s, size_t max_value)
{
    s->host.max_value = max_value;
}

void script_set_timeout(struct script *s, double seconds)
{
    s->host.script_timeout = seconds;
}
