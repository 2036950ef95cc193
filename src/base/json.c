/* A writer is enough: nothing here reads JSON. Keys and values of memcache are bytes, and JSON has only UTF-8 text, so a member
 * that is not valid UTF-8 is written twice: readable, and exact as base64. A program that needs the exact bytes looks for the
 * second one first.
 */
#include "base/json.h"

#include <assert.h>

#include <math.h>
#include <string.h>

#include "base/utf8.h"

/* RFC 8259, section 7. DEL needs no escape there, but a terminal would not show it. */
static void put_ascii(FILE *out, unsigned char byte)
{
    switch (byte) {
    case '"': fputs("\\\"", out); break;
    case '\\': fputs("\\\\", out); break;
    case '\n': fputs("\\n", out); break;
    case '\r': fputs("\\r", out); break;
    case '\t': fputs("\\t", out); break;
    default:
        if (byte < ' ' || byte == 0x7f)
            fprintf(out, "\\u%04x", byte);
        else
            putc(byte, out);
        break;
    }
}

/* A control character of two or three bytes: a reader of JSON gets the same text, and a terminal does not obey it. */
static void put_control(FILE *out, const unsigned char *p, size_t len)
{
    unsigned code = len == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
                             : (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    assert(len == 2 || len == 3);
    fprintf(out, "\\u%04x", code);
}

/* The string with its quotes. False when it holds bytes that are not UTF-8. */
static bool put_string(FILE *out, const unsigned char *p, size_t n)
{
    bool exact = true;
    putc('"', out);
    while (n > 0) {
        size_t len = utf8_length(p, n);
        if (len == 1)
            put_ascii(out, *p);
        else if (len > 1 && utf8_is_control(p, len))
            put_control(out, p, len);
        else if (len > 1)
            fwrite(p, 1, len, out);
        else
            fputs("\\ufffd", out);
        if (len == 0) {
            exact = false;
            len = 1;
        }
        p += len;
        n -= len;
    }
    putc('"', out);
    return exact;
}

/* A comma where one belongs, and the name; NULL: an item of a list, which has no name. A name may be one that a user gave, such as a
 * server's. */
static void put_name(struct json *j, const char *name)
{
    if (j->follows) putc(',', j->out);
    j->follows = true;
    if (!name) return;
    put_string(j->out, (const unsigned char *)name, strlen(name));
    putc(':', j->out);
}

/* RFC 4648, section 4. The functions of the protocol floor are out of reach here. */
static void put_base64(FILE *out, const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t has = n - i < 3 ? n - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        if (has > 1) bits |= (uint32_t)p[i + 1] << 8;
        if (has > 2) bits |= p[i + 2];
        putc(digits[bits >> 18], out);
        putc(digits[bits >> 12 & 63], out);
        putc(has > 1 ? digits[bits >> 6 & 63] : '=', out);
        putc(has > 2 ? digits[bits & 63] : '=', out);
    }
}

void json_begin(struct json *j, FILE *out)
{
    assert(out);
    *j = (struct json){.out = out};
    putc('{', out);
}

void json_end(struct json *j)
{
    fputs("}\n", j->out);
}

void json_bytes(struct json *j, const char *name, const void *bytes, size_t len)
{
    put_name(j, name);
    if (put_string(j->out, bytes, len) || !name) return;
    fprintf(j->out, ",\"%s_base64\":\"", name);
    put_base64(j->out, bytes, len);
    putc('"', j->out);
}

void json_text(struct json *j, const char *name, const char *text)
{
    json_bytes(j, name, text, strlen(text));
}

void json_number(struct json *j, const char *name, uint64_t number)
{
    put_name(j, name);
    fprintf(j->out, "%llu", (unsigned long long)number);
}

void json_integer(struct json *j, const char *name, int64_t number)
{
    put_name(j, name);
    fprintf(j->out, "%lld", (long long)number);
}

void json_flag(struct json *j, const char *name, bool flag)
{
    put_name(j, name);
    fputs(flag ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *name)
{
    put_name(j, name);
    fputs("null", j->out);
}

void json_fraction(struct json *j, const char *name, double number)
{
    put_name(j, name);
    if (isfinite(number))
        fprintf(j->out, "%.6g", number);
    else
        fputs("null", j->out);
}

static void put_open(struct json *j, const char *name, char bracket)
{
    put_name(j, name);
    putc(bracket, j->out);
    j->follows = false;
}

static void put_close(struct json *j, char bracket)
{
    putc(bracket, j->out);
    j->follows = true;
}

void json_list(struct json *j, const char *name)
{
    put_open(j, name, '[');
}

void json_list_end(struct json *j)
{
    put_close(j, ']');
}

void json_object(struct json *j, const char *name)
{
    put_open(j, name, '{');
}

void json_object_end(struct json *j)
{
    put_close(j, '}');
}
