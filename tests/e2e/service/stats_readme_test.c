/* src/main/README.md has a row for each statistic that a running moongate shows, in its order, and no row for any other. */
#include "lib/certs.h"
#include "lib/client.h"
#include "lib/desk.h"
#include "lib/moongate.h"
#include "lib/scene.h"
#include "lib/stage.h"

#include <stdio.h>
#include <string.h>

#define README "src/main/README.md"

enum { NAMES_MAX = 128, NAME = 64, LINE = 4096 };

struct names {
    char names[NAMES_MAX][NAME];
    size_t n;
};

static void add_once(struct names *to, const char *name, size_t len)
{
    char text[NAME];
    snprintf(text, sizeof text, "%.*s", (int)len, name);
    for (size_t i = 0; i < to->n; i++)
        if (strcmp(to->names[i], text) == 0) return;
    if (to->n == NAMES_MAX || len >= NAME) stage_fails("no room for %s", text);
    strcpy(to->names[to->n++], text);
}

/* --- the README -------------------------------------------------------------------------------- */

/* The code in a row's first cell: one name, or several. */
static void add_cell(struct names *to, const char *row)
{
    const char *end = strstr(row + 2, " |");
    for (const char *open = strchr(row, '`'); open && open < end;) {
        const char *close = strchr(open + 1, '`');
        if (!close || close > end) stage_fails("%s: a name does not end: %s", README, row);
        add_once(to, open + 1, (size_t)(close - open - 1));
        open = strchr(close + 1, '`');
    }
}

static struct names *documented(const char *heading)
{
    struct names *names = stage_memory(sizeof *names);
    const char *wanted = textf("### %s\n", heading);
    char line[LINE];
    bool inside = false;
    FILE *from = fopen(README, "re");
    if (!from) stage_fails("%s is not there: run this in the project's folder", README);
    names->n = 0;
    while (fgets(line, sizeof line, from)) {
        if (line[0] == '#') inside = strcmp(line, wanted) == 0;
        if (inside && strncmp(line, "| `", 3) == 0) add_cell(names, line);
    }
    fclose(from);
    if (names->n == 0) stage_fails("%s has no names below '%s'", README, heading);
    return names;
}

/* --- the program ------------------------------------------------------------------------------- */

/* As the README writes a name: what stands before the last colon is `owner`, where there is one. */
static const char *as_written(const char *name, const char *owner)
{
    const char *colon = strrchr(name, ':');
    if (owner) return textf("%s:%s", owner, colon ? colon + 1 : name);
    return colon && strncmp(colon, ":le_", 4) == 0
               ? textf("%.*s:le_BOUND", (int)(colon - name), name)
               : name;
}

static struct names *printed(struct client *c, const char *command, const char *owner)
{
    struct names *names = stage_memory(sizeof *names);
    names->n = 0;
    client_sends(c, textf("%s\r\n", command));
    for (;;) {
        char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) return names;
        if (strncmp(line, "STAT ", 5) != 0) stage_fails("no STAT: %s", line);
        line[5 + strcspn(line + 5, " ")] = '\0';
        const char *name = as_written(line + 5, owner);
        add_once(names, name, strlen(name));
    }
}

/* --- both -------------------------------------------------------------------------------------- */

static void are_the_same(struct client *c, const char *command, const char *owner)
{
    struct names *written = documented(command), *shown = printed(c, command, owner);
    for (size_t i = 0; i < written->n && i < shown->n; i++) {
        if (strcmp(written->names[i], shown->names[i]) != 0)
            stage_fails("%s: %s has '%s' where moongate shows '%s'", command, README,
                        written->names[i], shown->names[i]);
    }
    if (written->n != shown->n)
        stage_fails("%s: %s has %zu names, and moongate shows %zu", command, README, written->n,
                    shown->n);
}

/* What scripts name is called here as the README calls it. */
static const char script[] =
    MG "mg.counter 'COUNTER'\n"
       "mg.gauge 'GAUGE'\n"
       "mg.histogram('HISTOGRAM', { 10, 100 })\n"
       "mg.shared('DICTIONARY', '64k')\n"
       "local pool = mg.pool { '127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3',\n"
       "  on_failure = 'rehash' }\n"
       "mg.pool { discover = 'file:///nowhere/servers' }\n"
       "return mg.compare { pool, mg.null(), share = 1 }\n";

static void each_statistic_has_its_row(void **state)
{
    const char *path = desk_path("a.sock");
    const struct cert *own = cert_ca("own"); /* one row is there with a certificate alone */
    struct moongate *m =
        moongate_start(script, "--discover-wait", "0", "--admin", textf("unix:%s", path),
                       "--tls-cert", cert_file("own.pem", cert_pem(own), cert_key_pem(own)), "-b",
                       "notls:127.0.0.1", "--idle-timeout", "3600", NULL);
    struct client *c = client_connects(m);
    desk_gets(desk_opens(path), "drain 127.0.0.1:1", "END\n");
    stat_becomes(c, "servers", "127.0.0.1:2:down", "1"); /* one of these two is left out */
    stat_becomes(c, "servers", "127.0.0.1:3:down", "1");
    client_sends(c, "get k\r\n"); /* is compared: its errors are one of a server that is down */
    client_sees_line_starting(c, "SERVER_ERROR ");
    are_the_same(c, "stats", NULL);
    are_the_same(c, "stats proxy", NULL);
    are_the_same(c, "stats servers", "SERVER");
    are_the_same(c, "stats pools", "POOL");
    are_the_same(c, "stats commands", "COMMAND");
    are_the_same(c, "stats listeners", "LISTENER");
    are_the_same(c, "stats comparisons", "COMPARISON");
    are_the_same(c, "stats script", NULL);
    are_the_same(c, "stats settings", NULL);
    client_sees_nothing_more(c);
}

static void each_statistic_of_a_store_has_its_row(void **state)
{
    struct moongate *m = moongate_start(NULL, "--store", "64k", NULL);
    struct client *c = client_connects(m);
    are_the_same(c, "stats stores", "STORE");
    client_sees_nothing_more(c);
}

static void each_statistic_of_copies_and_leases_has_its_row(void **state)
{
    struct moongate *m =
        moongate_start(MG "local pool = mg.pool { '127.0.0.1:1' }\n"
                          "return mg.near { mg.store { size = '64k' },\n"
                          "  mg.lease { pool, ttl = 9, name = 'LEASE' }, name = 'NEAR' }\n",
                       NULL);
    struct client *c = client_connects(m);
    are_the_same(c, "stats near", "NEAR");
    are_the_same(c, "stats leases", "LEASE");
    client_sees_nothing_more(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(each_statistic_has_its_row),
        play(each_statistic_of_a_store_has_its_row),
        play(each_statistic_of_copies_and_leases_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
