/* An item is read from both ends: the label from the front, the access words from the first comma that is followed by `word=`. So
 * a path may hold commas, and an unknown word is an error and not a part of the path. */
#include "net/bind.h"

#include <assert.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Holds a sentence that quotes the text, until the next failure in this thread. */
static _Thread_local char sentence[200];

#define BIND_WORDS "mode=, owner=, group=, backlog=, protocol=, auth=, allow-from=, proxy-from="

static const char LABEL[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
static const char KEY[] = "abcdefghijklmnopqrstuvwxyz-";
static const char DIGITS[] = "0123456789";

/* --- reading ----------------------------------------------------------------------------------- */

/* The first comma that is followed by `word=`: everything behind it is access. The text's end when there is none. */
static const char *find_access(const char *text)
{
    for (const char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ',')) {
        size_t word = strspn(comma + 1, KEY);
        if (word > 0 && comma[1 + word] == '=') return comma;
    }
    return text + strlen(text);
}

/* Rights only: set-user-id and its like mean nothing for a socket. */
static const char *read_mode(struct bind_spec *spec, const char *value, size_t len)
{
    if (spec->mode >= 0) return "mode= is given twice";
    if (len == 0 || len > 4 || strspn(value, "01234567") < len)
        return "mode= takes octal digits, such as 0660";
    int mode = 0;
    for (size_t i = 0; i < len; i++) mode = mode * 8 + (value[i] - '0');
    if (mode > 0777) return "mode= takes 0777 at most";
    assert(mode >= 0);
    spec->mode = mode;
    return NULL;
}

static const char *read_user(char *user, const char *key, const char *value, size_t len)
{
    const char *wrong = user[0]                ? "is given twice"
                        : len == 0             ? "takes a name or a number"
                        : len >= BIND_USER_MAX ? "takes a name of 63 bytes at most"
                                               : NULL;
    if (!wrong) {
        memcpy(user, value, len);
        return NULL;
    }
    snprintf(sentence, sizeof sentence, "%s= %s", key, wrong);
    return sentence;
}

static const char *read_backlog(struct bind_spec *spec, const char *value, size_t len)
{
    if (spec->backlog > 0) return "backlog= is given twice";
    long n = len > 0 && len <= 5 && strspn(value, DIGITS) >= len ? strtol(value, NULL, 10) : 0;
    if (n < 1 || n > 65535) return "backlog= takes a number from 1 to 65535";
    spec->backlog = (int)n;
    return NULL;
}

/* One `key=value`, without the comma. */
static const char *read_access(struct bind_spec *spec, const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    size_t key = equals ? (size_t)(equals - text) : len;
    const char *value = text + key + 1;
    if (equals && key == 7 && memcmp(text, "backlog", key) == 0)
        return read_backlog(spec, value, len - key - 1);
    bool is_mode = equals && key == 4 && memcmp(text, "mode", key) == 0;
    bool is_owner = equals && key == 5 && memcmp(text, "owner", key) == 0;
    bool is_group = equals && key == 5 && memcmp(text, "group", key) == 0;
    if ((is_mode || is_owner || is_group) && !spec->addr.path[0])
        return "mode=, owner= and group= are for unix sockets";
    if (is_mode) return read_mode(spec, value, len - key - 1);
    if (is_owner) return read_user(spec->owner, "owner", value, len - key - 1);
    if (is_group) return read_user(spec->group, "group", value, len - key - 1);
    snprintf(sentence, sizeof sentence, "'%.*s' is none of " BIND_WORDS, (int)(len < 64 ? len : 64),
             text);
    return sentence;
}

/* --- what it asks of clients --------------------------------------------------------------------- */

static const struct {
    const char *prefix, *word;
} prefixes[] = {{"notls:", "tls=off"}, {"tls:", "tls=on"}, {"mtls:", "tls=mutual"}};

/* Returns where the address begins. */
static const char *read_prefix(struct bind_spec *spec, const char *text)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t len = strlen(prefixes[i].prefix);
        if (strncmp(text, prefixes[i].prefix, len) != 0) continue;
        strcpy(spec->rules, prefixes[i].word);
        return text + len;
    }
    return text;
}

static bool is_rule(const char *text, size_t len)
{
    static const char *const rules[] = {"protocol=", "auth=", "allow-from=", "proxy-from="};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (len >= strlen(rules[i]) && memcmp(text, rules[i], strlen(rules[i])) == 0) return true;
    return false;
}

static const char *add_rule(struct bind_spec *spec, const char *text, size_t len)
{
    size_t has = strlen(spec->rules);
    if (has + len + 1 >= sizeof spec->rules) return "its words are too long: 2047 bytes at most";
    snprintf(spec->rules + has, sizeof spec->rules - has, "%s%.*s", has ? "," : "", (int)len, text);
    return NULL;
}

/* A unix socket has no addresses, but those that a balancer tells in PROXY headers. */
static const char *check_rules(const struct bind_spec *spec)
{
    struct rules *rules;
    const char *wrong = NULL;
    if (!spec->rules[0]) return NULL;
    if ((wrong = rules_parse(&rules, spec->rules))) return wrong;
    if (spec->addr.path[0] && rules->allow_from.n && !rules->proxy_from.n)
        wrong = "allow-from= says nothing of a unix socket: mode=, owner= and group= do";
    rules_give(rules);
    return wrong;
}

const char *bind_parse(struct bind_spec *spec, const char *text)
{
    size_t label = strspn(text, LABEL);
    *spec = (struct bind_spec){.mode = -1, .has_label = label > 0 && text[label] == '='};
    spec->address = read_prefix(spec, spec->has_label ? text + label + 1 : text);
    const char *at = find_access(spec->address);
    spec->address_len = (size_t)(at - spec->address);
    spec->name = spec->has_label ? text : spec->address;
    spec->name_len = spec->has_label ? label : spec->address_len;
    const char *wrong = addr_spec_parse(&spec->addr, spec->address, spec->address_len);
    while (!wrong && *at) {
        size_t len = strcspn(at + 1, ",");
        wrong = is_rule(at + 1, len) ? add_rule(spec, at + 1, len) : read_access(spec, at + 1, len);
        at += 1 + len;
    }
    return wrong ? wrong : check_rules(spec);
}

const char *bind_parse_plain(struct bind_spec *spec, const char *text)
{
    const char *wrong = bind_parse(spec, text);
    if (wrong || !spec->rules[0]) return wrong;
    return "tls:, protocol=, auth=, allow-from= and proxy-from= are for --bind";
}

/* Copies text without each `,read-only` that is a word of its own; how many there were. */
static unsigned without_read_only(char *to, const char *text)
{
    static const char word[] = ",read-only";
    enum { LEN = sizeof word - 1 };
    unsigned n = 0;
    while (*text) {
        bool is_word = strncmp(text, word, LEN) == 0 && (!text[LEN] || text[LEN] == ',');
        if (!is_word) *to++ = *text++;
        if (is_word) text += LEN;
        n += is_word;
    }
    *to = '\0';
    return n;
}

const char *bind_parse_admin(struct bind_spec *spec, bool *read_only, char item[BIND_ITEM_MAX],
                             const char *text)
{
    *spec = (struct bind_spec){.mode = -1};
    if (strlen(text) >= BIND_ITEM_MAX) return "it is too long";
    unsigned n = without_read_only(item, text);
    *read_only = n > 0;
    if (n > 1) return "read-only is given twice";
    const char *wrong = bind_parse_plain(spec, item);
    if (wrong) return wrong;
    if (spec->has_label || !spec->addr.path[0]) return "give unix:/path";
    return NULL;
}

/* --- users ------------------------------------------------------------------------------------- */

/* At most nine digits, which fit any uid_t. */
static bool is_number(const char *text, uint32_t *number)
{
    if (!text[0] || text[strspn(text, DIGITS)] || strlen(text) > 9) return false;
    *number = (uint32_t)strtoul(text, NULL, 10);
    return true;
}

static const char *unknown(const char *what, const char *name)
{
    snprintf(sentence, sizeof sentence, "%s %s is not known on this system", what, name);
    return sentence;
}

/* A number need not be a known user: containers often run as one that has no name. A known user brings its group. */
static const char *find_user(const char *name, struct bind_access *access)
{
    uint32_t number;
    const struct passwd *user = getpwnam(name);
    if (!user && !is_number(name, &number)) return unknown("user", name);
    access->uid = user ? user->pw_uid : (uid_t)number;
    if (user) access->gid = user->pw_gid;
    return NULL;
}

static const char *find_group(const char *name, struct bind_access *access)
{
    uint32_t number;
    const struct group *group = getgrnam(name);
    if (!group && !is_number(name, &number)) return unknown("group", name);
    access->gid = group ? group->gr_gid : (gid_t)number;
    return NULL;
}

/* Without owner=, the file goes to the user that the process becomes later, and that then removes it. */
const char *bind_access(const struct bind_spec *spec, const char *user, struct bind_access *access)
{
    const char *wrong = NULL;
    *access = (struct bind_access){(uid_t)-1, (gid_t)-1, spec->mode};
    if (spec->owner[0])
        wrong = find_user(spec->owner, access);
    else if (user && geteuid() == 0)
        wrong = find_user(user, access);
    if (!wrong && spec->group[0]) wrong = find_group(spec->group, access);
    return wrong;
}
