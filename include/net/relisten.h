/* relisten: the list of listeners changes with the script, in steps that go along with those of a reload.
 *
 *   prepare   new addresses are bound: nobody can connect yet. What is wrong shows here, and nothing has changed
 *   open      all workers hold the script: new ones listen, and changes of mode, owner, group and backlog are made
 *   switch    new ones serve, those that the script does not name go; or drop: the reload is refused, all is as before
 *   leave     all workers use the script: those that go are closed
 *
 * The list belongs to main; the process that accepts from it calls these, and nobody else looks at it meanwhile.
 */
#ifndef MOONGATE_NET_RELISTEN_H
#define MOONGATE_NET_RELISTEN_H

#include "net/listener.h"

/* wanted->script is what the script names; wanted->bind the default of --bind, which listens where the script names nothing. is_forced: what
 * cannot be had is logged and left out. False: why has LISTENERS_WHY bytes for what is wrong. */
bool listeners_prepare(struct listeners *l, const struct listeners_wanted *wanted, bool is_forced,
                       char *why);
bool listeners_open(struct listeners *l, bool is_forced, char *why);

void listeners_switch(struct listeners *l, const struct listeners_wanted *wanted);
void listeners_drop(struct listeners *l);

/* Closes those that go, and takes them from the list. */
void listeners_leave(struct listeners *l);

#endif
