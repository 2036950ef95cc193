/* The bodies of services.h for the files that a script reads while it loads, and later. Nothing here enters Lua. */
#include <string.h>

#include "base/bundle.h"
#include "script/state.h"

static const char FILE_URL[] = "file://";

int32_t mg_file_find(struct script *s, const char *path, size_t len, struct mg_bytes *out)
{
    struct bundle_file file;
    if (!s->host.bundle || !bundle_find(s->host.bundle, path, len, &file)) return MG_FILE_UNKNOWN;
    *out = (struct mg_bytes){(uintptr_t)file.bytes, (uint32_t)file.len};
    return file.kind == BUNDLE_ABSENT ? MG_FILE_ABSENT : MG_FILE_HERE;
}

static bool note(struct script *s, const struct bundle_file *file)
{
    return !s->host.bundle || !s->host.bundle->records || bundle_add(s->host.bundle, file);
}

bool mg_file_note(struct script *s, int32_t what, const char *path, size_t path_len,
                  const char *bytes, size_t len)
{
    struct bundle_file file = {what == MG_FILE_ABSENT ? BUNDLE_ABSENT : BUNDLE_FILE, path, path_len,
                               bytes, len};
    return note(s, &file);
}

bool script_notes(const struct script *s)
{
    return s->host.bundle && s->host.bundle->records;
}

bool script_note_listener(struct script *s, const char *item, const char *addresses)
{
    struct bundle_file file = {BUNDLE_LISTENS, item, strlen(item), addresses, strlen(addresses)};
    return note(s, &file);
}

bool script_note_spool(struct script *s, const char *dir, const char *bounds)
{
    struct bundle_file file = {BUNDLE_SPOOLS, dir, strlen(dir), bounds, strlen(bounds)};
    return note(s, &file);
}

bool script_note_store(struct script *s, const char *name, size_t len, const char *settings)
{
    struct bundle_file file = {BUNDLE_STORES, name, len, settings, strlen(settings)};
    return note(s, &file);
}

void script_note_discovery(struct script *s, const char *url, size_t len)
{
    size_t before = sizeof FILE_URL - 1;
    if (len < before || memcmp(url, FILE_URL, before) != 0) return;
    struct bundle_file file = {BUNDLE_WATCHED, url + before, len - before, NULL, 0};
    (void)note(s, &file); /* only who watches files misses it */
}
