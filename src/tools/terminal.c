/* Signals are blocked but while terminal_wait sleeps, so nothing is lost between a look at the flags and the sleep, and no system call is
 * interrupted. A crash cannot wait: its handler restores the terminal with write(2) and tcsetattr(3), which a handler may call, and lets
 * the signal act as it would have. */
#include "tools/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[0m\033[?25h\033[?1049l"

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
static const int others[] = {SIGWINCH, SIGTSTP};

#define EACH(list, i) for (size_t i = 0; i < sizeof(list) / sizeof *(list); i++)

static struct {
    struct termios before;
    volatile sig_atomic_t is_taken;
    volatile sig_atomic_t ended, resized, stopped;
    sigset_t sleeping; /* the signals that are blocked while it waits */
    char keys[64];
    size_t keys_at, keys_n;
    bool is_deaf; /* no key comes any more */
    FILE *frame;
    char *frame_text;
    size_t frame_len, width, height, lines;
} terminal;

/* --- taking and giving -------------------------------------------------------------------------- */

/* Blocking: the reader is a person's terminal. Also for handlers of signals. */
static void write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n < 0 && errno != EINTR) return;
        if (n < 0) continue;
        bytes += n;
        len -= (size_t)n;
    }
}

static void leave(void)
{
    if (!terminal.is_taken) return;
    terminal.is_taken = 0;
    write_all(LEAVE, sizeof LEAVE - 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal.before);
}

/* Keys come at once and are not shown; those that make signals still do. */
static void enter(void)
{
    struct termios raw = terminal.before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    terminal.is_taken = 1;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    write_all(ENTER, sizeof ENTER - 1);
}

static void on_signal(int number)
{
    if (number == SIGWINCH)
        terminal.resized = 1;
    else if (number == SIGTSTP)
        terminal.stopped = 1;
    else
        terminal.ended = 1;
}

static void on_crash(int number)
{
    leave();
    signal(number, SIG_DFL);
    raise(number);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

bool terminal_take(void)
{
    sigset_t ours;
    if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &terminal.before) < 0) return false;
    sigemptyset(&ours);
    EACH(ends, i) sigaddset(&ours, ends[i]);
    EACH(others, i) sigaddset(&ours, others[i]);
    sigprocmask(SIG_BLOCK, &ours, &terminal.sleeping);
    EACH(ends, i) sigdelset(&terminal.sleeping, ends[i]);
    EACH(others, i) sigdelset(&terminal.sleeping, others[i]);
    EACH(ends, i) handle(ends[i], on_signal);
    EACH(others, i) handle(others[i], on_signal);
    EACH(crashes, i) handle(crashes[i], on_crash);
    enter();
    return true;
}

void terminal_give(void)
{
    leave();
}

/* As the shell's user wants it: the terminal is the shell's until the process goes on. */
static void stop(void)
{
    sigset_t tstp;
    sigemptyset(&tstp);
    sigaddset(&tstp, SIGTSTP);
    terminal.stopped = 0;
    leave();
    handle(SIGTSTP, SIG_DFL);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &tstp, NULL); /* stops here, and goes on with SIGCONT */
    sigprocmask(SIG_BLOCK, &tstp, NULL);
    handle(SIGTSTP, on_signal);
    enter();
    terminal.resized = 1;
}

void terminal_size(size_t *width, size_t *height)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    *width = known ? size.ws_col : 80;
    *height = known ? size.ws_row : 24;
}

/* --- waiting and keys --------------------------------------------------------------------------- */

static void read_keys(void)
{
    ssize_t n = read(STDIN_FILENO, terminal.keys, sizeof terminal.keys);
    terminal.keys_at = 0;
    terminal.keys_n = n > 0 ? (size_t)n : 0;
    terminal.is_deaf = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

struct terminal_event terminal_wait(int other, double seconds)
{
    struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    struct terminal_event event = {.keys = false};
    int n = ppoll(p, 2, seconds > 0 ? &t : &(struct timespec){0}, &terminal.sleeping);
    if (n > 0 && p[0].revents) read_keys();
    if (terminal.stopped) stop();
    event.keys = terminal.keys_at < terminal.keys_n;
    event.other = n > 0 && p[1].revents;
    event.resized = terminal.resized;
    event.ended = terminal.ended || terminal.is_deaf;
    terminal.resized = 0;
    return event;
}

/* What terminals send behind ESC [ or ESC O. */
static int key_of(const char *sequence, size_t len)
{
    static const struct {
        const char *text;
        int key;
    } all[] = {{"A", KEY_UP},   {"B", KEY_DOWN},     {"C", KEY_RIGHT},      {"D", KEY_LEFT},
               {"H", KEY_HOME}, {"F", KEY_END},      {"Z", KEY_BACK_TAB},   {"1~", KEY_HOME},
               {"4~", KEY_END}, {"5~", KEY_PAGE_UP}, {"6~", KEY_PAGE_DOWN}, {"7~", KEY_HOME},
               {"8~", KEY_END}};
    EACH(all, i)
    if (strlen(all[i].text) == len && memcmp(all[i].text, sequence, len) == 0) return all[i].key;
    return KEY_NONE;
}

/* A sequence that is not known is left out. */
int terminal_key(void)
{
    while (terminal.keys_at < terminal.keys_n) {
        const char *at = terminal.keys + terminal.keys_at;
        size_t has = terminal.keys_n - terminal.keys_at, len = 3;
        if (*at != '\033' || has < 3 || (at[1] != '[' && at[1] != 'O')) {
            terminal.keys_at++;
            return (unsigned char)*at;
        }
        while (len < has && (at[len - 1] < '@' || at[len - 1] > '~')) len++;
        terminal.keys_at += len;
        int key = key_of(at + 2, len - 2);
        if (key != KEY_NONE) return key;
    }
    return KEY_NONE;
}

/* --- frames ------------------------------------------------------------------------------------- */

void terminal_frame_begin(void)
{
    terminal_size(&terminal.width, &terminal.height);
    terminal.lines = 0;
    terminal.frame = open_memstream(&terminal.frame_text, &terminal.frame_len);
    if (!terminal.frame) abort();
}

void terminal_frame_line(enum terminal_look look, const char *text)
{
    static const char *const looks[] = {"\033[0m", "\033[0;1m", "\033[0;7m"};
    if (terminal.lines == terminal.height) return;
    int width = (int)terminal.width;
    fprintf(terminal.frame, "\033[%zu;1H%s", ++terminal.lines, looks[look]);
    fprintf(terminal.frame, "%-*.*s", look == LOOK_REVERSE ? width : 0, width, text);
    fputs("\033[0m", terminal.frame);
    if (look != LOOK_REVERSE && strlen(text) < terminal.width) fputs("\033[K", terminal.frame);
}

/* What is below is cleared, also what a larger terminal has left there. */
void terminal_frame_end(void)
{
    if (terminal.lines < terminal.height)
        fprintf(terminal.frame, "\033[%zu;1H\033[J", terminal.lines + 1);
    if (fclose(terminal.frame) != 0) abort();
    write_all(terminal.frame_text, terminal.frame_len);
    free(terminal.frame_text);
}
