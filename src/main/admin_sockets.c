/* Without --admin there is a socket where systemd has made a folder for the service (RuntimeDirectory=). Nobody has asked for that one by
 * name, so moongate starts without it when it cannot be made.
 */
#include "main/admin_sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/bind.h"

static bool create(const struct options *o, const char *const *items, size_t n,
                   struct passed *passed, struct listeners **to)
{
    struct listeners_wanted wanted = {
        .bind = items, .bind_n = n, .user = o->user, .passed = passed, .use = LISTEN_ADMIN};
    *to = listeners_create(&wanted);
    return *to != NULL;
}

/* RUNTIME_DIRECTORY may hold several folders, with colons between them. */
static void create_default(const struct options *o, struct passed *passed, struct listeners **to)
{
    char item[BIND_ITEM_MAX];
    const char *folders = getenv("RUNTIME_DIRECTORY"), *items[] = {item};
    if (!folders || folders[0] != '/' || o->single_process) return;
    int len =
        snprintf(item, sizeof item, "unix:%.*s/admin.sock", (int)strcspn(folders, ":"), folders);
    if ((size_t)len >= sizeof item || !create(o, items, 1, passed, to))
        log_warn("admin: no socket in RUNTIME_DIRECTORY: give one with --admin");
}

bool admin_sockets_create(const struct options *o, struct passed *passed, struct listeners **to)
{
    *to = NULL;
    if (o->admin.n == 0) {
        create_default(o, passed, to);
        return true;
    }
    char(*items)[BIND_ITEM_MAX] = calloc(o->admin.n, sizeof *items);
    const char **texts = calloc(o->admin.n, sizeof *texts);
    if (!items || !texts) abort();
    for (size_t i = 0; i < o->admin.n; i++) {
        struct bind_spec spec;
        bool read_only;
        (void)!bind_parse_admin(&spec, &read_only, items[i], o->admin.items[i]);
        texts[i] = items[i];
    }
    bool good = create(o, texts, o->admin.n, passed, to);
    free(texts);
    free(items);
    return good;
}
