#include "net/labels.h"

#include "net/bind.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    if (!copy) abort();
    return copy;
}

static bool is_number(uint32_t number)
{
    return number >= LISTENERS_BOUND && number < LISTENERS_ROOM;
}

static bool is_label(const char *text)
{
    struct bind_spec spec;
    return strlen(text) < LABEL_MAX && !bind_parse(&spec, text);
}

uint32_t labels_number(struct labels *l, const char *text)
{
    if (!is_label(text)) return 0;
    for (uint32_t i = 0; i < LABELS_MOST; i++) {
        if (!l->texts[i]) l->texts[i] = copy_of(text);
        if (strcmp(l->texts[i], text) == 0) return LISTENERS_BOUND + i;
    }
    return 0;
}

uint32_t labels_of_item(struct labels *l, const char *item)
{
    struct bind_spec spec;
    char text[LABEL_MAX];
    if (bind_parse(&spec, item)) return 0;
    int len = snprintf(text, sizeof text, "%.*s%s%.*s", spec.has_label ? (int)spec.name_len : 0,
                       spec.name, spec.has_label ? "=" : "", (int)spec.address_len, spec.address);
    return len < (int)sizeof text ? labels_number(l, text) : 0;
}

const char *labels_text(const struct labels *l, uint32_t number)
{
    const char *text = l && is_number(number) ? l->texts[number - LISTENERS_BOUND] : NULL;
    return text ? text : "";
}

bool labels_put(struct labels *l, uint32_t number, const char *text)
{
    if (!is_number(number) || !is_label(text)) return false;
    char **to = &l->texts[number - LISTENERS_BOUND];
    if (!*to) *to = copy_of(text);
    return strcmp(*to, text) == 0;
}

const char *label_address(const char *text)
{
    struct bind_spec spec;
    (void)bind_parse(&spec, text);
    return spec.address;
}

void labels_release(struct labels *l)
{
    for (uint32_t i = 0; i < LABELS_MOST; i++) free(l->texts[i]);
    *l = (struct labels){{NULL}};
}
