/* Any bytes as nutcracker's configuration: an error of one line with its place, or a script of printable ASCII, and the same each
 * time. */
#include "fuzz/fuzz.h"

#include "convert/convert.h"

/* Notes are text of one line, too. */
static void check_note(void *arg, const char *path, uint32_t line, const char *text)
{
    unsigned *notes = arg;
    check(strcmp(path, "f.yml") == 0 && text[0] && !strchr(text, '\n'));
    ++*notes;
}

static void check_error(const char *error)
{
    check(strncmp(error, "f.yml:", 6) == 0);
    check(strlen(error) < CONVERT_ERROR_MAX && !strchr(error, '\n'));
    check(strstr(error + 6, ": ")); /* what to do */
}

static void check_script(const char *script, size_t len)
{
    check(len > 0 && script[len - 1] == '\n');
    for (size_t i = 0; i < len; i++)
        check(script[i] == '\n' || (script[i] >= ' ' && script[i] <= '~'));
    check(memmem(script, len, "\nmg.listen { ", 13) && memmem(script, len, "] = mg.pool {\n", 14));
}

static uint64_t read_once(const uint8_t *data, size_t size)
{
    uint8_t *bytes = exact_copy(data, size);
    char *script = NULL;
    size_t len = 0;
    unsigned notes = 0;
    uint64_t digest = 0;
    FILE *to = open_memstream(&script, &len);
    check(to);
    struct convert_output out = {.script = to, .note = check_note, .note_arg = &notes};
    struct convert_input in = {.path = "f.yml", .bytes = (const char *)bytes, .len = size};
    if (twemproxy_read(&in, &out)) {
        fclose(to);
        check_script(script, len);
        digest_bytes(&digest, script, len);
    } else {
        fclose(to);
        check_error(out.error);
        digest_bytes(&digest, out.error, strlen(out.error));
    }
    digest_number(&digest, notes);
    free(script);
    free(bytes);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(read_once(data, size) == read_once(data, size));
    return 0;
}
