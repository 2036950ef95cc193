#include "convert/convert.h"

#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"

void convert_show(char *text)
{
    size_t left = strlen(text), len;
    for (unsigned char *p = (unsigned char *)text; left; p += len, left -= len) {
        len = utf8_length(p, left);
        bool is_shown = len == 1 ? *p >= 0x20 && *p != 0x7f : len && !utf8_is_control(p, len);
        if (!len) len = 1;
        if (!is_shown) memset(p, '?', len);
    }
}

bool convert_fail(struct convert_output *out, const char *path, uint32_t line, const char *form,
                  ...)
{
    va_list arguments;
    int n = line ? snprintf(out->error, sizeof out->error, "%s:%u: ", path, line)
                 : snprintf(out->error, sizeof out->error, "%s: ", path);
    size_t used = n < 0 ? 0 : (size_t)n;
    va_start(arguments, form);
    if (used < sizeof out->error)
        vsnprintf(out->error + used, sizeof out->error - used, form, arguments);
    va_end(arguments);
    convert_show(out->error);
    return false;
}

void convert_note(struct convert_output *out, const char *path, uint32_t line, const char *form,
                  ...)
{
    char text[CONVERT_ERROR_MAX];
    va_list arguments;
    if (!out->note) return;
    va_start(arguments, form);
    vsnprintf(text, sizeof text, form, arguments);
    va_end(arguments);
    convert_show(text);
    out->note(out->note_arg, path, line, text);
}

/* Three digits always: a digit may follow. */
void convert_quote(FILE *to, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    putc('"', to);
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '"' || at[i] == '\\')
            fprintf(to, "\\%c", at[i]);
        else if (at[i] < 0x20 || at[i] > 0x7e)
            fprintf(to, "\\%03u", at[i]);
        else
            putc(at[i], to);
    }
    putc('"', to);
}
