#include "base/html.h"

#include "base/utf8.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

static const char UNKNOWN[] = "\xe2\x80\x93"; /* an en dash */

/* --- texts ------------------------------------------------------------------------------------- */

static void put_ascii(FILE *out, unsigned char byte)
{
    switch (byte) {
    case '&': fputs("&amp;", out); break;
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '"': fputs("&quot;", out); break;
    case '\'': fputs("&#39;", out); break;
    case '\n':
    case '\t': putc(byte, out); break;
    default:
        if (byte < ' ' || byte == 0x7f)
            fprintf(out, "\\x%02x", byte);
        else
            putc(byte, out);
    }
}

/* A byte that is not a character reads as it does in the log, \xff. */
void html_bytes(FILE *out, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    while (n > 0) {
        size_t len = utf8_length(p, n), all = len ? len : 1;
        if (len == 1)
            put_ascii(out, *p);
        else if (len == 0 || utf8_is_control(p, len))
            for (size_t i = 0; i < all; i++) fprintf(out, "\\x%02x", p[i]);
        else
            fwrite(p, 1, len, out);
        p += all;
        n -= all;
    }
}

void html_text(FILE *out, const char *text)
{
    html_bytes(out, text, strlen(text));
}

/* --- numbers ----------------------------------------------------------------------------------- */

void html_number(FILE *out, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) putc(',', out);
        putc(digits[i], out);
    }
}

/* Three digits at least, no more than tell something. */
static void put_digits(FILE *out, double n)
{
    fprintf(out, "%.*f", n < 9.995 ? 2 : n < 99.95 ? 1 : 0, n);
}

void html_count(FILE *out, double n)
{
    if (isnan(n))
        fputs(UNKNOWN, out);
    else if (n == 0 || n >= 9.95)
        html_number(out, (uint64_t)llround(n));
    else
        fprintf(out, "%.1f", n);
}

void html_size(FILE *out, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    if (isnan(bytes)) {
        fputs(UNKNOWN, out);
        return;
    }
    while (bytes >= 999.5 && unit < sizeof units / sizeof *units - 1) {
        bytes /= 1000;
        unit++;
    }
    if (unit == 0)
        fprintf(out, "%.0f", bytes);
    else
        put_digits(out, bytes);
    fprintf(out, " %s", units[unit]);
}

/* Not quite all is never shown as all. */
void html_share(FILE *out, double share)
{
    if (isnan(share))
        fputs(UNKNOWN, out);
    else
        fprintf(out, "%.1f %%", floor(share * 1000 + 1e-9) / 10);
}

void html_latency(FILE *out, double seconds)
{
    if (isnan(seconds)) {
        fputs(UNKNOWN, out);
    } else if (seconds < 999.5e-6) {
        fprintf(out, "%.0f \xc2\xb5s", seconds * 1e6);
    } else {
        bool is_short = seconds < 0.9995;
        put_digits(out, is_short ? seconds * 1e3 : seconds);
        fputs(is_short ? " ms" : " s", out);
    }
}

void html_duration(FILE *out, double seconds)
{
    if (isnan(seconds)) {
        fputs(UNKNOWN, out);
        return;
    }
    unsigned long long s = (unsigned long long)fmax(seconds, 0);
    if (s < 60)
        fprintf(out, "%llu s", s);
    else if (s < 3600)
        fprintf(out, "%llu min %llu s", s / 60, s % 60);
    else if (s < 86400)
        fprintf(out, "%llu h %llu min", s / 3600, s / 60 % 60);
    else
        fprintf(out, "%llu d %llu h", s / 86400, s / 3600 % 24);
}

void html_time(FILE *out, time_t t)
{
    struct tm d;
    gmtime_r(&t, &d);
    fprintf(out, "%04d-%02d-%02d %02d:%02d:%02d", d.tm_year + 1900, d.tm_mon + 1, d.tm_mday,
            d.tm_hour, d.tm_min, d.tm_sec);
}

void html_machine_time(FILE *out, time_t t)
{
    struct tm d;
    gmtime_r(&t, &d);
    fprintf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", d.tm_year + 1900, d.tm_mon + 1, d.tm_mday,
            d.tm_hour, d.tm_min, d.tm_sec);
}
