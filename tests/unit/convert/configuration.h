/* configuration: a text as mcrouter's configuration, expanded, for tests of the tree and of the macros. Owned by the test, until the next
 * one is read. */
#ifndef TESTS_UNIT_CONVERT_CONFIGURATION_H
#define TESTS_UNIT_CONVERT_CONFIGURATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "convert/tree.h"

/* The other files, by path. */
struct other_file {
    const char *path, *text;
};

static const struct other_file *other_files;
static char noted[2048];
static struct convert_output output;
static struct tree *tree;

static inline bool read_other(void *arg, const char *path, const char **bytes, size_t *len,
                              const char **why)
{
    for (const struct other_file *f = other_files; f && f->path; f++) {
        if (strcmp(f->path, path) != 0) continue;
        *bytes = f->text;
        *len = strlen(f->text);
        return true;
    }
    *why = "No such file or directory";
    return false;
}

static inline void note(void *arg, const char *path, uint32_t line, const char *text)
{
    size_t len = strlen(noted);
    snprintf(noted + len, sizeof noted - len, "%s:%u: %s\n", path, line, text);
}

/* A copy that ends where no byte can be read under AddressSanitizer. NULL: it is refused, and output.error says why. */
static inline const struct tree_node *read_bytes(const char *text, size_t len,
                                                 const struct convert_flags *flags)
{
    char *bytes = malloc(len ? len : 1);
    assert_non_null(bytes);
    if (len) memcpy(bytes, text, len);
    tree_destroy(tree);
    tree = tree_create();
    noted[0] = '\0';
    output = (struct convert_output){.note = note};
    struct convert_input in = {
        .path = "etc/m.json", .bytes = bytes, .len = len, .flags = flags, .read = read_other};
    const struct tree_node *root = tree_of_mcrouter(tree, &in, &output);
    assert_true(root ? !output.error[0] : strncmp(output.error, "etc/", 4) == 0);
    free(bytes);
    return root;
}

/* The whole as JSON in one line, or the error. The caller frees it. */
static inline char *expanded(const char *text, const struct convert_flags *flags)
{
    char *printed = NULL;
    size_t len = 0, to = 0;
    const struct tree_node *root = read_bytes(text, strlen(text), flags);
    if (!root) return strdup(output.error);
    FILE *f = open_memstream(&printed, &len);
    assert_non_null(f);
    tree_print(f, root);
    fclose(f);
    for (size_t i = 0; i < len; i++) {
        if (printed[i] == '\n')
            while (printed[i + 1] == ' ') i++;
        else
            printed[to++] = printed[i];
    }
    printed[to] = '\0';
    return printed;
}

static inline void forget(void)
{
    tree_destroy(tree);
    tree = NULL;
}

#endif
