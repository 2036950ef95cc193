#include "master/template.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { NAME = 40 };

static const char *write_until(const char *at, const char *end, const struct template_keeper *k,
                               FILE *out);

/* What stands between `{{` and `}}`. */
struct tag {
    char kind; /* '#', '^', '/' or 0: a value */
    char name[NAME];
    const char *behind;
};

static struct tag tag_at(const char *at)
{
    struct tag t = {0};
    const char *close = strstr(at, "}}");
    assert(close);
    at += 2;
    if (strchr("#^/", *at)) t.kind = *at++;
    assert(close > at && close - at < NAME);
    memcpy(t.name, at, (size_t)(close - at));
    t.behind = close + 2;
    return t;
}

/* The end of the part that t begins: the tag that closes it. */
static const char *closing(const struct tag *t)
{
    char text[NAME + 8];
    snprintf(text, sizeof text, "{{/%s}}", t->name);
    const char *close = strstr(t->behind, text);
    assert(close);
    return close;
}

static const char *write_part(const struct tag *t, const struct template_keeper *k, FILE *out)
{
    const char *close = closing(t);
    size_t n = 0;
    if (t->kind == '#') {
        while (k->item(k->arg, t->name, n)) {
            write_until(t->behind, close, k, out);
            n++;
        }
    } else if (!k->item(k->arg, t->name, 0)) {
        write_until(t->behind, close, k, out);
    }
    return tag_at(close).behind;
}

static const char *write_tag(const char *at, const struct template_keeper *k, FILE *out)
{
    struct tag t = tag_at(at);
    assert(t.kind != '/');
    if (t.kind) return write_part(&t, k, out);
    bool is_known = k->value(k->arg, t.name, out);
    assert(is_known);
    (void)is_known;
    return t.behind;
}

static const char *write_until(const char *at, const char *end, const struct template_keeper *k,
                               FILE *out)
{
    while (at < end) {
        const char *tag = memmem(at, (size_t)(end - at), "{{", 2);
        fwrite(at, 1, (size_t)((tag ? tag : end) - at), out);
        at = tag ? write_tag(tag, k, out) : end;
    }
    return at;
}

void template_write(const char *text, const struct template_keeper *k, FILE *out)
{
    write_until(text, text + strlen(text), k, out);
}
