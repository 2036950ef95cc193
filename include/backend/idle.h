/* idle: connections without a call. Now and then (setting idle_probe) their server is asked whether it still knows them: a NAT or a
 * firewall that forgot one does not say so. Those apart are closed. Owns nothing: works on the struct of conn. */
#ifndef MOONGATE_BACKEND_IDLE_H
#define MOONGATE_BACKEND_IDLE_H

#include "backend/conn.h"

/* When something is to be done with a READY connection that awaits nothing; INFINITY: never. */
double idle_time(const struct conn *c);

/* Does it, if that time has come: asks (the answer is read and dropped; without one the connection stalls), or closes. True: it
 * is closed. */
bool idle_act(struct conn *c);

#endif
