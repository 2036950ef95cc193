#include "worker/stat_line.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE = 1024 };

void stat_line(struct outq *out, const char *name, const char *format, ...)
{
    char value[LINE], line[LINE + 256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    int n = snprintf(line, sizeof line, "STAT %s %s\r\n", name, value);
    assert(n > 0);
    outq_append(out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void stat_line_number(struct outq *out, const char *name, uint64_t number)
{
    stat_line(out, name, "%llu", (unsigned long long)number);
}
