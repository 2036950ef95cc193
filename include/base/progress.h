/* progress: one line on the terminal that says how far a command is, how fast it goes and when it will be done.
 *
 * A struct inside the caller's; it owns nothing, and all zero it shows nothing. The line is on stderr, and only if that is a terminal that
 * moves its cursor (TERM is not dumb): in a file or a pipe there is no byte of it. It is drawn at most ten times a second, so a step may be
 * one item. Before other output the caller clears it; the next step draws it again.
 *
 *     copy [##########..........]  50 %  500,000 of 1,000,000 items  20,000/s  52.4 MB  0:25 left
 */
#ifndef MOONGATE_BASE_PROGRESS_H
#define MOONGATE_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where the line is shown: for commands progress_terminal(), for tests a stream with a width and a clock of theirs. */
struct progress_screen {
    FILE *out; /* NULL: nothing is shown */
    size_t (*width)(FILE *out);
    double (*now)(void); /* seconds; never goes back */
};

struct progress {
    struct progress_screen screen;
    char what[48];    /* what is being done: printable ASCII */
    const char *unit; /* "items"; a literal */
    uint64_t done, total, bytes;
    double began, drawn; /* when; drawn: the last time */
    uint64_t drawn_done; /* how much was done then */
    double rate;         /* a second, smoothed over the last few seconds; negative: not known yet */
    bool is_shown;       /* the cursor is in the line */
};

/* stderr, or nothing if that is no such terminal. */
struct progress_screen progress_terminal(void);

/* Begins: what is copied (other bytes than printable ASCII are shown as '?'), and cut at 47; unit is kept as it is. A second begin
 * starts from zero, for the next phase. */
void progress_begin(struct progress *p, struct progress_screen screen, const char *what,
                    const char *unit);

/* So much is done of total (0: not known how much there is), with so many bytes (0: not shown). All are sums since the beginning. */
void progress_step(struct progress *p, uint64_t done, uint64_t total, uint64_t bytes);

/* Takes the line away: before other output, and when the work has ended. */
void progress_clear(struct progress *p);

#endif
