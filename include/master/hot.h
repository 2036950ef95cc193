/* hot: the hottest keys and clients of all workers, for readers of the status document and of the admin socket.
 *
 * Owns nothing: it reads the board, whose bytes it does not trust (base/heat.h).
 */
#ifndef MOONGATE_MASTER_HOT_H
#define MOONGATE_MASTER_HOT_H

#include "base/board.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>

enum { HOT_KEYS = 50, HOT_CLIENTS = 50 };

struct hot_client {
    char address[HEAT_CLIENT_TEXT];
    double share, rate;             /* of requests, and how many a second */
    double bytes_share, bytes_rate; /* of bytes, likewise */
};

/* Those with the most requests and those with the most bytes, of all clients; the one with the most requests first. Returns how many; `to`
 * has room for HOT_CLIENTS. */
size_t hot_clients(const struct board *board, double now, struct hot_client *to);

/* Writes the members hot_keys_count and, where `shows`, hot_keys and hot_clients. */
void hot_json(const struct board *board, double now, bool shows, struct json *out);

#endif
