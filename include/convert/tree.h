/* tree: JSON values as they stand in configurations, each with its place: file, line and column.
 *
 * A struct tree owns all nodes and all text in them; tree_destroy frees them at once. Nodes do not change once they are built, so that
 * one may stand in several places (a constant that is used twice): what is reached from a node is a graph without circles, and `weight`
 * says how many nodes a walk visits. Both the memory of a tree and a node's weight are bounded.
 */
#ifndef MOONGATE_CONVERT_TREE_H
#define MOONGATE_CONVERT_TREE_H

#include "convert/convert.h"

/* With what errors call it. */
#define TREE_KINDS(X)                                                                              \
    X(NULL, "null")                                                                                \
    X(BOOL, "a boolean")                                                                           \
    X(INT, "a whole number")                                                                       \
    X(DOUBLE, "a number with a fraction")                                                          \
    X(STRING, "a string")                                                                          \
    X(LIST, "a list")                                                                              \
    X(OBJECT, "an object")

enum tree_kind {
#define X(kind, text) TREE_##kind,
    TREE_KINDS(X)
#undef X
};

enum {
    TREE_BYTES_MAX = 64 * 1024 * 1024, /* memory of a tree */
    TREE_WEIGHT_MAX = 1000 * 1000,     /* nodes that a walk over one of its nodes visits */
    TREE_DEPTH_MAX = 200               /* of nested lists and objects */
};

/* Counted from 1. The path is as it was given, and belongs to the tree. */
struct tree_place {
    const char *path;
    uint32_t line, column;
};

/* Bytes with a NUL behind them, which is not counted. There may be other NULs in them. */
struct tree_text {
    const char *bytes;
    size_t len;
};

struct tree_member;

struct tree_node {
    enum tree_kind kind;
    uint32_t n;      /* of items, or of members */
    uint32_t weight; /* of this node and all below, each time that it is reached */
    uint32_t
        depth; /* 1: neither a list nor an object; else one more than its deepest item or member */
    struct tree_place place;
    union {
        bool truth;
        int64_t whole;
        double fraction;
        struct tree_text text;
        const struct tree_node **items;
        struct tree_member
            *members; /* in the order of the file, each name once: the last of equal names counts */
    };
};

struct tree_member {
    struct tree_text name;
    struct tree_place place; /* of the name */
    const struct tree_node *value;
};

struct tree;

/* NULL: no memory. */
struct tree *tree_create(void);
void tree_destroy(struct tree *t); /* NULL is allowed */

/* Reads a whole configuration of mcrouter: JSON, its imports and macros, all of them expanded. "macros" is not a member of the root, which
 * is an object. NULL: out->error says why. Notes go to out->note. */
const struct tree_node *tree_of_mcrouter(struct tree *t, const struct convert_input *in,
                                         struct convert_output *out);

/* Reads one text as JSON, with comments and trailing commas, and expands nothing. NULL: out->error says why. */
const struct tree_node *tree_of_json(struct tree *t, const char *path, const char *bytes,
                                     size_t len, struct convert_output *out);

/* The member of that name. NULL: there is none, or the node is no object, or NULL. */
const struct tree_node *tree_get(const struct tree_node *node, const char *name);
const struct tree_member *tree_member(const struct tree_node *node, const char *name);

/* Whether the node is a string with exactly this text. NULL is none. */
bool tree_says(const struct tree_node *node, const char *text);

/* "a string", "an object" ...: what errors call a kind. */
const char *tree_kind_name(enum tree_kind kind);

/* Writes a node as JSON, over several lines, as mcrouter prints it: names of an object in the order of their bytes. */
void tree_print(FILE *to, const struct tree_node *node);

/* Stops where more than `most` bytes have been written to the stream: a value that stands in many places is stored once, and printed in each. */
void tree_print_most(FILE *to, const struct tree_node *node, size_t most);

#endif
