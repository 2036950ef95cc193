/* A port alone, or with a colon before it, is one of 127.0.0.1: who wants the metrics to be read from elsewhere must say so. */
#include "main/metrics_sockets.h"

#include "net/addr.h"
#include "net/bind.h"
#include <stdio.h>
#include <string.h>

enum { ITEM_MAX = 320 };

/* The item for listeners_create. NULL, or a sentence that says what is wrong. */
static const char *read_item(char item[ITEM_MAX], const char *text)
{
    struct bind_spec spec;
    const char *port = text + (text[0] == ':');
    bool is_port = port[0] && strspn(port, "0123456789") == strlen(port);
    int len = snprintf(item, ITEM_MAX, "%s%s", is_port ? "127.0.0.1:" : "", is_port ? port : text);
    if (len < 0 || len >= ITEM_MAX) return "it is too long";
    const char *wrong = bind_parse_plain(&spec, item);
    if (wrong) return wrong;
    if (spec.has_label || spec.addr.path[0] || !spec.addr.has_port) return "give HOST:PORT";
    return NULL;
}

bool metrics_sockets_check(const char *text, const char *option)
{
    char item[ITEM_MAX];
    const char *wrong = read_item(item, text);
    if (wrong)
        fprintf(stderr,
                "moongate: --%s '%s': %s: such as 9100, which is on 127.0.0.1, or "
                "10.0.0.5:9100\n",
                option, text, wrong);
    return !wrong;
}

bool metrics_sockets_create(const struct options *o, const char *text, enum listeners_use use,
                            struct passed *passed, struct listeners **to)
{
    char item[ITEM_MAX];
    const char *items[] = {item};
    *to = NULL;
    if (!text) return true;
    (void)!read_item(item, text);
    struct listeners_wanted wanted = {
        .bind = items, .bind_n = 1, .user = o->user, .passed = passed, .use = use};
    *to = listeners_create(&wanted);
    return *to != NULL;
}
