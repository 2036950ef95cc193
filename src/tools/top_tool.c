/* `moongate top`: the state of a running moongate in a terminal, drawn again with each document that its admin socket sends.
 *
 * Plain escape codes rather than ncurses: what is drawn are lines of text, a frame at a time, which every terminal can do; so there is no
 * database of terminals to be found, and tests see each byte. The document is read by json-c. */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "tools/terminal.h"
#include "tools/tool.h"
#include "tools/top_source.h"
#include "tools/top_view.h"
#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define TOP_OPTIONS(X)                                                                             \
    X(socket, STRING, 's', "socket", "PATH", "",                                                   \
      "the admin socket; else admin.sock in RUNTIME_DIRECTORY or in /run/moongate")                \
    X(interval, SECONDS, 'i', "interval", "SECONDS", "1",                                          \
      "from one look to the next (0..3600; 0.1 at least)")                                         \
    X(once, FLAG, 0, "once", NULL, "", "print all tables as text, and exit")                       \
    X(json, FLAG, 0, "json", NULL, "", "print the status document, and exit")                      \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct top_options {
    const char *socket;
    double interval;
    bool once, json, help;
};

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct top_options, __VA_ARGS__)
    TOP_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct top_options, interval), 0, 3600, "0..3600"},
};

static bool take_word(void *to, const char *word)
{
    (void)to;
    fprintf(stderr, "moongate: top: '%s' is no option: moongate top -h lists them\n", word);
    return false;
}

static const struct option_table table = {
    .program = "moongate top",
    .rows = rows,
    .rows_n = sizeof rows / sizeof *rows,
    .ranges = ranges,
    .ranges_n = 1,
    .take = take_word,
};

enum { ONCE_WIDTH = 100 };

static const double ONCE_MOST = 10; /* seconds */

/* --- once --------------------------------------------------------------------------------------- */

static void print_line(void *about, enum terminal_look look, const char *text)
{
    (void)look;
    fprintf(about, "%s\n", text);
}

/* Waits for the first document. False: `s->error` says why there is none. */
static bool wait_for_one(struct top_source *s)
{
    double until = process_clock() + ONCE_MOST;
    for (;;) {
        double now = process_clock();
        top_source_step(s, now);
        if (s->document) return true;
        if (s->error[0]) return false;
        if (now >= until) break;
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        poll(&p, 1, 100);
    }
    snprintf(s->error, sizeof s->error, "no answer in 10 seconds");
    return false;
}

static int run_once(struct top_source *s, bool json)
{
    struct top_view v;
    if (!wait_for_one(s)) {
        fprintf(stderr, "moongate: top: %s\n", s->error);
        return s->fd < 0 ? EXIT_BIND : EXIT_SYSTEM;
    }
    top_view_init(&v);
    if (!json)
        top_view_print(&v, s->document, ONCE_WIDTH, print_line, stdout);
    else
        puts(json_object_to_json_string_ext(s->document, JSON_C_TO_STRING_PLAIN |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE));
    return EXIT_OK;
}

/* --- the terminal ------------------------------------------------------------------------------- */

static void frame_line(void *about, enum terminal_look look, const char *text)
{
    (void)about;
    terminal_frame_line(look, text);
}

static void draw(struct top_view *v, const struct top_source *s)
{
    char note[TOP_CELL];
    size_t width, height;
    top_show(s->error, strlen(s->error), note);
    terminal_size(&width, &height);
    terminal_frame_begin();
    top_view_draw(v, s->document, s->error[0] ? note : "", width, height, frame_line, NULL);
    terminal_frame_end();
}

/* False: the key to leave was among them. */
static bool take_keys(struct top_view *v)
{
    for (int key; (key = terminal_key()) != KEY_NONE;)
        if (!top_view_key(v, key)) return false;
    return true;
}

/* While the reader has stopped it, nothing is asked: what is on the screen stays. */
static int run_terminal(struct top_source *s)
{
    struct top_view v;
    bool is_new = true;
    top_view_init(&v);
    for (;;) {
        double now = process_clock();
        if (!v.waits) is_new |= top_source_step(s, now);
        if (is_new) draw(&v, s);
        double left = v.waits ? 3600 : s->due - process_clock();
        struct terminal_event event = terminal_wait(v.waits ? -1 : s->fd, left > 0 ? left : 0);
        if (event.ended || (event.keys && !take_keys(&v))) return EXIT_OK;
        is_new = event.keys || event.resized;
    }
}

int top_tool(int argc, char **argv)
{
    struct top_options o = {.json = false};
    struct addr_spec spec;
    struct top_source s;
    char error[ADMIN_LINK_ERROR];
    if (!option_table_read(&table, &o, argc, argv)) return EXIT_USAGE;
    if (o.help) {
        fputs("  moongate top [options]\n\n", stdout);
        option_table_print(&table, stdout);
        fputs("\nIn the window ? shows the keys, and q ends.\n"
              "Exit codes: 0 done, 2 usage, 3 no such socket, 4 no answer.\n",
              stdout);
        return EXIT_OK;
    }
    if (!admin_link_find(o.socket, &spec, error)) {
        fprintf(stderr, "moongate: top: %s\n", error);
        return EXIT_USAGE;
    }
    bool once = o.once || o.json;
    if (!once && !terminal_take()) {
        fputs("moongate: top: this is not a terminal: give --once or --json\n", stderr);
        return EXIT_USAGE;
    }
    top_source_init(&s, &spec, fmax(o.interval, 0.1));
    int code = once ? run_once(&s, o.json) : run_terminal(&s);
    if (!once) terminal_give();
    top_source_release(&s);
    return code;
}
