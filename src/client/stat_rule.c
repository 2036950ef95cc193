/* The names are looked up one by one in a table of some two hundred: statistics are asked for rarely, and totals.c looks up each
 * name once. A name that two kinds of statistics have is in both with one rule. */
#include "client/stat_rule.h"

#include <string.h>

#include "protocol/text.h"

static const struct {
    const char *name;
    size_t len;
    enum stat_rule rule;
} rules[] = {
#define X(name, rule, where) {#name, sizeof #name - 1, STAT_##rule},
    STAT_RULES(X)
#undef X
#define X(name, rule) {#name, sizeof #name - 1, STAT_##rule},
        STAT_GENERAL(X) STAT_EXTRA(X) STAT_SETTINGS(X)
#undef X
};

static size_t count_digits(const char *name, size_t len)
{
    size_t n = 0;
    while (n < len && name[n] >= '0' && name[n] <= '9') n++;
    return n;
}

/* What follows `items:5:` or `5:`; the whole name where neither does. */
static const char *without_class(const char *name, size_t *len)
{
    static const char ITEMS[] = "items:";
    size_t skip = sizeof ITEMS - 1;
    if (*len <= skip || memcmp(name, ITEMS, skip) != 0) skip = 0;
    size_t digits = count_digits(name + skip, *len - skip), all = skip + digits + 1;
    if (digits == 0 || all >= *len || name[all - 1] != ':') return name;
    *len -= all;
    return name + all;
}

enum stat_rule stat_rule_of(const char *name, size_t len, bool *known)
{
    bool is_size = len > 0 && count_digits(name, len) == len;
    name = without_class(name, &len);
    if (known) *known = true;
    if (is_size) return STAT_SUM;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].len == len && memcmp(rules[i].name, name, len) == 0) return rules[i].rule;
    }
    if (known) *known = false;
    return STAT_EACH;
}

uint32_t stat_class_of(const char *name, size_t len)
{
    const char *number = name;
    size_t rest = len;
    uint64_t found;
    if (len == 0) return STAT_NO_CLASS;
    if (without_class(name, &rest) == name && count_digits(name, len) < len) return STAT_NO_CLASS;
    if (*number == 'i') number += strlen("items:");
    size_t digits = count_digits(number, len - (size_t)(number - name));
    bool is_number = text_read_digits((const uint8_t *)number, digits, &found);
    return is_number && found < STAT_NO_CLASS ? (uint32_t)found : STAT_NO_CLASS;
}
