/* alone: a worker without a master reloads its script, and changes its listeners with it (net/relisten.h).
 *
 * The listeners are main's; the worker accepts from them, and owns the doors.
 */
#ifndef MOONGATE_WORKER_ALONE_H
#define MOONGATE_WORKER_ALONE_H

struct script;
struct worker;

/* The spooler opens the folders that the script names. */
void alone_spools(struct worker *w, const struct script *s);

/* A reload of a single process, which agrees with nobody: loads the script's file, waits for its discoveries, and switches. An
 * error is logged, and the script in use goes on. */
void alone_reload(struct worker *w);

/* Now and then: does what a master does for its workers. */
void alone_look(struct worker *w);

#endif
