#include <stdarg.h>
#include <string.h>

#include "convert/mcrouter.h"

/* The text of a script is built from the inside out: each route is the text of an expression, and a call joins the texts of its
 * children. What would nest too deeply becomes a statement of its own. */

enum {
    LINE_MOST = 100, /* a longer call is written over several lines */
    DEPTH_MOST = 6   /* LuaJIT's compiler takes some 60 nested calls; a reader takes fewer */
};

/* --- calls ----------------------------------------------------------------------------------------- */

struct mc_call mc_call(struct mc *m, const char *name)
{
    return (struct mc_call){.m = m, .name = name};
}

static void add(struct mc_call *c, const char *text)
{
    if (c->n == c->room) {
        uint32_t room = c->room ? 2 * c->room : 4;
        const char **items = mc_alloc(c->m, room * sizeof *items);
        if (c->n) memcpy(items, c->items, c->n * sizeof *items);
        c->items = items;
        c->room = room;
    }
    c->items[c->n++] = text;
    c->len += strlen(text) + 2;
    c->is_long = c->is_long || c->len > LINE_MOST || strchr(text, '\n');
}

void mc_item(struct mc_call *c, const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    add(c, mc_text_of(c->m, form, arguments));
    va_end(arguments);
}

static void note_child(struct mc_call *c, struct mc_route route)
{
    if (c->depth < route.depth) c->depth = route.depth;
    c->denies = c->denies || route.denies;
}

void mc_child(struct mc_call *c, struct mc_route route)
{
    note_child(c, route);
    add(c, route.text);
}

void mc_option(struct mc_call *c, const char *name, struct mc_route route)
{
    note_child(c, route);
    mc_item(c, "%s = %s", name, route.text);
}

/* How many of the n routes are all servers of one pool, in their order. 0: the first is not the first of such. */
static uint32_t count_of_pool(const struct mc_route *routes, uint32_t n)
{
    if (!routes->each || routes->of > n) return 0;
    for (uint32_t i = 0; i < routes->of; i++)
        if (routes[i].each != routes->each || routes[i].at != i) return 0;
    return routes->of;
}

void mc_children(struct mc_call *c, const struct mc_list *list)
{
    for (uint32_t i = 0; i < list->n;) {
        uint32_t n = count_of_pool(&list->items[i], list->n - i);
        if (n > 0)
            mc_item(c, "%s", list->items[i].each);
        else
            mc_child(c, list->items[i]);
        i += n > 0 ? n : 1;
    }
}

/* Each line of the text, further to the right. */
static void write_indented(FILE *to, const char *text)
{
    fputs("    ", to);
    for (const char *at = text; *at; at++) {
        putc(*at, to);
        if (*at == '\n') fputs("    ", to);
    }
}

static const char *joined(const struct mc_call *c)
{
    FILE *to = mc_open(c->m);
    const char *blank = *c->name ? " " : "";
    fprintf(to, "%s%s{%s", c->name, blank, c->is_long ? "\n" : c->n ? " " : "");
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->is_long)
            write_indented(to, c->items[i]);
        else
            fputs(c->items[i], to);
        fputs(c->is_long ? ",\n" : i + 1 < c->n ? ", " : " ", to);
    }
    putc('}', to);
    return mc_close(c->m, to);
}

struct mc_route mc_done(struct mc_call *c)
{
    struct mc_route route = {.text = joined(c), .depth = c->depth + 1, .denies = c->denies};
    return route.depth < DEPTH_MOST ? route : mc_once(c->m, route);
}

/* A name has no blank and no parenthesis. */
struct mc_route mc_once(struct mc *m, struct mc_route route)
{
    if (!strpbrk(route.text, " (")) return route;
    fprintf(m->routes, "routes[%u] = %s\n", ++m->routes_n, route.text);
    m->has_routes = true;
    return (struct mc_route){.text = mc_text(m, "routes[%u]", m->routes_n), .denies = route.denies};
}

struct mc_route mc_plain(const char *text)
{
    return (struct mc_route){.text = text};
}

struct mc_route mc_over(struct mc *m, const char *name, const struct mc_list *list)
{
    if (list->n && count_of_pool(list->items, list->n) == list->n)
        return (struct mc_route){.text = mc_text(m, "%s(%s)", name, list->items->each), .depth = 1};
    struct mc_call c = mc_call(m, name);
    mc_children(&c, list);
    return mc_done(&c);
}
