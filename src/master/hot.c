/* Clients are counted twice on the board, by requests and by bytes. A reader wants one list: half of it are those with the most requests,
 * and the other half those with the most bytes, each client once, with what is known of it. */
#include "master/hot.h"

#include <stdlib.h>
#include <string.h>

static struct hot_client *find(struct hot_client *all, size_t n, const char *address)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].address, address) == 0) return &all[i];
    return NULL;
}

/* Adds what is known from `rows`: of clients that are there, and new ones as far as `room` goes. */
static size_t add(struct hot_client *to, size_t n, size_t room, const struct heat_row *rows,
                  size_t rows_n, bool of_bytes)
{
    for (size_t i = 0; i < rows_n; i++) {
        char address[HEAT_CLIENT_TEXT];
        struct hot_client *c = find(to, n, heat_client_text(&rows[i], address));
        if (!c && n == room) continue;
        if (!c) {
            c = &to[n++];
            *c = (struct hot_client){.share = 0};
            strcpy(c->address, address);
        }
        *(of_bytes ? &c->bytes_share : &c->share) = rows[i].share;
        *(of_bytes ? &c->bytes_rate : &c->rate) = rows[i].rate;
    }
    return n;
}

static int busiest_first(const void *a, const void *b)
{
    const struct hot_client *x = a, *y = b;
    if (x->share != y->share) return (x->share < y->share) - (x->share > y->share);
    return (x->bytes_share < y->bytes_share) - (x->bytes_share > y->bytes_share);
}

/* All that is known is read, so that a client of the one half has its numbers of the other. */
size_t hot_clients(const struct board *board, double now, struct hot_client *to)
{
    const uint32_t most = HEAT_PLACES;
    struct heat_row *rows = malloc(2 * most * sizeof *rows);
    size_t n = 0;
    if (!rows) return 0;
    uint32_t by_requests = heat_merge(board, HEAT_CLIENTS, now, rows, most);
    uint32_t by_bytes = heat_merge(board, HEAT_CLIENT_BYTES, now, rows + most, most);
    n = add(to, n, HOT_CLIENTS / 2, rows, by_requests, false);
    n = add(to, n, HOT_CLIENTS, rows + most, by_bytes, true);
    n = add(to, n, HOT_CLIENTS, rows, by_requests, false);
    n = add(to, n, n, rows + most, by_bytes, true);
    free(rows);
    if (n > 0) qsort(to, n, sizeof *to, busiest_first);
    return n;
}

static void put_keys(const struct board *board, double now, struct json *out)
{
    struct heat_row *rows = malloc(HOT_KEYS * sizeof *rows);
    uint32_t n = rows ? heat_merge(board, HEAT_KEYS, now, rows, HOT_KEYS) : 0;
    json_list(out, "hot_keys");
    for (uint32_t i = 0; i < n; i++) {
        json_object(out, NULL);
        json_bytes(out, "name", rows[i].name, rows[i].len);
        json_fraction(out, "share", rows[i].share);
        json_fraction(out, "requests_per_second", rows[i].rate);
        json_object_end(out);
    }
    json_list_end(out);
    free(rows);
}

static void put_clients(const struct board *board, double now, struct json *out)
{
    struct hot_client all[HOT_CLIENTS];
    size_t n = hot_clients(board, now, all);
    json_list(out, "hot_clients");
    for (size_t i = 0; i < n; i++) {
        json_object(out, NULL);
        json_text(out, "name", all[i].address);
        json_fraction(out, "share", all[i].share);
        json_fraction(out, "requests_per_second", all[i].rate);
        json_fraction(out, "bytes_share", all[i].bytes_share);
        json_fraction(out, "bytes_per_second", all[i].bytes_rate);
        json_object_end(out);
    }
    json_list_end(out);
}

void hot_json(const struct board *board, double now, bool shows, struct json *out)
{
    json_number(out, "hot_keys_count", heat_count(board, now));
    if (!shows) return;
    put_keys(board, now, out);
    put_clients(board, now, out);
}
