/* events: what the loop brings a connection: bytes, room in the socket, the alarm.
 *
 * The top of the connection's side. Makes and frees a connection, whose owner is its backend. What must be decided for the whole
 * server goes up as news (see news.h).
 */
#ifndef MOONGATE_BACKEND_EVENTS_H
#define MOONGATE_BACKEND_EVENTS_H

#include "backend/conn.h"

/* In IDLE. conn_destroy comes after conn_release, and only from the loop's turn or the end, never from the connection's news. */
struct conn *conn_create(struct backend *b);
void conn_destroy(struct conn *c);

/* Closes the connection, if it is not IDLE: it becomes IDLE, and its calls fail with `reason`. No news. */
void conn_release(struct conn *c, const char *reason);

/* Reads the connections that hold bytes although their sockets have none (conn_look_held). */
void events_read_held(struct backends *set);

#endif
