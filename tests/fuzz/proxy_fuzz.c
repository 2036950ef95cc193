/* Any bytes as a PROXY header, as the words of a listener, and as the text of who a client is: what is taken is the same whatever comes
 * behind it and however it is cut, and reads the same again. */
#include "fuzz/fuzz.h"

#include <stdbool.h>

#include "net/proxy.h"
#include "net/rules.h"
#include "net/who.h"

static struct proxy_header parse(const uint8_t *data, size_t n)
{
    uint8_t *exact = exact_copy(data, n);
    struct proxy_header h = proxy_parse(exact, n);
    free(exact);
    check((h.status == PROXY_BAD) == (h.wrong != NULL));
    check(h.status == PROXY_OK || (h.len == 0 && h.from.len == 0 && !h.is_local));
    check(h.status != PROXY_OK || (h.len > 0 && h.len <= n && h.len <= PROXY_HEADER_MAX));
    check(h.status != PROXY_AGAIN || n < PROXY_HEADER_MAX);
    check(!h.is_local || h.from.len == 0);
    return h;
}

/* Wherever it is cut: first it waits, then the verdict is there, and it stays. */
static void check_header(const uint8_t *data, size_t size)
{
    struct proxy_header whole = parse(data, size);
    bool was_decided = false;
    for (size_t cut = 0; cut <= size; cut = next_cut(cut, size, size * 2654435761u)) {
        struct proxy_header h = parse(data, cut);
        check(!was_decided || h.status != PROXY_AGAIN);
        was_decided = h.status != PROXY_AGAIN;
        if (was_decided) {
            check(h.status == whole.status && h.len == whole.len && h.is_local == whole.is_local);
            check(memcmp(&h.from, &whole.from, sizeof h.from) == 0);
        }
        check(whole.status != PROXY_OK || was_decided == (cut >= whole.len));
    }
}

static void check_rules(const char *text)
{
    char merged[RULES_TEXT_MAX];
    struct rules *r, *again;
    if (rules_parse(&r, text)) {
        check(!r);
        return;
    }
    check(r && strcmp(r->text, text) == 0);
    for (uint32_t i = 0; i < r->allow_from.n; i++)
        check(networks_hold(&r->allow_from, &r->allow_from.items[i].addr));
    check(!rules_merge(merged, text, text, false) && strcmp(merged, text) == 0);
    check(!rules_merge(merged, "", text, false) && !rules_parse(&again, merged));
    check(again->tls == r->tls && again->protocol == r->protocol && again->no_auth == r->no_auth);
    check(again->allow_from.n == r->allow_from.n && again->proxy_from.n == r->proxy_from.n);
    rules_give(again);
    rules_give(r);
}

static void check_who(const char *text)
{
    struct who_moved m, back;
    char one[WHO_TEXT_MAX], two[WHO_TEXT_MAX];
    if (!who_read(&m, text)) {
        check(who_is_nobody(&m.who) && m.entry == ENTRY_PROXY);
        return;
    }
    check(who_read(&back, who_print(&m, one)));
    check(strcmp(who_print(&back, two), one) == 0);
    check(strcmp(back.who.identity, m.who.identity) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 2 * PROXY_HEADER_MAX) return 0;
    check_header(data, size);
    char *text = strndup((const char *)data, size);
    check(text);
    check_rules(text);
    check_who(text);
    free(text);
    return 0;
}
