#include "worker/stats_names.h"

#include <string.h>

#include "client/stat_names.h"
#include "worker/options.h"

static bool is_among(const char *const *all, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(all[i]) == len && memcmp(all[i], name, len) == 0) return true;
    return false;
}

/* Beside the cells, those that general in stats.c shows. */
bool stats_own_statistic(const char *name, size_t len)
{
    static const char *const own[] = {
#define X(cell) #cell,
        STATS_CELLS(X) STATS_CELLS_OF_TLS(X) STATS_CELLS_OF_IDLE(X)
#undef X
            "pid",
        "uptime",
        "time",
        "version",
        "pointer_size",
        "rusage_user",
        "rusage_system",
        "max_connections",
        "threads",
        "accepting_conns",
        "time_since_server_cert_refresh"};
    return is_among(own, sizeof own / sizeof own[0], name, len);
}

/* Beside the options, those that settings in stats.c shows. */
bool stats_no_setting(const char *name, size_t len)
{
    static const char *const all[] = {
#define X(field, type, letter, longname, argument, fallback, meaning) #field,
        OPTIONS(X)
#undef X
#define X(setting, reason) #setting,
            STAT_LEFT_OUT(X)
#undef X
                "maxconns",
        "tcpport",
        "num_threads",
        "item_size_max",
        "maxconns_fast",
        "flush_enabled",
        "dump_enabled",
        "auth_enabled_sasl",
        "auth_enabled_ascii",
        "ssl_enabled",
        "ssl_chain_cert",
        "ssl_key",
        "ssl_verify_mode",
        "ssl_keyformat",
        "ssl_ciphers",
        "ssl_ca_cert",
        "ssl_session_cache",
        "ssl_min_version",
        "listen",
        "script"};
    return is_among(all, sizeof all / sizeof all[0], name, len);
}
