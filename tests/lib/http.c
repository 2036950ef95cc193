#include "lib/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/client.h"
#include "lib/octets.h"
#include "lib/stage.h"

const char *http_address(struct moongate *m)
{
    static const char before[] = "metrics: listening on ";
    const char *line = moongate_log_line(m, before), *at = strstr(line, before) + strlen(before);
    return textf("%.*s", (int)strcspn(at, " \n"), at);
}

struct page http_asks(const char *address, const char *request)
{
    struct octets all = {0};
    struct client *c = client_connects_to(address);
    client_sends(c, request);
    client_sees_end(c, &all);
    char *text = textf("%.*s", (int)octets_n(&all), octets_at(&all));
    char *body = strstr(text, "\r\n\r\n");
    octets_release(&all);
    if (!body || strncmp(text, "HTTP/1.1 ", 9) != 0) stage_fails("no answer of HTTP: '%s'", text);
    body[2] = '\0';
    return (struct page){.status = atoi(text + 9), .headers = text, .body = body + 4};
}

struct page http_gets(struct moongate *m, const char *path)
{
    return http_asks(
        http_address(m),
        textf("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path));
}

double http_sample(const struct page *metrics, const char *sample)
{
    const char *line = strstr(metrics->body, textf("\n%s ", sample));
    if (!line) stage_fails("no sample %s in\n%s", sample, metrics->body);
    return atof(line + strlen(sample) + 2);
}

struct asked {
    struct moongate *m;
    const char *path;
    int status;
    struct page page;
};

static bool is_so(void *what)
{
    struct asked *a = what;
    a->page = http_gets(a->m, a->path);
    return a->page.status == a->status;
}

struct page http_gets_until(struct moongate *m, const char *path, int status)
{
    struct asked a = {.m = m, .path = path, .status = status};
    if (!stage_waits(is_so, &a))
        stage_fails("%s is %d, not %d: %s", path, a.page.status, status, a.page.body);
    return a.page;
}
