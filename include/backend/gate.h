/* gate: a server for which deletes wait on the disk counts as down for all but deletes, until those have been replayed: a read could
 * find there what was deleted.
 *
 * The set owns the list of such servers, by their names, so that a server that comes later is gated, too; gates_release frees it. The
 * worker that knows what waits (worker/keeping.h) closes and opens gates. One worker, no locks.
 */
#ifndef MOONGATE_BACKEND_GATE_H
#define MOONGATE_BACKEND_GATE_H

#include "backend/data.h"
#include "protocol/command.h"

/* What a client learns. */
#define GATE_REASON "spooled deletes wait"

/* One reason more, and one less, why the servers of that name are gated. The last one opens the gate. */
void gate_close(struct backends *set, const char *name);
void gate_open(struct backends *set, const char *name);

/* For a server that was made just now; and for one of whose connections one serves from now on: notes its health, too. */
void gate_begin(struct backend *b);
void gate_note_ready(struct backend *b);

/* True: it is closed. */
bool gate_is_closed(const struct backends *set, const char *name);

/* Frees the list. */
void gates_release(struct backends *set);

/* True: a request with that command goes to a gated server, too: it gives no value, and what it removes is to go anyway. flush_all and
 * stats are among these. */
static inline bool gate_lets(unsigned command)
{
    return command == COMMAND_DELETE || command == COMMAND_META_DELETE ||
           command_info(command)->shape == SHAPE_ADMIN;
}

#endif
