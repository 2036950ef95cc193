/* Any bytes as a file whose kind is not known: it is one kind, the same by any path that says nothing, and a .lua file is none of the kinds
 * that are not Lua. Its words lie in it in their order, none is empty, and what is printed about functions of memcached's proxy ends. */
#include "fuzz/fuzz.h"

#include <stdbool.h>

#include "convert/convert.h"
#include "convert/mcp.h"
#include "convert/program_words.h"

static void check_words(const char *bytes, size_t size)
{
    struct program_words w = program_words_begin(bytes, size);
    const char *behind = bytes;
    uint32_t line = 1;
    size_t n = 0;
    while (program_words_next(&w)) {
        check(w.len > 0 && w.word >= behind && w.word + w.len <= bytes + size);
        check(w.line >= line && w.depth >= 0 && w.nesting >= 0);
        behind = w.word + w.len;
        line = w.line;
        check(++n <= size);
    }
}

static void check_printing(const char *bytes, size_t size)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    check(out);
    mcp_print("p.lua", bytes, size, out);
    check(fclose(out) == 0);
    bool is_used = strstr(text, "\n-- mcp") != NULL;
    check(!mcp_is_used(bytes, size) || is_used);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = exact_copy(data, size);
    const char *text = (const char *)bytes;
    enum convert_kind kind = convert_guess("conf", text, size);
    check(kind < CONVERT_KINDS_N && kind == convert_guess("/etc/x", text, size));
    enum convert_kind of_lua = convert_guess("x.lua", text, size);
    check(of_lua == CONVERT_SCRIPT || of_lua == CONVERT_ROUTELIB);
    check(convert_guess("x.yml", text, size) == CONVERT_TWEMPROXY);
    check_words(text, size);
    check_printing(text, size);
    free(bytes);
    return 0;
}
