#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "convert/mcrouter.h"

/* Memory of one reading: blocks that are given out front to back, and freed at once. A process without memory ends. */

enum { CHUNK = 64 * 1024 };

struct mc_chunk {
    struct mc_chunk *next;
    size_t used, room;
    _Alignas(16) uint8_t bytes[];
};

struct mc_stream {
    struct mc_stream *next;
    FILE *file; /* NULL: closed */
    char *text;
    size_t len;
};

static void *given(void *memory)
{
    if (!memory) abort();
    return memory;
}

void *mc_alloc(struct mc *m, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (!m->chunks || m->chunks->room - m->chunks->used < n) {
        size_t room = n > CHUNK ? n : CHUNK;
        struct mc_chunk *chunk = given(malloc(sizeof *chunk + room));
        *chunk = (struct mc_chunk){.next = m->chunks, .room = room};
        m->chunks = chunk;
    }
    void *at = m->chunks->bytes + m->chunks->used;
    m->chunks->used += n;
    return memset(at, 0, n);
}

FILE *mc_open(struct mc *m)
{
    struct mc_stream *s = mc_alloc(m, sizeof *s);
    s->file = given(open_memstream(&s->text, &s->len));
    s->next = m->streams;
    m->streams = s;
    return s->file;
}

/* Streams are closed in about the order in which they are opened, last first. */
const char *mc_close(struct mc *m, FILE *stream)
{
    struct mc_stream **at = &m->streams;
    while ((*at)->file != stream) at = &(*at)->next;
    struct mc_stream *s = *at;
    *at = s->next;
    if (fclose(stream)) abort();
    char *text = memcpy(mc_alloc(m, s->len + 1), s->text, s->len + 1);
    free(s->text);
    return text;
}

void mc_release(struct mc *m)
{
    while (m->streams) {
        struct mc_stream *s = m->streams;
        m->streams = s->next;
        fclose(s->file);
        free(s->text);
    }
    while (m->chunks) {
        struct mc_chunk *chunk = m->chunks;
        m->chunks = chunk->next;
        free(chunk);
    }
}

/* --- text ------------------------------------------------------------------------------------------ */

const char *mc_text_of(struct mc *m, const char *form, va_list arguments)
{
    char *text;
    int n = vasprintf(&text, form, arguments);
    if (n < 0) abort();
    char *kept = memcpy(mc_alloc(m, (size_t)n + 1), text, (size_t)n + 1);
    free(text);
    return kept;
}

const char *mc_text(struct mc *m, const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    const char *text = mc_text_of(m, form, arguments);
    va_end(arguments);
    return text;
}

const char *mc_quoted(struct mc *m, struct tree_text text)
{
    FILE *to = mc_open(m);
    convert_quote(to, text.bytes, text.len);
    return mc_close(m, to);
}

const char *mc_number(struct mc *m, double number)
{
    const char *text = mc_text(m, "%.15g", number);
    return strtod(text, NULL) == number ? text : mc_text(m, "%.17g", number);
}

static bool is_keyword(struct tree_text text)
{
    static const char *const words[] = {"and",   "break", "do",       "else", "elseif", "end",
                                        "false", "for",   "function", "goto", "if",     "in",
                                        "local", "nil",   "not",      "or",   "repeat", "return",
                                        "then",  "true",  "until",    "while"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (mc_same(text, words[i])) return true;
    return false;
}

static bool is_name(struct tree_text text)
{
    if (text.len == 0 || isdigit((unsigned char)*text.bytes) || is_keyword(text)) return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.bytes[i];
        if (c > 127 || (!isalnum(c) && c != '_')) return false;
    }
    return true;
}

const char *mc_field(struct mc *m, struct tree_text name)
{
    return is_name(name) ? mc_text(m, ".%s", name.bytes) : mc_text(m, "[%s]", mc_quoted(m, name));
}

bool mc_same(struct tree_text a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.bytes, b, a.len) == 0;
}

struct tree_text mc_str(const char *text)
{
    return (struct tree_text){text, strlen(text)};
}
