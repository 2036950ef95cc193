/* Any bytes as mcrouter's configuration: an error of one line with its place, or a tree that is read the same again from what is printed of
 * it, and a script of lines that can be shown; the same each time. Files that it imports are these bytes, too. */
#include "fuzz/fuzz.h"

#include "base/utf8.h"
#include "convert/tree.h"

static bool is_place(const char *path)
{
    return strcmp(path, "m.json") == 0 || strncmp(path, "import:", 7) == 0;
}

static void check_note(void *arg, const char *path, uint32_t line, const char *text)
{
    unsigned *notes = arg;
    check(is_place(path) && text[0] && !strchr(text, '\n'));
    ++*notes;
}

/* Only names that begin so are there; the others are errors. */
static bool read_other(void *arg, const char *path, const char **bytes, size_t *len,
                       const char **why)
{
    const struct convert_input *in = arg;
    *bytes = in->bytes;
    *len = in->len;
    *why = "it is not there";
    return strncmp(path, "import:", 7) == 0;
}

static void check_error(const struct convert_output *out)
{
    check(strncmp(out->error, "m.json:", 7) == 0 || strncmp(out->error, "import:", 7) == 0);
    check(strlen(out->error) < CONVERT_ERROR_MAX && !strchr(out->error, '\n'));
}

static char *printed(const struct tree_node *node, size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);
    check(to);
    tree_print(to, node);
    fclose(to);
    return text;
}

static void check_node(const struct tree_node *node, uint32_t depth)
{
    check(node->weight >= 1 && node->weight <= TREE_WEIGHT_MAX && node->depth <= TREE_DEPTH_MAX);
    check(depth < TREE_DEPTH_MAX && is_place(node->place.path) && node->place.column < 1u << 24);
    for (uint32_t i = 0; node->kind == TREE_LIST && i < node->n; i++) {
        check(node->items[i]->depth < node->depth && node->items[i]->weight < node->weight);
        check_node(node->items[i], depth + 1);
    }
    for (uint32_t i = 0; node->kind == TREE_OBJECT && i < node->n; i++)
        check_node(node->members[i].value, depth + 1);
}

/* Reads printed JSON, and prints it; frees the text. */
static char *again(char *text, size_t *len)
{
    struct convert_output out = {.note = NULL};
    struct tree *t = tree_create();
    check(t);
    const struct tree_node *node = tree_of_json(t, "m.json", text, *len, &out);
    check(node);
    free(text);
    text = printed(node, len);
    tree_destroy(t);
    return text;
}

/* What is deeper than a file may be is not read again. The first time, bytes that are not UTF-8 become an escape, which is then read. */
static void check_again(const struct tree_node *root)
{
    size_t len, last_len;
    char *text = printed(root, &len);
    if (root->depth <= 100 && len < 1u << 20) {
        text = again(text, &len);
        char *copy = (char *)exact_copy((const uint8_t *)text, len);
        last_len = len;
        char *last = again(copy, &last_len);
        check(last_len == len && memcmp(text, last, len) == 0);
        free(last);
    }
    free(text);
}

static void check_tree(const struct convert_input *in)
{
    unsigned notes = 0;
    struct convert_output out = {.note = check_note, .note_arg = &notes};
    struct tree *t = tree_create();
    check(t);
    const struct tree_node *root = tree_of_mcrouter(t, in, &out);
    if (root) {
        check(root->kind == TREE_OBJECT && !out.error[0]);
        check_node(root, 0);
        check_again(root);
    } else {
        check_error(&out);
    }
    tree_destroy(t);
}

/* Lines of UTF-8 that a terminal shows as they are. */
static void check_text(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        size_t n = utf8_length(p, (size_t)(end - p));
        check(n && (n > 1 ? !utf8_is_control(p, n) : *p == '\n' || (*p >= ' ' && *p != 0x7f)));
        p += n;
    }
}

static uint64_t read_script(const struct convert_input *in)
{
    char *script = NULL;
    size_t len = 0;
    unsigned notes = 0;
    uint64_t digest = 0;
    FILE *to = open_memstream(&script, &len);
    check(to);
    struct convert_output out = {.script = to, .note = check_note, .note_arg = &notes};
    bool good = mcrouter_read(in, &out);
    fclose(to);
    if (good) {
        check_text(script, len);
        digest_bytes(&digest, script, len);
    } else {
        check_error(&out);
        digest_bytes(&digest, out.error, strlen(out.error));
    }
    digest_number(&digest, notes);
    free(script);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = exact_copy(data, size);
    struct convert_flags flags = {.route_prefix = size % 2 ? "/a/b/" : NULL};
    struct convert_input in = {.path = "m.json",
                               .bytes = (const char *)bytes,
                               .len = size,
                               .flags = &flags,
                               .read = read_other};
    in.read_arg = &in;
    check_tree(&in);
    check(read_script(&in) == read_script(&in));
    free(bytes);
    return 0;
}
