/* A writer is enough: nothing here reads JSON. Keys and values of memcache are bytes, and JSON has only UTF-8 text, so a member
 * that is not valid UTF-8 is written twice: readable, and exact as base64. A program that needs the exact bytes looks for the
 * second one first.
 */
#include "tools/json.h"

#include <assert.h>

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "protocol/base64.h"

/* A comma where one belongs, and the name; NULL: an item of a list, which has no name. */
static void put_name(struct json *j, const char *name)
{
    if (j->follows) putc(',', j->out);
    j->follows = true;
    if (name) fprintf(j->out, "\"%s\":", name);
}

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

/* The string with its quotes. False when it holds bytes that are not UTF-8. */
static bool put_string(FILE *out, const unsigned char *p, size_t n)
{
    bool exact = true;
    putc('"', out);
    while (n > 0) {
        size_t len = utf8_length(p, n);
        if (len == 1)
            put_ascii(out, *p);
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

static void put_base64(FILE *out, const uint8_t *p, size_t n)
{
    enum { PIECE = 48 }; /* bytes: whole groups of three, so that only the last piece is padded */
    uint8_t text[PIECE / 3 * 4];
    while (n > 0) {
        size_t piece = n < PIECE ? n : PIECE;
        size_t len = base64_encode(p, piece, text);
        assert(len <= sizeof text);
        fwrite(text, 1, len, out);
        p += piece;
        n -= piece;
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

void json_fraction(struct json *j, const char *name, double number)
{
    put_name(j, name);
    if (isfinite(number))
        fprintf(j->out, "%.6g", number);
    else
        fputs("null", j->out);
}

void json_list(struct json *j, const char *name)
{
    put_name(j, name);
    putc('[', j->out);
    j->follows = false;
}

void json_list_end(struct json *j)
{
    putc(']', j->out);
    j->follows = true;
}

void json_item(struct json *j)
{
    put_name(j, NULL);
    putc('{', j->out);
    j->follows = false;
}

void json_item_end(struct json *j)
{
    putc('}', j->out);
    j->follows = true;
}

void json_true(struct json *j, const char *name)
{
    put_name(j, name);
    fputs("true", j->out);
}
