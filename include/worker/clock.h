/* clock: the process's clock, which a command may take over: then time stands still until it is moved on.
 *
 * One a process, real until clock_take. The program's own clock_gettime and time come before the C library's, so that
 * everything in the process goes by it: libev's timers, scripts, the log.
 */
#ifndef MOONGATE_WORKER_CLOCK_H
#define MOONGATE_WORKER_CLOCK_H

/* From now on it is `wall` seconds since 1970, and stays so. */
void clock_take(double wall);

/* From now on it stays what it is. */
void clock_hold(void);

/* Moves a clock that was taken over. */
void clock_advance(double seconds);

/* Seconds since 1970. */
double clock_wall(void);

#endif
