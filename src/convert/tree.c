#include "convert/tree_build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "placement/hash.h"

enum { CHUNK = 64 * 1024, ALIGNED = 16 };

struct chunk {
    struct chunk *next;
    char bytes[] __attribute__((aligned(ALIGNED)));
};

struct tree {
    struct chunk *chunks; /* the newest first; only it has room */
    size_t used, room;    /* bytes of the newest chunk */
    size_t total;         /* bytes of all chunks, <= TREE_BYTES_MAX */
    struct convert_output *out;
};

struct tree *tree_create(void)
{
    return calloc(1, sizeof(struct tree));
}

void tree_destroy(struct tree *t)
{
    if (!t) return;
    for (struct chunk *c = t->chunks; c;) {
        struct chunk *next = c->next;
        free(c);
        c = next;
    }
    free(t);
}

void tree_begin(struct tree *t, struct convert_output *out)
{
    t->out = out;
}

const struct tree_node *tree_fail(struct tree *t, const struct tree_place *at, const char *form,
                                  ...)
{
    char text[CONVERT_ERROR_MAX];
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(text, sizeof text, form, arguments);
    va_end(arguments);
    convert_fail(t->out, at->path, at->line, "%s", text);
    return NULL;
}

static bool add_chunk(struct tree *t, size_t n)
{
    size_t size = n > CHUNK ? n : CHUNK;
    if (size > TREE_BYTES_MAX - t->total) return false;
    struct chunk *c = malloc(sizeof *c + size);
    if (!c) return false;
    c->next = t->chunks;
    t->chunks = c;
    t->total += size;
    t->used = 0;
    t->room = size;
    return true;
}

void *tree_alloc(struct tree *t, const struct tree_place *at, size_t n)
{
    if (n <= TREE_BYTES_MAX) {
        n = (n + ALIGNED - 1) / ALIGNED * ALIGNED;
        if (n <= t->room - t->used || add_chunk(t, n)) {
            void *bytes = t->chunks->bytes + t->used;
            t->used += n;
            return bytes;
        }
    }
    tree_fail(t, at,
              "the configuration needs more than %d MiB: look for a macro that grows by itself",
              TREE_BYTES_MAX >> 20);
    return NULL;
}

char *tree_copy(struct tree *t, const struct tree_place *at, const char *bytes, size_t len)
{
    char *copy = tree_alloc(t, at, len + 1);
    if (!copy) return NULL;
    if (len && bytes) memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

/* --- nodes ---------------------------------------------------------------------------------------- */

static struct tree_node *make(struct tree *t, const struct tree_place *at, enum tree_kind kind)
{
    struct tree_node *made = tree_alloc(t, at, sizeof *made);
    if (!made) return NULL;
    *made = (struct tree_node){.kind = kind, .weight = 1, .depth = 1, .place = *at};
    return made;
}

const struct tree_node *tree_null(struct tree *t, const struct tree_place *at)
{
    return make(t, at, TREE_NULL);
}

const struct tree_node *tree_bool(struct tree *t, const struct tree_place *at, bool truth)
{
    struct tree_node *made = make(t, at, TREE_BOOL);
    if (made) made->truth = truth;
    return made;
}

const struct tree_node *tree_int(struct tree *t, const struct tree_place *at, int64_t whole)
{
    struct tree_node *made = make(t, at, TREE_INT);
    if (made) made->whole = whole;
    return made;
}

const struct tree_node *tree_double(struct tree *t, const struct tree_place *at, double fraction)
{
    struct tree_node *made = make(t, at, TREE_DOUBLE);
    if (made) made->fraction = fraction;
    return made;
}

const struct tree_node *tree_string(struct tree *t, const struct tree_place *at, const char *bytes,
                                    size_t len)
{
    struct tree_node *made = make(t, at, TREE_STRING);
    char *copy = made ? tree_copy(t, at, bytes, len) : NULL;
    if (!copy) return NULL;
    made->text = (struct tree_text){copy, len};
    return made;
}

/* Counts what is below. */
static bool take_in(struct tree *t, struct tree_node *made, const struct tree_node *child)
{
    if (child->depth >= made->depth) made->depth = child->depth + 1;
    if (made->depth > TREE_DEPTH_MAX) {
        tree_fail(t, &made->place,
                  "more than %d lists and objects lie in each other: make it flatter",
                  TREE_DEPTH_MAX);
        return false;
    }
    if (child->weight > TREE_WEIGHT_MAX - made->weight) {
        tree_fail(
            t, &made->place,
            "this has more than %d values, all macros expanded: look for a macro that doubles "
            "what it gets",
            TREE_WEIGHT_MAX);
        return false;
    }
    made->weight += child->weight;
    return true;
}

/* A larger array, with what was in it. */
static void *grown(struct tree *t, const struct tree_place *at, const void *from, uint32_t n,
                   uint32_t *room, size_t size)
{
    uint32_t more = *room ? *room * 2 : 8;
    void *to = tree_alloc(t, at, more * size);
    if (!to) return NULL;
    if (n) memcpy(to, from, n * size);
    *room = more;
    return to;
}

bool tree_add(struct tree *t, struct tree_items *items, const struct tree_node *item)
{
    if (items->n == items->room) {
        void *to = grown(t, &item->place, items->at, items->n, &items->room, sizeof(void *));
        if (!to) return false;
        items->at = to;
    }
    items->at[items->n++] = item;
    return true;
}

bool tree_same_text(struct tree_text a, struct tree_text b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

/* The slot of that name: its own, or the free one where it goes. */
static uint32_t *slot_of(const struct tree_members *m, struct tree_text name)
{
    uint32_t i = hash_bytes(HASH_XXH3, name.bytes, name.len) & (m->slots_n - 1);
    while (m->slots[i] && !tree_same_text(m->at[m->slots[i] - 1].name, name))
        i = (i + 1) & (m->slots_n - 1);
    return &m->slots[i];
}

/* Room for one member more. At most half of the slots are taken. */
static bool make_room(struct tree *t, struct tree_members *m, const struct tree_place *at)
{
    if (m->n < m->room) return true;
    void *to = grown(t, at, m->at, m->n, &m->room, sizeof *m->at);
    if (!to) return false;
    m->at = to;
    m->slots_n = m->room * 2;
    m->slots = tree_alloc(t, at, m->slots_n * sizeof *m->slots);
    if (!m->slots) return false;
    memset(m->slots, 0, m->slots_n * sizeof *m->slots);
    for (uint32_t i = 0; i < m->n; i++) *slot_of(m, m->at[i].name) = i + 1;
    return true;
}

bool tree_put(struct tree *t, struct tree_members *members, struct tree_text name,
              const struct tree_place *name_at, const struct tree_node *value,
              struct tree_member *was)
{
    if (was) was->value = NULL;
    if (!make_room(t, members, name_at)) return false;
    uint32_t *slot = slot_of(members, name);
    if (*slot) {
        struct tree_member *old = &members->at[*slot - 1];
        if (was) *was = *old;
        *old = (struct tree_member){old->name, *name_at, value};
        return true;
    }
    members->at[members->n++] = (struct tree_member){name, *name_at, value};
    *slot = members->n;
    return true;
}

const struct tree_node *tree_list(struct tree *t, const struct tree_place *at,
                                  const struct tree_items *items)
{
    struct tree_node *made = make(t, at, TREE_LIST);
    if (!made) return NULL;
    made->n = items->n;
    made->items = items->at;
    made->depth = 2;
    for (uint32_t i = 0; i < items->n; i++)
        if (!take_in(t, made, items->at[i])) return NULL;
    return made;
}

const struct tree_node *tree_object(struct tree *t, const struct tree_place *at,
                                    const struct tree_members *members)
{
    struct tree_node *made = make(t, at, TREE_OBJECT);
    if (!made) return NULL;
    made->n = members->n;
    made->members = members->at;
    made->depth = 2;
    for (uint32_t i = 0; i < members->n; i++)
        if (!take_in(t, made, members->at[i].value)) return NULL;
    return made;
}

/* --- reading them --------------------------------------------------------------------------------- */

const struct tree_member *tree_member(const struct tree_node *node, const char *name)
{
    if (!node || node->kind != TREE_OBJECT) return NULL;
    struct tree_text wanted = {name, strlen(name)};
    for (uint32_t i = 0; i < node->n; i++)
        if (tree_same_text(node->members[i].name, wanted)) return &node->members[i];
    return NULL;
}

const struct tree_node *tree_get(const struct tree_node *node, const char *name)
{
    const struct tree_member *member = tree_member(node, name);
    return member ? member->value : NULL;
}

bool tree_says(const struct tree_node *node, const char *text)
{
    return node && node->kind == TREE_STRING &&
           tree_same_text(node->text, (struct tree_text){text, strlen(text)});
}

const char *tree_kind_name(enum tree_kind kind)
{
    static const char *const names[] = {
#define X(kind, text) text,
        TREE_KINDS(X)
#undef X
    };
    return names[kind];
}
