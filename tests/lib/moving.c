#include "lib/moving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *pool_of(const struct memcached *s)
{
    return textf("mg.pool { '%s' }", memcached_address(s));
}

void moving_looks(struct moving *s)
{
    s->at_a = client_connects_to(memcached_address(s->a));
    s->at_b = client_connects_to(memcached_address(s->b));
}

struct moving moving_between(struct memcached *a, struct memcached *b)
{
    struct moving s = {.a = a, .b = b};
    moving_looks(&s);
    s.old = moongate_script_file(textf(MG "return %s\n", pool_of(a)));
    s.new = moongate_script_file(textf(MG "local a, b = %s, %s\n"
                                          "return function(req)\n"
                                          "  if req:has_prefix 'b' then return b end\n"
                                          "  return a\n"
                                          "end\n",
                                       pool_of(a), pool_of(b)));
    return s;
}

struct moving moving_starts(void)
{
    return moving_between(memcached_start(NULL), memcached_start(NULL));
}

/* A script whose route is this text, where `a` and `b` are pools. */
const char *moving_script(const struct moving *s, const char *route)
{
    return moongate_script_file(
        textf(MG "local a, b = %s, %s\n%s\n", pool_of(s->a), pool_of(s->b), route));
}

struct run copies(const struct moving *s)
{
    return moongate_runs("copy", s->old, s->new, "--json", "--rate", "max", "--repeat", "--passes",
                         "1", NULL);
}

void copy_counts(struct run run, const char *name, double n)
{
    double is = json_member_number(run.out, name);
    if (is != n) stage_fails("%s is %g, not %g: %s%s", name, is, n, run.out, run.err);
}

void stores(struct client *c, const char *line, const char *value)
{
    client_asks(c, textf("%s %zu\r\n%s\r\n", line, strlen(value), value), "STORED\r\n");
}

/* Keys BEFORE0..n-1, each with itself as its value. */
void stores_many(struct client *c, const char *before, int n)
{
    for (int i = 0; i < n; i++) {
        const char *key = textf("%s%d", before, i);
        client_sends(c, textf("set %s %d 0 %zu noreply\r\n%s\r\n", key, i, strlen(key), key));
    }
    client_asks(c, "get nothing\r\n", "END\r\n");
}

int count_of(struct client *c, const char *before, int n)
{
    int found = 0;
    for (int i = 0; i < n; i++) {
        const char *key = textf("%s%d", before, i);
        client_sends(c, textf("get %s\r\n", key));
        if (strcmp(client_sees_line(c), "END") == 0) continue;
        client_sees(c, textf("%s\r\nEND\r\n", key));
        found++;
    }
    return found;
}

static bool leaves(struct actor *actor)
{
    program_kill((struct program *)(void *)actor);
    return true;
}

const char *content_of(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = stage_memory(64 * 1024);
    text[in ? fread(text, 1, 64 * 1024 - 1, in) : 0] = '\0';
    if (in) fclose(in);
    return text;
}

struct running *tool_begins(const char *words)
{
    static int number;
    struct running *r = stage_memory(sizeof *r);
    *r = (struct running){.program.actor = {.rank = RANK_PROGRAM, .leaves = leaves}};
    r->out = textf("%s/out%d", program_folder(), ++number);
    r->err = textf("%s/err%d", program_folder(), number);
    const char *line = textf("exec \"$MOONGATE\" %s >%s 2>%s", words, r->out, r->err);
    const char *const argv[] = {"/bin/sh", "-c", line, NULL};
    program_start(&r->program, argv, -1, -1);
    stage_enter(&r->program.actor);
    return r;
}

struct running *begins_to_copy(const struct moving *s, const char *options)
{
    return tool_begins(textf("copy %s %s --json --repeat --passes 1 %s", s->old, s->new, options));
}

struct run copy_ends(struct running *r)
{
    if (!program_waits(&r->program)) stage_fails("it does not end");
    return (struct run){.code = WIFEXITED(r->program.status) ? WEXITSTATUS(r->program.status) : -1,
                        .out = content_of(r->out),
                        .err = content_of(r->err)};
}

/* Waits until so many items are there. */
void so_many_are_copied(struct client *c, unsigned long n)
{
    for (;;) {
        client_sends(c, "stats\r\n");
        unsigned long items = 0;
        for (const char *line; strcmp(line = client_sees_line(c), "END") != 0;)
            if (strncmp(line, "STAT curr_items ", 16) == 0) items = strtoul(line + 16, NULL, 10);
        if (items >= n) return;
        stage_turns(1);
    }
}
