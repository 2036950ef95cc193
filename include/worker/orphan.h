/* orphan: a worker whose master has died: it drains and ends.
 *
 * Owns nothing.
 */
#ifndef MOONGATE_WORKER_ORPHAN_H
#define MOONGATE_WORKER_ORPHAN_H

struct worker;

/* From now on a worker that does not turn ends, too, when its master dies. The child of a master calls it once, before it loads a script. */
void orphan_prepare(struct worker *w);

/* The master is gone, or cannot be reached: why. */
void orphan_begin(struct worker *w, const char *why);

#endif
