/* Any bytes as a configuration of routelib, which is a program in Lua: an error of one line with its place, or a script of lines of
 * printable ASCII that loads as Lua. Nothing goes to standard output. Other files that it names are these bytes, too.
 *
 * A configuration without an end is interrupted after SECONDS, so what is answered may differ from time to time. libFuzzer sees
 * nothing of what Lua does: so each form of an answer is a counter that it follows. */
#include "fuzz/fuzz.h"

#include <ctype.h>
#include <lauxlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "script/routelib.h"

#define SECONDS 0.1

static const char path[] = "c.lua";

/* --- what libFuzzer follows -------------------------------------------------------------------- */

static uint8_t forms[1 << 12] __attribute__((section("__libfuzzer_extra_counters")));

/* Of one line, without its numbers and what it quotes: or each word that an error quotes would be a form. */
static void follow_line(const char *line, size_t len)
{
    uint64_t digest = 0;
    char quote = 0;
    for (size_t i = 0; i < len; i++) {
        bool is_quote = line[i] == '"' || line[i] == '\'';
        if (is_quote && (!quote || line[i] == quote)) quote = quote ? 0 : line[i];
        if (!quote && isalpha((unsigned char)line[i])) digest_bytes(&digest, &line[i], 1);
    }
    forms[(digest ^ digest >> 32) % sizeof forms] = 1;
}

static void follow(const char *text, size_t len)
{
    for (size_t n; len > 0; text += n, len -= n) {
        const char *newline = memchr(text, '\n', len);
        n = newline ? (size_t)(newline - text) + 1 : len;
        follow_line(text, n);
    }
}

/* --- promises ---------------------------------------------------------------------------------- */

static void check_line(const char *text)
{
    check(text[0] && strlen(text) < CONVERT_ERROR_MAX);
    for (const char *p = text; *p; p++) check((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_note(void *arg, const char *of, uint32_t line, const char *text)
{
    (void)arg, (void)line;
    check(strcmp(of, path) == 0);
    check_line(text);
    follow(text, strlen(text));
}

static bool has(const struct convert_input *in, const char *word)
{
    return memmem(in->bytes, in->len, word, strlen(word));
}

/* PATH:LINE: text; PATH: text where it belongs to no line. It names no place in the reader itself, unless the configuration says so. */
static void check_error(const char *error, const struct convert_input *in)
{
    const char *at = error + sizeof path - 1;
    check_line(error);
    check(strncmp(error, path, sizeof path - 1) == 0 && *at == ':');
    if (isdigit((unsigned char)at[1])) at += 1 + strspn(at + 1, "0123456789");
    check(strncmp(at, ": ", 2) == 0);
    const char *near = strstr(at, " near "); /* and words of the configuration */
    if (has(in, "error")) return;            /* its own text, of any form and level */
    check(!strstr(at, "lua/moongate/") || has(in, "moongate"));
    follow(at, near ? (size_t)(near - at) : strlen(at));
}

static void check_script(const char *script, size_t len)
{
    lua_State *L = luaL_newstate();
    check(L && len > 0 && script[len - 1] == '\n');
    for (size_t i = 0; i < len; i++)
        check(script[i] == '\n' || (script[i] >= ' ' && script[i] <= '~'));
    check(luaL_loadbuffer(L, script, len, "=script") == 0);
    lua_close(L);
    follow(script, len);
}

/* --- reading ----------------------------------------------------------------------------------- */

/* Modules and zones; only short names are there. */
static bool read_other(void *arg, const char *of, const char **bytes, size_t *len, const char **why)
{
    const struct convert_input *in = arg;
    *bytes = in->bytes;
    *len = in->len;
    *why = "it is not there";
    return strlen(of) < 10;
}

static void read_once(const uint8_t *bytes, size_t size)
{
    char *script = NULL;
    size_t len = 0;
    struct convert_output out = {.script = open_memstream(&script, &len), .note = check_note};
    struct convert_input in = {
        .path = path, .bytes = (const char *)bytes, .len = size, .read = read_other};
    in.read_arg = &in;
    check(out.script);
    bool good = routelib_read_within(&in, &out, SECONDS);
    fclose(out.script);
    if (good)
        check_script(script, len);
    else
        check_error(out.error, &in);
    free(script);
}

/* What the configuration prints is logged, and so is on standard error: not here. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int quiet = -1;
    uint8_t *bytes = exact_copy(data, size);
    if (quiet < 0) quiet = memfd_create("output", MFD_CLOEXEC);
    check(quiet >= 0 && log_show_from("error"));
    fflush(stdout);
    int shown = dup(STDOUT_FILENO);
    check(shown >= 0 && dup2(quiet, STDOUT_FILENO) >= 0);
    read_once(bytes, size);
    fflush(stdout);
    check(dup2(shown, STDOUT_FILENO) >= 0 && lseek(quiet, 0, SEEK_END) == 0);
    close(shown);
    free(bytes);
    return 0;
}
