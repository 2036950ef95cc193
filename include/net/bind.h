/* bind: one item of --bind, parsed. A plain value that owns nothing: its pointers go into the text that it was read from, which
 * the options own. Any process.
 *
 *   bind   = [ label "=" ] [ prefix ] address { "," word }      the address as in net/addr.h; each word once, in any order
 *   label  = letters, digits, '_', '.', '-': what scripts call the listener
 *   prefix = "notls:" | "tls:" | "mtls:"
 *   word   = access | "backlog=" 1 to 65535 | rule
 *   rule   = a word of net/rules.h but for tls=, which the prefix stands for
 *   access = "mode=" octal digits up to 0777 | "owner=" user | "group=" group: only of unix sockets
 *   user, group = a name of 1 to 63 bytes, or a number
 */
#ifndef MOONGATE_NET_BIND_H
#define MOONGATE_NET_BIND_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/addr.h"
#include "net/rules.h"

enum { BIND_USER_MAX = 64, BIND_BACKLOG = 1024 /* unless given */ };

struct bind_spec {
    const char *name; /* the label, or the address where there is none */
    size_t name_len;
    bool has_label;
    const char *address;
    size_t address_len;
    struct addr_spec addr;
    int backlog;                                     /* clients that may wait; 0: not given */
    int mode;                                        /* -1: not given */
    char owner[BIND_USER_MAX], group[BIND_USER_MAX]; /* "": none given */
    char rules[RULES_TEXT_MAX];                      /* prefix and rules, as in net/rules.h */
};

/* Reads an item. Returns NULL, or a sentence that says what is wrong, valid until the next call in this thread. */
const char *bind_parse(struct bind_spec *spec, const char *text);

/* The same for sockets that are not for clients: it may have no rules. */
const char *bind_parse_plain(struct bind_spec *spec, const char *text);

/* An item of --admin: `unix:` path, then access words and, among them, `,read-only`. It has no label. The pointers of spec go into item,
 * which has BIND_ITEM_MAX bytes and gets the text without `,read-only`. Returns as bind_parse. */
enum { BIND_ITEM_MAX = 512 };
const char *bind_parse_admin(struct bind_spec *spec, bool *read_only, char item[BIND_ITEM_MAX],
                             const char *text);

/* Owner, group and mode of a unix socket's file: who may connect. */
struct bind_access {
    uid_t uid; /* (uid_t)-1: the process's own */
    gid_t gid; /* (gid_t)-1: the process's own */
    int mode;  /* -1: what the umask leaves */
};

/* Looks up owner and group. Without an owner in spec, the owner is `user` (--user, or NULL) when this process is root and may
 * give files away. Returns NULL, or a sentence that says what is wrong, valid until the next call in this thread. */
const char *bind_access(const struct bind_spec *spec, const char *user, struct bind_access *access);

#endif
