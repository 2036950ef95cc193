/* `hot` of the admin socket: the hottest keys and clients. */
#include "base/process.h"
#include "master/admin.h"
#include "master/hot.h"
#include "master/master_state.h"

#include <stdlib.h>

static void put_keys(struct records *r, const struct board *board, double now)
{
    struct heat_row *rows = malloc(HOT_KEYS * sizeof *rows);
    uint32_t n = rows ? heat_merge(board, HEAT_KEYS, now, rows, HOT_KEYS) : 0;
    for (uint32_t i = 0; i < n; i++) {
        record_begin(r, "key");
        record_bytes(r, "key", rows[i].name, rows[i].len);
        record_real(r, "share", rows[i].share);
        record_real(r, "requests_per_second", rows[i].rate);
        record_end(r);
    }
    free(rows);
}

static void put_clients(struct records *r, const struct board *board, double now)
{
    struct hot_client all[HOT_CLIENTS];
    size_t n = hot_clients(board, now, all);
    for (size_t i = 0; i < n; i++) {
        record_begin(r, "client");
        record_text(r, "client", all[i].address);
        record_real(r, "share", all[i].share);
        record_real(r, "requests_per_second", all[i].rate);
        record_real(r, "bytes_share", all[i].bytes_share);
        record_real(r, "bytes_per_second", all[i].bytes_rate);
        record_end(r);
    }
}

void session_run_hot(struct session *s)
{
    const struct board *board = s->admin->master->board;
    double now = process_clock();
    put_keys(&s->held, board, now);
    put_clients(&s->held, board, now);
    session_show(s, &s->held, false, NULL);
    session_end(s);
}
