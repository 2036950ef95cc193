/* macros: what mcrouter's configurations may compute before they are read: macros, constants, variables, built-in functions.
 *
 * A struct macros lives while one configuration is expanded, and owns nothing but memory of the tree. Functions that return NULL have put
 * the reason into its output. How much is computed is bounded: see MACROS_WORK_MAX.
 */
#ifndef MOONGATE_CONVERT_MACROS_H
#define MOONGATE_CONVERT_MACROS_H

#include "convert/tree_build.h"

enum {
    MACROS_NESTED_MAX = 250,       /* calls and values in each other, as in mcrouter */
    MACROS_WORK_MAX = 4000 * 1000, /* values that are looked at */
    MACROS_ARGUMENTS_MAX = 32,     /* of a macro */
    MACROS_BUCKETS = 512
};

/* What a name stands for inside a macro or beside "vars". */
struct variable {
    struct tree_text name;
    enum {
        RAW,
        EXPANDED,
        LAZY,
        EXPANDING
    } state; /* RAW: an argument that is expanded where it is called, if at all */
    const struct tree_node *value;
    struct variable *next;
};

/* Names that are known in one place. Inside a macro (`closed`) those around the call are not. */
struct scope {
    const struct scope *outer;
    bool closed;
    struct variable *first;
};

struct macros;
typedef const struct tree_node *macro_function(struct macros *m, struct scope *arguments,
                                               const struct tree_place *at);

struct parameter {
    struct tree_text name;
    const struct tree_node *otherwise; /* NULL: it has no default */
    bool required;
};

struct macro {
    struct tree_text name;
    struct parameter *parameters;
    uint32_t n, required_n;
    bool is_lazy;                   /* arguments are RAW */
    macro_function *function;       /* built in; else NULL, and there is a result */
    const struct tree_node *result; /* of a macroDef, not expanded */
    struct macro *next;
};

struct constant {
    struct tree_text name;
    const struct tree_node *value;
    enum { NEW, BUSY, DONE } state;
    struct constant *next;
};

struct import {
    struct tree_text path;
    const struct tree_node *value; /* NULL: there is none, or not yet */
    bool is_busy;                  /* it is being read */
    struct import *next;
};

struct macros {
    struct tree *tree;
    const struct convert_input *in;
    struct convert_output *out;
    struct macro *macros[MACROS_BUCKETS];
    struct constant *constants[MACROS_BUCKETS];
    struct import *imports;
    unsigned nested, work, traced;
};

/* Counts n values that are looked at; false: that is too much, and the output says so. */
bool macros_spend(struct macros *m, const struct tree_place *at, uint64_t n);

/* The value with everything in it expanded. */
const struct tree_node *macros_expand(struct macros *m, const struct tree_node *value,
                                      const struct scope *scope);
const struct tree_node *macros_expand_text(struct macros *m, struct tree_text text,
                                           const struct tree_place *at, const struct scope *scope);

/* A variable of the scope: an error when it has the name already. */
bool scope_add(struct macros *m, struct scope *scope, const struct tree_place *at,
               struct tree_text name, int state, const struct tree_node *value);

/* The name as it is known in the scope, expanded. NULL with *failed false: it is not known. */
const struct tree_node *scope_find(struct macros *m, const struct scope *scope,
                                   struct tree_text name, bool *failed);
bool scope_knows(const struct scope *scope, struct tree_text name);

/* An argument of a built-in macro; NULL: it was not given. A RAW one is expanded where it was called; NULL: that failed. */
const struct tree_node *argument(const struct scope *arguments, const char *name);
bool has_argument(const struct scope *arguments, const char *name);
const struct tree_node *expand_argument(struct macros *m, const struct scope *arguments,
                                        const char *name);

/* The macro of that name, or NULL. The built-in ones are there from macros_begin on. */
const struct macro *macro_find(const struct macros *m, struct tree_text name);
bool macros_begin(struct macros *m, struct tree *tree, const struct convert_input *in,
                  struct convert_output *out);

/* Adds what the member "macros" of a configuration defines. */
bool macros_define(struct macros *m, const struct tree_node *definitions);

struct constant *constant_find(const struct macros *m, struct tree_text name);
bool constant_add(struct macros *m, const struct tree_place *at, struct tree_text name,
                  const struct tree_node *value);

/* Calls a macro. `object`: its members are the arguments; NULL: the n texts are. */
const struct tree_node *macro_call(struct macros *m, const struct macro *macro,
                                   const struct tree_place *at, const struct tree_node *object,
                                   const struct tree_text *texts, uint32_t n,
                                   const struct scope *scope);

/* The functions that are called by "type" alone: transform, process, foreach. NULL: there is none of that name. */
typedef const struct tree_node *loop_function(struct macros *m, const struct tree_node *object,
                                              const struct scope *scope);
loop_function *loop_find(struct tree_text name);

/* The built-in macros, for macros_begin; and what to do instead of one that is not there; NULL: mcrouter has none of that name either. */
bool macros_add_built_in(struct macros *m);
bool macro_add(struct macros *m, const struct tree_place *at, struct macro *macro);
const char *macro_instead(struct tree_text name);

/* Built-in macros of other files. */
macro_function macros_import, macros_keys, macros_values, macros_merge, macros_select, macros_slice,
    macros_split, macros_range, macros_contains, macros_sort, macros_set;

bool text_is(struct tree_text text, const char *other);

#endif
