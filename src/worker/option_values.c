#include "worker/option_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The power of two that a unit stands for; 0: not a unit. */
static unsigned unit_shift(char unit)
{
    switch (unit) {
    case 'k':
    case 'K': return 10;
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return 0;
    }
}

bool option_number(const char *text, bool unit_allowed, uint64_t *number)
{
    uint64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
    }
    if (p == text) return false;

    unsigned shift = unit_allowed ? unit_shift(*p) : 0;
    if (shift) {
        n = n > UINT64_MAX >> shift ? UINT64_MAX : n << shift;
        p++;
    }
    *number = n;
    return *p == '\0';
}

/* strtod also reads hexadecimal, "inf" and "nan", so other bytes than digits and points are refused first. */
bool option_decimal(const char *text, double *number)
{
    char *end;
    if (!*text || text[strspn(text, "0123456789.")]) return false;
    *number = strtod(text, &end);
    return end != text && *end == '\0';
}

/* Seconds that a unit stands for; 0: not a unit. */
static double unit_seconds(const char *unit)
{
    static const char *const units[] = {"", "ms", "s", "m", "h"};
    static const double seconds[] = {1, 0.001, 1, 60, 3600};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i]) == 0) return seconds[i];
    return 0;
}

bool option_time(const char *text, double *seconds)
{
    char number[32];
    size_t len = strspn(text, "0123456789.");
    double unit = unit_seconds(text + len);
    if (unit == 0 || len >= sizeof number) return false;
    snprintf(number, sizeof number, "%.*s", (int)len, text);
    if (!option_decimal(number, seconds)) return false;
    *seconds *= unit;
    return true;
}

bool option_share(const char *text, double *share)
{
    char number[32];
    size_t len = strlen(text);
    bool percent = len > 0 && text[len - 1] == '%';
    snprintf(number, sizeof number, "%.*s", (int)(len - percent), text);
    if (len >= sizeof number || !option_decimal(number, share)) return false;
    if (percent) *share /= 100;
    return true;
}
