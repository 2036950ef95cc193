#include "convert/convert.h"

#include <stdarg.h>

/* What a file holds is quoted in messages, and a message is one line. */
static void hide_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = '?';
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
    hide_controls(out->error);
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
    hide_controls(text);
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
