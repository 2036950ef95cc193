/* mcrouter_checks: what the tests of mcrouter's configurations share: a configuration, and what its script has, or why there is none. In
 * these texts ' stands for ".
 *
 * Pure functions over two static texts, of the test alone.
 */
#ifndef UNIT_CONVERT_MCROUTER_CHECKS_H
#define UNIT_CONVERT_MCROUTER_CHECKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"

static char noted[4096], error[CONVERT_ERROR_MAX];
static const struct convert_flags none;

static inline void note(void *arg, const char *path, uint32_t line, const char *text)
{
    size_t len = strlen(noted);
    snprintf(noted + len, sizeof noted - len, "%u: %s\n", line, text);
}

static inline char *with_quotes(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    return copy;
}

/* The script, which the caller frees. NULL: refused, and `error` says why, with a place. */
static inline char *script_of(const char *bytes, size_t len, const struct convert_flags *flags)
{
    char *text = NULL;
    size_t n = 0;
    struct convert_output out = {.script = open_memstream(&text, &n), .note = note};
    struct convert_input in = {.path = "m.json", .bytes = bytes, .len = len, .flags = flags};
    assert_non_null(out.script);
    noted[0] = '\0';
    bool ok = mcrouter_read(&in, &out);
    fclose(out.script);
    assert_true(ok ? !out.error[0] : strncmp(out.error, "m.json:", 7) == 0);
    memcpy(error, out.error, sizeof error);
    if (ok) return text;
    free(text);
    return NULL;
}

static inline void check_with(const struct convert_flags *flags, const char *configuration,
                              const char *part)
{
    char *bytes = with_quotes(configuration), *wanted = with_quotes(part);
    char *script = script_of(bytes, strlen(bytes), flags);
    if (!script) fail_msg("%s", error);
    if (script && !strstr(script, wanted)) fail_msg("no %s in:\n%s", wanted, script);
    free(script);
    free(wanted);
    free(bytes);
}

static inline void check(const char *configuration, const char *part)
{
    check_with(&none, configuration, part);
}

static inline void check_error_with(const struct convert_flags *flags, const char *configuration,
                                    const char *text)
{
    char *bytes = with_quotes(configuration);
    char *script = script_of(bytes, strlen(bytes), flags);
    if (script) fail_msg("not refused:\n%s", script);
    if (!strstr(error, text)) fail_msg("%s", error);
    free(bytes);
}

static inline void check_error(const char *configuration, const char *text)
{
    check_error_with(&none, configuration, text);
}

static inline void check_note(const char *configuration, const char *text)
{
    char *bytes = with_quotes(configuration);
    char *script = script_of(bytes, strlen(bytes), &none);
    if (!script) fail_msg("%s", error);
    if (!strstr(noted, text)) fail_msg("noted: %s", noted);
    free(script);
    free(bytes);
}

#define POOL(servers) "{'pools': {'a': {'servers': " servers "}}, 'route': 'PoolRoute|a'}"
#define OVER(route)   "{'pools': {'a': {'servers': ['h:1', 'h:2']}}, 'route': " route "}"

#endif
