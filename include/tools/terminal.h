/* terminal: the screen and the keyboard of a command that fills the whole terminal; one a process.
 *
 * It owns the terminal's state from terminal_take to terminal_give, and gives it back also when the process gets a signal that ends it, or
 * crashes; while it is stopped (SIGTSTP) the shell has it. No library of terminals is used: what it writes (alternate screen,
 * cursor, bold, reverse; no colours) is what every terminal of the last decades knows.
 */
#ifndef MOONGATE_TOOLS_TERMINAL_H
#define MOONGATE_TOOLS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Keys that are no character. */
enum terminal_key {
    KEY_NONE = 0,
    KEY_UP = 256,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_BACK_TAB,
};

/* How a line looks. */
enum terminal_look { LOOK_PLAIN, LOOK_BOLD, LOOK_REVERSE };

struct terminal_event {
    bool keys;    /* there are some for terminal_key */
    bool other;   /* the caller's descriptor is readable */
    bool resized; /* draw again: another size, or it was stopped */
    bool ended;   /* a signal says so, or the terminal has gone */
};

/* Takes the terminal of the standard input and output. False: they are none. */
bool terminal_take(void);
void terminal_give(void);

/* Its size now, at least 1 by 1. */
void terminal_size(size_t *width, size_t *height);

/* Waits for keys, for `other` (a descriptor, or -1), a signal, or so many seconds. */
struct terminal_event terminal_wait(int other, double seconds);

/* The next key that was pressed; KEY_NONE: there is none any more. */
int terminal_key(void);

/* A frame: begin it, write its lines from the top, end it, which shows it at once. Lines are printable ASCII; what they are too long is cut. */
void terminal_frame_begin(void);
void terminal_frame_line(enum terminal_look look, const char *text);
void terminal_frame_end(void);

#endif
