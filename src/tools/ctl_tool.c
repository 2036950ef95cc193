/* `moongate ctl`: sends one command to a running moongate, through its admin socket, and prints the answer.
 *
 * The commands are those of the socket (master/admin_commands.h), and so is what is printed; here are only the way to the socket, the time
 * limit, and the exit code. Who may connect is decided by the mode of the socket's file.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"
#include "master/admin_commands.h"
#include "net/lines.h"
#include "tools/admin_link.h"
#include "tools/ctl.h"
#include "tools/tool.h"

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct ctl_options, __VA_ARGS__)
    CTL_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct ctl_options, timeout), 0, 86400, "0..86400"},
    {offsetof(struct ctl_options, duration), 0, 86400, "0..24h"},
    {offsetof(struct ctl_options, rotate), 0, UINT64_MAX / 4, "0..."},
    {offsetof(struct ctl_options, keep), 0, RECORD_FILES_KEEP, "0..1000"},
    {offsetof(struct ctl_options, max_size), 0, UINT64_MAX / 4, "0..."},
};

static bool take_word(void *to, const char *word)
{
    struct ctl_options *o = to;
    if (o->words_n == CTL_WORDS) {
        fputs("moongate: ctl: too many words: moongate ctl -h lists the commands\n", stderr);
        return false;
    }
    o->words[o->words_n++] = word;
    return true;
}

static const struct option_table table = {
    .program = "moongate ctl",
    .rows = rows,
    .rows_n = sizeof rows / sizeof *rows,
    .ranges = ranges,
    .ranges_n = sizeof ranges / sizeof *ranges,
    .take = take_word,
    .given = offsetof(struct ctl_options, given),
};

int ctl_complain(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("moongate: ctl: ", stderr);
    vfprintf(stderr, format, arguments);
    putc('\n', stderr);
    va_end(arguments);
    return code;
}

/* --- the command ------------------------------------------------------------------------------- */

void ctl_put_word(FILE *to, const char *word)
{
    bool plain = word[0] != '\0';
    for (const char *c = word; *c; c++) plain &= (unsigned char)*c > ' ' && *c != '"';
    if (plain) {
        fputs(word, to);
        return;
    }
    putc('"', to);
    for (const char *c = word; *c; c++)
        fprintf(to,
                *c == '"' || *c == '\\'   ? "\\%c"
                : (unsigned char)*c < ' ' ? "\\x%02x"
                                          : "%c",
                (unsigned char)*c);
    putc('"', to);
}

/* The line, from malloc. `quit` needs no second word here: to type it is to mean it. */
static char *compose(const struct ctl_options *o, size_t *len)
{
    char *line = NULL;
    FILE *to = open_memstream(&line, len);
    if (!to) abort();
    if (o->json) fputs("json ", to);
    for (size_t i = 0; i < o->words_n; i++) {
        if (i > 0) putc(' ', to);
        ctl_put_word(to, o->words[i]);
    }
    if (o->words_n == 1 && strcmp(o->words[0], "quit") == 0) fputs(" yes", to);
    putc('\n', to);
    if (fclose(to) != 0) abort();
    return line;
}

static bool is_watch(const struct ctl_options *o)
{
    return o->words_n > 0 && strcmp(o->words[0], "watch") == 0;
}

static bool is_record(const struct ctl_options *o)
{
    return o->words_n > 0 && strcmp(o->words[0], "record") == 0;
}

/* Whom an option is for; NULL: for this command, too. */
static const char *other_command(const struct ctl_options *o, size_t row)
{
    if (row < CTL_ROW_key || row == CTL_ROW_help) return NULL;
    if (row == CTL_ROW_key || row == CTL_ROW_sample)
        return is_watch(o) || is_record(o) ? NULL : "watch and record";
    if (row <= CTL_ROW_errors) return is_watch(o) ? NULL : "watch";
    return is_record(o) ? NULL : "record";
}

/* EXIT_OK, or a code after a complaint. */
static int check_options(const struct ctl_options *o)
{
    for (size_t row = 0; row < CTL_ROWS; row++) {
        const char *command = option_is_given(&o->given, row) ? other_command(o, row) : NULL;
        if (command)
            return ctl_complain(EXIT_USAGE, "--%s is for %s: leave it out", rows[row].name,
                                command);
    }
    return EXIT_OK;
}

/* The options of watch are words of it at the socket. EXIT_OK, or a code after a complaint. */
static int add_watch_words(struct ctl_options *o)
{
    static const char none[] = "";
    const struct {
        const char *word, *value;
    } all[] = {{"key", o->key},
               {"pool", o->pool},
               {"server", o->server},
               {"command", o->command},
               {"sample", o->sample},
               {"slower-than", o->slower_than},
               {"errors", o->errors ? none : NULL}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].value || !is_watch(o)) continue;
        if (!take_word(o, all[i].word) || (all[i].value != none && !take_word(o, all[i].value)))
            return EXIT_USAGE;
    }
    return EXIT_OK;
}

/* EXIT_OK, or a code after a complaint. */
static int check_words(const struct ctl_options *o)
{
    if (o->words_n == 0) return ctl_complain(EXIT_USAGE, "no command: moongate ctl -h lists them");
    const struct admin_command *c = admin_command_find(o->words[0]);
    unsigned arguments = (unsigned)o->words_n - 1;
    if (!c)
        return ctl_complain(EXIT_USAGE, "no command '%s': moongate ctl -h lists them", o->words[0]);
    if (arguments < c->least || arguments > c->most)
        return ctl_complain(EXIT_USAGE, "%s: give %s%s%s", c->name, c->name,
                            c->arguments[0] ? " " : "", c->arguments);
    return EXIT_OK;
}

/* --- the answer -------------------------------------------------------------------------------- */

/* What has come, and what follows from it. */
struct reading {
    int fd;
    double deadline;
    char bytes[64 * 1024];
    size_t len;
    bool json;
    bool watches; /* it goes on until the time is up */
};

/* Waits for the descriptor. False: the time is up. */
static bool wait_for(const struct reading *r, short events)
{
    struct pollfd p = {.fd = r->fd, .events = events};
    for (;;) {
        double left = r->deadline - process_clock();
        double turn = left > 60 ? 60 : left;
        int n = left > 0 ? poll(&p, 1, (int)(turn * 1000) + 1) : 0;
        if (n > 0) return true;
        if (n == 0 && left <= 0) return false;
        if (n < 0 && errno != EINTR) return false;
    }
}

static bool send_line(struct reading *r, const char *line, size_t len)
{
    while (len > 0) {
        if (!wait_for(r, POLLOUT)) return false;
        ssize_t n = send(r->fd, line, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (n < 0) continue;
        line += n;
        len -= (size_t)n;
    }
    return true;
}

/* TAKEN_OVER: another process serves from now on, and is to be asked. All commands may be sent twice. */
enum { GOES_ON = -1, TAKEN_OVER = -2 };

static bool begins(const char *line, size_t len, const char *start)
{
    return len >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

static bool is_text(const char *line, size_t len, const char *text)
{
    return len == strlen(text) && begins(line, len, text);
}

/* Prints a line of the answer, without its end. Returns the exit code with the last one, else GOES_ON. */
static int take_line(const struct reading *r, const char *line, size_t len)
{
    bool ends = r->json ? len == 11 && begins(line, len, "{\"ok\":true}")
                        : len == 3 && begins(line, len, "END");
    bool fails = r->json && begins(line, len, "{\"ok\":false");
    if (ends) return EXIT_OK;
    if (is_text(line, len, "ERROR " ADMIN_TAKEN_OVER) ||
        is_text(line, len, "{\"ok\":false,\"error\":\"" ADMIN_TAKEN_OVER "\"}"))
        return TAKEN_OVER;
    if (begins(line, len, "ERROR "))
        return ctl_complain(EXIT_SCRIPT, "%.*s", (int)(len - 6), line + 6);
    fwrite(line, 1, len, stdout);
    putchar('\n');
    return fails ? EXIT_SCRIPT : GOES_ON;
}

/* Takes the whole lines that have come; a line longer than the buffer goes out in pieces. */
static int take_lines(struct reading *r)
{
    size_t at = 0;
    int code = GOES_ON;
    char *end;
    while (code == GOES_ON && (end = memchr(r->bytes + at, '\n', r->len - at))) {
        size_t len = (size_t)(end - r->bytes) - at;
        code =
            take_line(r, r->bytes + at, len > 0 && r->bytes[at + len - 1] == '\r' ? len - 1 : len);
        at += len + 1;
    }
    if (at == 0 && r->len == sizeof r->bytes) {
        fwrite(r->bytes, 1, r->len, stdout);
        at = r->len;
    }
    r->len -= at;
    memmove(r->bytes, r->bytes + at, r->len);
    return code;
}

static int read_answer(struct reading *r)
{
    for (;;) {
        if (!wait_for(r, POLLIN)) {
            if (r->watches) return EXIT_OK;
            return ctl_complain(EXIT_SYSTEM, "no answer in time: --timeout gives it more");
        }
        ssize_t n = recv(r->fd, r->bytes + r->len, sizeof r->bytes - r->len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n <= 0)
            return ctl_complain(EXIT_SYSTEM,
                                "the connection has ended before the answer: try again");
        r->len += (size_t)n;
        int code = take_lines(r);
        if (code != GOES_ON) return code;
        if (r->watches && fflush(stdout) != 0) return EXIT_OK; /* nobody reads any more */
    }
}

/* --- the tool ---------------------------------------------------------------------------------- */

static double time_for(const struct ctl_options *o)
{
    static const char *const slow[] = {"reload", "rollback", "upgrade"};
    if (o->timeout > 0) return o->timeout;
    if (is_watch(o)) return INFINITY;
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++)
        if (strcmp(o->words[0], slow[i]) == 0) return 120;
    return 10;
}

/* What could not be sent may have an answer, too: why it could not. */
static int ask_once(struct reading *r, const struct addr_spec *spec, const char *line, size_t len)
{
    char error[ADMIN_LINK_ERROR];
    r->len = 0;
    r->fd = admin_link_connect(spec, "--socket", r->deadline, error);
    if (r->fd < 0) return ctl_complain(EXIT_BIND, "%s", error);
    (void)send_line(r, line, len);
    int code = read_answer(r);
    close(r->fd);
    return code;
}

static int run(struct ctl_options *o)
{
    struct addr_spec spec;
    struct reading r = {.json = o->json, .watches = is_watch(o)};
    char error[ADMIN_LINK_ERROR];
    size_t len;
    int code = check_options(o);
    if (code == EXIT_OK && is_record(o)) return ctl_record(o);
    if (code == EXIT_OK) code = add_watch_words(o);
    if (code == EXIT_OK) code = check_words(o);
    if (code != EXIT_OK) return code;
    r.deadline = process_clock() + time_for(o);
    if (!admin_link_find(o->socket, &spec, error)) return ctl_complain(EXIT_BIND, "%s", error);
    char *line = compose(o, &len);
    if (len > LINES_LINE)
        code = ctl_complain(EXIT_USAGE, "the command is too long: it has 2048 bytes at most");
    else
        do code = ask_once(&r, &spec, line, len);
        while (code == TAKEN_OVER);
    free(line);
    return code;
}

static void print_help(void)
{
    printf("  %s [options] COMMAND ...\n\n", table.program);
    for (size_t i = 0; i < ADMIN_COMMANDS_N; i++) {
        const struct admin_command *c = &admin_commands[i];
        if (i == ADMIN_record)
            puts("  record FILE\n      requests with their outcomes, into a file: see the options "
                 "below");
        else
            printf("  %s%s%s\n      %s\n", c->name, c->arguments[0] ? " " : "", c->arguments,
                   c->meaning);
    }
    putchar('\n');
    option_table_print(&table, stdout);
    puts("\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 no such socket, 4 no answer.");
}

int ctl_tool(int argc, char **argv)
{
    struct ctl_options o = {.json = false};
    if (!option_table_read(&table, &o, argc, argv)) return EXIT_USAGE;
    if (!o.help) return run(&o);
    print_help();
    return EXIT_OK;
}
