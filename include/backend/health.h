/* health: whether a server is down, which is so when none of its connections takes calls. The backend owns the record (see
 * data). */
#ifndef MOONGATE_BACKEND_HEALTH_H
#define MOONGATE_BACKEND_HEALTH_H

#include "backend/data.h"

/* One of its connections has begun or ceased to take calls: notes, counts and logs it when that changes the server's health. The
 * only writer of b->down. */
void backend_note_health(struct backend *b);

#endif
