/* The file of --state. Lines of text:
 *
 *     moongate copy 1
 *     identity OF-SCRIPTS-AND-PREFIX
 *     STEP ITEMS PID UPTIME HASH-POWER KEY-IN-BASE64 SERVER     one for each old server
 *     end
 *
 * STEP is `done`, or `at`: the key and all before it are settled, or `begun`: there is no such key, and - stands in its place. The file is written
 * beside its name, and then renamed, so that whatever ends the process, there is a whole one. What is read may be anything.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/renew.h"
#include "move/copy_state.h"
#include "protocol/base64.h"

static const char HEAD[] = "moongate copy 1";

enum { LINE_ROOM = 4096 };

/* --- writing ------------------------------------------------------------------------------------ */

static void write_source(const struct copy_source *s, FILE *out)
{
    bool is_done = s->is_done_before || (s->step == COPY_ENDED && !s->is_spoiled && !s->why[0]);
    bool has_marker = !is_done && s->has_marker;
    const struct dump_about *about = has_marker ? &s->marker_about : &s->about;
    char key[KEY_WIRE_ROOM + 1] = "-";
    if (has_marker) key[base64_encode(s->marker.bytes, s->marker.len, (uint8_t *)key)] = '\0';
    fprintf(out, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s %s\n",
            is_done      ? "done"
            : has_marker ? "at"
                         : "begun",
            about->items, about->pid, about->uptime, about->hash_power, key,
            s->copy->tier->servers[s->server].name);
}

static bool cannot_write(const char *path)
{
    fprintf(stderr,
            "moongate: --state %s: not written: %s: give a file in a folder that has room\n", path,
            strerror(errno));
    return false;
}

/* A renew_write_fn. */
static void write_state(const void *about, FILE *out)
{
    const struct copy *c = about;
    fprintf(out, "%s\nidentity %016" PRIx64 "\n", HEAD, c->how->identity);
    for (uint32_t i = 0; i < c->sources_n; i++) write_source(&c->sources[i], out);
    fputs("end\n", out);
}

bool copy_save_state(struct copy *c)
{
    return renew_file(c->how->state, true, write_state, c) || cannot_write(c->how->state);
}

void copy_remove_state(struct copy *c)
{
    if (unlink(c->how->state) != 0 && errno != ENOENT)
        fprintf(stderr, "moongate: --state %s: not removed: %s\n", c->how->state, strerror(errno));
}

/* --- reading ------------------------------------------------------------------------------------ */

static struct copy_source *find_source(struct copy *c, const char *name)
{
    for (uint32_t i = 0; i < c->sources_n; i++) {
        if (strcmp(c->tier->servers[c->sources[i].server].name, name) == 0) return &c->sources[i];
    }
    return NULL;
}

static bool read_key(const char *text, struct tier_key *to)
{
    size_t len = strlen(text);
    if (len > KEY_WIRE_ROOM || !base64_is_valid((const uint8_t *)text, len)) return false;
    uint8_t raw[KEY_WIRE_ROOM];
    size_t n = base64_decode((const uint8_t *)text, len, raw);
    if (n == 0 || n > KEY_MAX) return false;
    to->len = (uint16_t)n;
    memcpy(to->bytes, raw, n);
    to->is_base64 = !request_key_is_valid(raw, n, false);
    return true;
}

/* False: it is no such line. A server that the scripts do not name any more has no source. */
static bool read_source(struct copy *c, const char *line)
{
    char step[8], key[KEY_WIRE_ROOM + 1];
    struct dump_about about = {.items = 0};
    int at = 0;
    if (sscanf(line, "%7s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %336s %n", step,
               &about.items, &about.pid, &about.uptime, &about.hash_power, key, &at) != 6 ||
        at == 0)
        return false;
    struct copy_source *s = find_source(c, line + at);
    struct tier_key marker;
    bool is_at = strcmp(step, "at") == 0, is_done = strcmp(step, "done") == 0;
    if (!is_at && !is_done && strcmp(step, "begun") != 0) return false;
    if (is_at && !read_key(key, &marker)) return false;
    if (!s) return true;
    s->is_done_before = is_done;
    s->has_marker = s->is_resumed = is_at;
    if (is_at) s->marker = marker;
    s->marker_about = about;
    if (is_done) s->about = about;
    return true;
}

static const char DAMAGED[] = "no state of a copy that can be read: remove it, and begin again",
                  OF_OTHERS[] = "of other scripts, or of another --prefix: remove it, or give "
                                "another file";

/* NULL, or what is wrong. */
static const char *read_lines(struct copy *c, FILE *in)
{
    char line[LINE_ROOM];
    uint64_t identity;
    for (uint32_t n = 0; fgets(line, sizeof line, in); n++) {
        size_t len = strcspn(line, "\n");
        if (line[len] != '\n') return DAMAGED;
        line[len] = '\0';
        if (n == 0 && strcmp(line, HEAD) != 0) return DAMAGED;
        if (n == 1 && sscanf(line, "identity %" SCNx64, &identity) != 1) return DAMAGED;
        if (n == 1 && identity != c->how->identity) return OF_OTHERS;
        if (n < 2) continue;
        if (strcmp(line, "end") == 0) return NULL;
        if (!read_source(c, line)) return DAMAGED;
    }
    return DAMAGED;
}

bool copy_load_state(struct copy *c)
{
    const char *path = c->how->state;
    if (!path || c->how->dry_run) return true;
    FILE *in = fopen(path, "re");
    if (!in && errno != ENOENT) {
        fprintf(stderr, "moongate: --state %s: not read: %s\n", path, strerror(errno));
        return false;
    }
    if (!in) return copy_save_state(c);
    const char *wrong = read_lines(c, in);
    fclose(in);
    if (wrong) fprintf(stderr, "moongate: --state %s: %s\n", path, wrong);
    return !wrong;
}
