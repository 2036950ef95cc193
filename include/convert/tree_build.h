/* tree_build: how the readers of this floor make nodes of a tree (convert/tree.h).
 *
 * All that comes from here belongs to the tree. A function that returns NULL or false has put the reason into the output that tree_begin was
 * given: there is no memory, or the tree would be larger, heavier or deeper than it may be. Callers pass that on.
 */
#ifndef MOONGATE_CONVERT_TREE_BUILD_H
#define MOONGATE_CONVERT_TREE_BUILD_H

#include "convert/tree.h"

/* Errors go to `out` from now on. */
void tree_begin(struct tree *t, struct convert_output *out);

/* Fills the output with an error at that place, as printf does. Returns NULL. */
const struct tree_node *tree_fail(struct tree *t, const struct tree_place *at, const char *form,
                                  ...) __attribute__((format(printf, 3, 4)));

/* n bytes, aligned for anything. */
void *tree_alloc(struct tree *t, const struct tree_place *at, size_t n);

/* A copy with a NUL behind it; bytes NULL: none. */
char *tree_copy(struct tree *t, const struct tree_place *at, const char *bytes, size_t len);

const struct tree_node *tree_null(struct tree *t, const struct tree_place *at);
const struct tree_node *tree_bool(struct tree *t, const struct tree_place *at, bool truth);
const struct tree_node *tree_int(struct tree *t, const struct tree_place *at, int64_t whole);
const struct tree_node *tree_double(struct tree *t, const struct tree_place *at, double fraction);
const struct tree_node *tree_string(struct tree *t, const struct tree_place *at, const char *bytes,
                                    size_t len); /* copied */

/* A list or an object while it grows. All zero before the first item or member. */
struct tree_items {
    const struct tree_node **at;
    uint32_t n, room;
};

struct tree_members {
    struct tree_member *at;
    uint32_t n, room;
    uint32_t *slots; /* by hash of the name: index + 1, or 0 */
    uint32_t slots_n;
};

bool tree_add(struct tree *t, struct tree_items *items, const struct tree_node *node);

/* The member of the same name, if there is one, gets the new value, and *was is what it had before; else *was is NULL. `was` may be NULL. */
bool tree_put(struct tree *t, struct tree_members *members, struct tree_text name,
              const struct tree_place *name_at, const struct tree_node *value,
              struct tree_member *was);

/* The nodes; they are as they are from now on. */
const struct tree_node *tree_list(struct tree *t, const struct tree_place *at,
                                  const struct tree_items *items);
const struct tree_node *tree_object(struct tree *t, const struct tree_place *at,
                                    const struct tree_members *members);

/* Whether both say the same, wherever they stand; 1 and 1.0 do. */
bool tree_equal(const struct tree_node *a, const struct tree_node *b);

/* Orders values: null, lists, booleans, numbers, objects, strings; those of one kind by what they say. Objects are all equal. */
int tree_compare(const struct tree_node *a, const struct tree_node *b);

bool tree_same_text(struct tree_text a, struct tree_text b);

#endif
