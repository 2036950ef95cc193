/* wins: what an mg does that a get does not, put right: the recache win of a stale item is handed back; a get that the server refuses
 * in the words of mg is asked again as get.
 *
 * Owns nothing. In both cases the server is asked by get for a while (backend.asks_get_until): where there is one stale item there
 * may be more, and each get of it would take the win again.
 */
#ifndef MOONGATE_BACKEND_WINS_H
#define MOONGATE_BACKEND_WINS_H

#include "backend/conn.h"

/* The answer to the first call, of which cas is the item's as the server wrote it, took the win: sends `md KEY I C<cas>` behind what
 * is in the stream. Its answer is dropped. To be called before that call ends. */
void wins_return(struct conn *c, const uint8_t *cas, size_t cas_len);

/* True: the first call, whose mg was refused, goes to the end of the FIFO as a get. False: its client has sent something behind it
 * that may write, and must not be overtaken; the refusal is the answer. */
bool wins_ask_again(struct conn *c);

#endif
