#include "lib/desk.h"

#include "lib/program.h"

#include <stdio.h>
#include <string.h>

const char *desk_path(const char *name)
{
    return textf("%s/%s", program_folder(), name);
}

struct client *desk_opens(const char *path)
{
    return client_connects_to(textf("unix:%s", path));
}

static bool is_last(const char *line)
{
    return strcmp(line, "END") == 0 || strncmp(line, "ERROR", 5) == 0 ||
           strncmp(line, "{\"ok\":", 6) == 0;
}

const char *desk_sees_answer(struct client *c)
{
    const char *all = "";
    for (;;) {
        const char *line = client_sees_line(c);
        all = textf("%s%s\n", all, line);
        if (is_last(line)) return all;
    }
}

const char *desk_asks(struct client *c, const char *line)
{
    client_sends(c, textf("%s\n", line));
    return desk_sees_answer(c);
}

const char *desk_gets(struct client *c, const char *line, const char *text)
{
    const char *all = desk_asks(c, line);
    if (!strstr(all, text)) stage_fails("'%s': wanted\n%s\nin the answer:\n%s", line, text, all);
    return all;
}

void desk_lacks(struct client *c, const char *line, const char *text)
{
    const char *all = desk_asks(c, line);
    if (strstr(all, text)) stage_fails("'%s': found\n%s\nin the answer:\n%s", line, text, all);
}

struct hope {
    struct client *c;
    const char *line, *text;
};

static bool is_said(void *what)
{
    struct hope *h = what;
    return strstr(desk_asks(h->c, h->line), h->text) != NULL;
}

void desk_asks_until(struct client *c, const char *line, const char *text)
{
    double until = stage_now() + 3 * stage_deadline();
    struct hope h = {c, line, text};
    while (!is_said(&h)) {
        if (stage_now() > until) stage_fails("'%s' never has '%s'", line, text);
        stage_turns(10);
    }
}
