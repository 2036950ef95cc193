/* host: what a worker's scripts are loaded into (struct script_host).
 *
 * A part of the worker, which owns what it points to.
 */
#ifndef MOONGATE_WORKER_HOST_H
#define MOONGATE_WORKER_HOST_H

struct worker;

/* The other parts are there by now. */
void host_init(struct worker *w);

#endif
