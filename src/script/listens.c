/* mg.listen. A listener of a script is an item of --bind in every respect but its route, so it is put together as one and read by the
 * same parser: here, in the process that binds it, and in the master, which gets the items from the child that checks the script
 * (through the bundle: what a script listens on travels with it to workers, to the last good script and to the disk).
 *
 * A client stays with its listener over reloads: the new script's listener with the same address has it, or else the one with
 * the same name. Where there is neither, the script's returned route serves it; without one it gets an error that names the
 * listener, and may go on asking: a later script may listen there again. */
#include "script/listens.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bundle.h"
#include "net/bind.h"
#include "net/labels.h"
#include "script/state.h"

enum { ITEM_MAX = 1024 + RULES_TEXT_MAX };

/* Why the last item was refused, until the next one. */
static char sentence[TLS_WHY + 64];

/* Values of ways beside places. */
enum way { WAY_UNKNOWN, WAY_NONE, WAY_FIRST };

/* --- while the script loads --------------------------------------------------------------------- */

static size_t put(char *to, size_t len, const char *key, const char *value)
{
    if (!value || len >= ITEM_MAX) return len;
    return len + (size_t)snprintf(to + len, ITEM_MAX - len, ",%s=%s", key, value);
}

/* The address as written, with --port where it names none. A name stays a name: the process that binds looks it up. */
static const char *print_address(const struct script *s, const struct mg_listen *o, char *text,
                                 size_t size)
{
    struct addr_spec spec;
    struct addr addr;
    char literal[ADDR_TEXT_MAX];
    const char *wrong = addr_spec_parse(&spec, o->address, strlen(o->address));
    if (wrong) return wrong;
    uint16_t port = spec.has_port ? spec.port : s->host.port;
    if (!spec.path[0] && port == 0) return "port 0 would be another one after each start: name one";
    if (addr_spec_is_literal(&spec, port, &addr))
        snprintf(text, size, "%s", addr_print(&addr, literal));
    else
        snprintf(text, size, "%s:%u", spec.host, port);
    return NULL;
}

static const char *print_item(const struct script *s, const struct mg_listen *o,
                              char text[ITEM_MAX])
{
    char address[ADDR_HOST_MAX + 16], backlog[16] = "";
    struct bind_spec spec;
    const char *wrong = print_address(s, o, address, sizeof address);
    if (wrong) return wrong;
    if (o->backlog > 0) snprintf(backlog, sizeof backlog, "%d", o->backlog);
    size_t len = (size_t)snprintf(text, ITEM_MAX, "%s%s%s%s", o->name ? o->name : "",
                                  o->name ? "=" : "", o->tls ? o->tls : "", address);
    len = put(text, len, "mode", o->mode);
    len = put(text, len, "owner", o->owner);
    len = put(text, len, "group", o->group);
    len = put(text, len, "backlog", backlog[0] ? backlog : NULL);
    if (o->words && *o->words && len < ITEM_MAX)
        len += (size_t)snprintf(text + len, ITEM_MAX - len, ",%s", o->words);
    if (len >= ITEM_MAX) return "it is too long";
    wrong = bind_parse(&spec, text);
    if (wrong) return wrong;
    if (spec.address_len != strlen(address) || spec.has_label != !!o->name)
        return "mode, owner, group, backlog and name are options, not a part of the address";
    return (size_t)(spec.address - text) + spec.address_len < LABEL_MAX ? NULL : "it is too long";
}

static char *copy_of(const char *text, size_t len)
{
    char *copy = strndup(text, len);
    if (!copy) abort();
    return copy;
}

static const char *find_twin(const struct script *s, const struct script_listen *new)
{
    for (uint32_t i = 0; i < s->listens.n; i++) {
        const struct script_listen *l = &s->listens.all[i];
        if (strcmp(l->address, new->address) == 0) return "this address is listened on already";
        if (strcmp(l->name, new->name) == 0) {
            snprintf(sentence, sizeof sentence, "another listener has the name %.100s", l->name);
            return sentence;
        }
    }
    for (uint32_t i = 0; s->host.bound && i < s->host.bound_n; i++) {
        struct bind_spec spec;
        if (bind_parse(&spec, s->host.bound[i])) continue;
        const char *what = NULL;
        if (strlen(new->address) == spec.address_len &&
            memcmp(new->address, spec.address, spec.address_len) == 0)
            what = "address";
        else if (strlen(new->name) == spec.name_len &&
                 memcmp(new->name, spec.name, spec.name_len) == 0)
            what = "name";
        if (!what) continue;
        snprintf(sentence, sizeof sentence, "--bind has this %s, too: leave it out there or here",
                 what);
        return sentence;
    }
    return NULL;
}

/* In the check alone: it may take long, and there it costs nobody anything. */
static const char *note(struct script *s, const char *item)
{
    enum { MOST = 16 };
    struct bind_spec spec;
    struct addr addrs[MOST];
    char text[MOST * ADDR_TEXT_MAX] = "", one[ADDR_TEXT_MAX];
    size_t n, len = 0;
    if (!script_notes(s)) return NULL;
    (void)bind_parse(&spec, item);
    const char *wrong = addr_resolve(&spec.addr, s->host.port, addrs, MOST, &n);
    if (wrong) return wrong;
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? "\n" : "",
                                addr_print(&addrs[i], one));
    return script_note_listener(s, item, text) ? NULL : "the script's files are too large";
}

static void release(struct script_listen *l)
{
    free(l->item);
    free(l->name);
    free(l->address);
    if (l->context) tls_context_give(l->context);
}

/* TLS of its own, or what the command line says: false, and it cannot be had. Only the daemon, and its check, read keys. */
static const char *secure(struct script *s, struct script_listen *new, const struct mg_listen *o,
                          const char *rules)
{
    char why[TLS_WHY];
    const struct tls_files *common = s->host.tls;
    if (!o->has_tls || !common) return contexts_lack(s, rules, false);
    struct tls_files own = {
        .cert = o->cert,
        .key = o->key,
        .ca = o->ca,
        .ciphers = o->ciphers,
        .verify = o->verify < 0 ? common->verify : (enum tls_verify)o->verify,
        .min = o->min < 0 ? common->min : (enum tls_version)o->min,
    };
    new->context = contexts_own(s, &own, &new->certificate, why);
    if (new->context) return NULL;
    snprintf(sentence, sizeof sentence, "tls: %s", why);
    return sentence;
}

const char *mg_listen(struct script *s, const struct mg_listen *o)
{
    char text[ITEM_MAX];
    struct bind_spec spec;
    struct script_listens *in = &s->listens;
    assert(o->route >= -1);
    const char *wrong = print_item(s, o, text);
    if (wrong) return wrong;
    if (in->n == LABELS_MOST / 2) return "a script listens on 128 addresses at most";
    (void)bind_parse(&spec, text);
    struct script_listen new = {.item = copy_of(text, strlen(text)),
                                .name = copy_of(spec.name, spec.name_len),
                                .address = copy_of(spec.address, spec.address_len),
                                .route = o->route};
    wrong = find_twin(s, &new);
    if (!wrong) wrong = secure(s, &new, o, spec.rules);
    if (!wrong) wrong = note(s, text);
    if (wrong) {
        release(&new);
        return wrong;
    }
    in->all = reallocarray(in->all, in->n + 1, sizeof *in->all);
    if (!in->all) abort();
    in->all[in->n++] = new;
    return NULL;
}

/* The script has returned a route, or (false) nothing: then each listener must have its own. */
const char *mg_listens_end(struct script *s, bool has_root)
{
    s->listens.has_root = has_root;
    if (has_root) return NULL;
    for (uint32_t i = 0; i < s->listens.n; i++) {
        if (s->listens.all[i].route >= 0) continue;
        snprintf(sentence, sizeof sentence,
                 "mg.listen: %.100s has no route: give it one, or let the script return one",
                 s->listens.all[i].name);
        return sentence;
    }
    if (!s->host.bound || !s->host.bound_n) return NULL;
    return "--bind listens, too: let the script return a route for its clients, or leave out "
           "--bind";
}

int32_t mg_listens(struct script *s)
{
    return (int32_t)s->listens.n;
}

const char *script_listener(const struct script *s, uint32_t at, const char **name)
{
    if (at >= s->listens.n) return NULL;
    if (name) *name = s->listens.all[at].name;
    return s->listens.all[at].item;
}

bool script_serves(const struct script *s, const char *listener)
{
    const struct script_listens *in = &s->listens;
    if (in->has_root || in->n == 0 || (in->n == 1 && !listener)) return true;
    for (uint32_t i = 0; listener && i < in->n; i++)
        if (strcmp(in->all[i].name, listener) == 0 || strcmp(in->all[i].address, listener) == 0)
            return true;
    return false;
}

/* --- when requests come --------------------------------------------------------------------------- */

/* By address first: a listener that got another name is the same one. Tools know the name alone, or the address in its place. */
static int32_t find(const struct script *s, uint32_t number)
{
    const char *address = s->host.addresses ? s->host.addresses[number] : NULL;
    const char *name = s->host.listeners[number];
    if (!name) return WAY_NONE;
    for (uint32_t i = 0; i < s->listens.n; i++)
        if (strcmp(s->listens.all[i].address, address ? address : name) == 0)
            return WAY_FIRST + (int32_t)i;
    for (uint32_t i = 0; i < s->listens.n; i++)
        if (strcmp(s->listens.all[i].name, name) == 0) return WAY_FIRST + (int32_t)i;
    return WAY_NONE;
}

/* A listener may get its name after the first look: what is not found is looked for again. */
static int32_t way_of(struct script *s, uint32_t number)
{
    struct script_listens *in = &s->listens;
    if (in->n == 0 || number >= s->host.listeners_n) return WAY_NONE;
    if (!in->ways) in->ways = calloc(s->host.listeners_n, sizeof *in->ways);
    if (!in->ways) abort();
    if (in->ways[number] < WAY_FIRST) in->ways[number] = find(s, number);
    return in->ways[number];
}

const struct script_listen *listens_find(struct script *s, uint32_t number)
{
    int32_t way = way_of(s, number);
    return way < WAY_FIRST ? NULL : &s->listens.all[way - WAY_FIRST];
}

/* The text lives as long as the script: answers point to it. */
static const char *refusal(struct script *s, uint32_t number)
{
    struct script_listens *in = &s->listens;
    char text[LABEL_MAX + 64];
    if (!in->refusals) in->refusals = calloc(s->host.listeners_n, sizeof *in->refusals);
    if (!in->refusals) abort();
    if (!in->refusals[number]) {
        snprintf(text, sizeof text, "the script has no listener %s: connect to another",
                 s->host.listeners[number]);
        in->refusals[number] = copy_of(text, strlen(text));
    }
    return in->refusals[number];
}

int32_t listens_answer(struct script *s, struct request *r, struct answer *a)
{
    uint32_t number = r->function_id & ~(uint32_t)REQUEST_BY_LISTENER;
    r->function_id = 0;
    const struct script_listen *l = listens_find(s, number);
    if (l && l->route >= 0) return l->route;
    if (l || s->listens.n == 0 || s->listens.has_root) return s->root;
    if (number >= s->host.listeners_n || !s->host.listeners[number]) return s->root;
    const char *text = refusal(s, number);
    *a = (struct answer){ANSWER_REFUSE, (uint32_t)strlen(text), (uintptr_t)text};
    return ANSWER_REFUSE;
}

const char *listens_name(struct script *s, uint32_t number)
{
    const struct script_listen *l = listens_find(s, number);
    return l ? l->name : NULL;
}

/* --- about ---------------------------------------------------------------------------------------- */

void listens_describe(const struct script *s, FILE *out)
{
    for (uint32_t i = 0; i < s->listens.n; i++) {
        const struct script_listen *l = &s->listens.all[i];
        const struct route *route = l->route >= 0 ? s->routes.routes[l->route] : NULL;
        fprintf(out, "listener %s: %s%s\n", l->item,
                !route                      ? "the returned route"
                : route->kind == ROUTE_POOL ? "pool "
                                            : "",
                !route                      ? ""
                : route->kind == ROUTE_POOL ? route->pool->settings.name
                : route->text               ? route->text
                                            : "");
    }
}

void listens_release(struct script *s)
{
    struct script_listens *in = &s->listens;
    for (uint32_t i = 0; i < in->n; i++) release(&in->all[i]);
    for (uint32_t i = 0; in->refusals && i < s->host.listeners_n; i++) free(in->refusals[i]);
    free(in->refusals);
    free(in->ways);
    free(in->all);
    *in = (struct script_listens){.n = 0};
}
