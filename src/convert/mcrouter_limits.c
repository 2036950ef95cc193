#include "convert/mcrouter.h"

/* Handles that answer by themselves, limit, delay or log.
 *
 * Sources: mcrouter/routes/ErrorRoute.h 40-145, mcrouter/lib/network/AsciiSerialized.cpp 17-68 and 286-311 (texts of errors),
 * mcrouter/routes/RateLimitRoute.h 45-125, RateLimiter.cpp 22-70, LoggingRoute.h 100-113, LatencyInjectionRoute.cpp, as of 2026-08. */

struct mc_route mc_null(void)
{
    return mc_plain("mg.null()");
}

/* A text as it can stand in an answer: mg.error takes no control bytes. */
struct mc_route mc_error(struct mc *m, struct tree_text text)
{
    char *shown = mc_alloc(m, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        shown[i] = (unsigned char)text.bytes[i] < ' ' || text.bytes[i] == 127 ? ' ' : text.bytes[i];
    if (text.len > 1000) text.len = 1000;
    const char *quoted = mc_quoted(m, (struct tree_text){shown, text.len});
    return (struct mc_route){.text = mc_text(m, "mg.error %s", quoted), .denies = true};
}

bool mc_null_route(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    mc_add(m, to, mc_null());
    return true;
}

/* Results that mcrouter has as errors, with the text of one that has none of its own. mg.error says SERVER_ERROR. */
static const struct {
    const char *name, *text;
} results[] = {
    {"mc_res_aborted", "aborted"},
    {"mc_res_bad_value", "bad value"},
    {"mc_res_busy", "307 busy"},
    {"mc_res_connect_error", "connection error"},
    {"mc_res_connect_timeout", "connection timeout"},
    {"mc_res_deadline_exceeded", "request deadline exceeded"},
    {"mc_res_hot_key", "hot key"},
    {"mc_res_local_error", "local error"},
    {"mc_res_ooo", "out of order"},
    {"mc_res_overloaded", "overloaded"},
    {"mc_res_permission_denied", "permission denied"},
    {"mc_res_remote_error", "remote error"},
    {"mc_res_shutdown", "301 shutdown"},
    {"mc_res_timeout", "timeout"},
    {"mc_res_tko", "unavailable"},
    {"mc_res_try_again", "302 try again"},
};

bool mc_error_route(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct tree_text text = {NULL, 0}, result = mc_str("mc_res_local_error");
    if (node->kind == TREE_STRING) text = node->text;
    if (node->kind != TREE_STRING && node->kind != TREE_OBJECT && node->kind != TREE_NULL)
        return mc_fail(m, node, "ErrorRoute is over %s: write a string or an object",
                       tree_kind_name(node->kind));
    if (!mc_get_text(m, node, "ErrorRoute", "response", &text) ||
        !mc_get_text(m, node, "ErrorRoute", "result", &result))
        return false;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        if (!mc_same(result, results[i].name)) continue;
        mc_add(m, to, mc_error(m, text.len ? text : mc_str(results[i].text)));
        return true;
    }
    return mc_fail(
        m, tree_get(node, "result"),
        "ErrorRoute: '%s' is no error that an ErrorRoute gives here: write mc_res_local_error",
        result.bytes);
}

/* --- rates ------------------------------------------------------------------------------------------------ */

/* A rate for the commands that `word` names, and those that share it: "" or Lua text. */
static bool add_rate(struct mc *m, const struct tree_node *rates, const char *rate_name,
                     const char *burst_name, const char *word, const char *with, struct mc_call *c)
{
    double rate = 0, burst;
    if (!tree_get(rates, rate_name)) return true;
    if (!mc_get_real(m, rates, "rates", rate_name, &rate)) return false;
    burst = rate;
    if (mc_is_number(tree_get(rates, burst_name))) burst = mc_real(tree_get(rates, burst_name));
    if (!(rate > 0) || !(burst > 0))
        return mc_fail(m, rates, "'%s' and '%s' are above 0: write such numbers", rate_name,
                       burst_name);
    rate = rate < 0.001 ? 0.001 : rate > 1e9 ? 1e9 : rate;
    burst = burst < 1 ? 1 : burst > 1e9 ? 1e9 : burst;
    mc_item(c, "%s = { rate = %s, burst = %s%s }", word, mc_number(m, rate), mc_number(m, burst),
            with);
    return true;
}

bool mc_limit_rates(struct mc *m, const struct tree_node *node, const struct tree_node *rates,
                    struct mc_route target, const struct mc_route *over, struct mc_route *to)
{
    struct mc_call c = mc_call(m, "mg.rate_limit");
    if (rates->kind != TREE_OBJECT)
        return mc_fail(m, rates, "'rates' is %s: write an object", tree_kind_name(rates->kind));
    mc_child(&c, target);
    if (!add_rate(m, rates, "gets_rate", "gets_burst", "get", ", with = { \"gat\", \"gats\" }",
                  &c) ||
        !add_rate(m, rates, "sets_rate", "sets_burst", "update", "", &c) ||
        !add_rate(m, rates, "deletes_rate", "deletes_burst", "delete", "", &c) ||
        !mc_check_options(m, rates, "rates",
                          "gets_rate gets_burst sets_rate sets_burst "
                          "deletes_rate deletes_burst"))
        return false;
    *to = target;
    if (c.n == 1) return true;
    if (over)
        mc_option(&c, "over", *over);
    else
        mc_item(&c, "over = \"miss\"");
    *to = mc_done(&c);
    return true;
}

bool mc_rate_limit(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "RateLimitRoute";
    const struct tree_node *rates = mc_want(m, node, of, "rates");
    struct mc_route target = {0}, over = {0}, route = {0};
    if (!rates || !mc_make_option(m, node, of, "target", &target)) return false;
    bool has_fallback = tree_get(node, "fallback");
    if (has_fallback && !mc_make_option(m, node, of, "fallback", &over)) return false;
    if (!mc_limit_rates(m, node, rates, target, has_fallback ? &over : NULL, &route)) return false;
    mc_add(m, to, route);
    return true;
}

/* --- log, delay ------------------------------------------------------------------------------------------- */

bool mc_logging(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    struct mc_call c = mc_call(m, "mg.log_requests");
    struct mc_route target = mc_null();
    if (node->kind == TREE_STRING && !mc_make(m, node, &target)) return false;
    if (tree_get(node, "target") && !mc_make_option(m, node, "LoggingRoute", "target", &target))
        return false;
    mc_child(&c, target);
    mc_add(m, to, mc_done(&c));
    return true;
}

bool mc_latency(struct mc *m, const struct tree_node *node, struct mc_list *to)
{
    static const char of[] = "LatencyInjectionRoute";
    struct mc_call c = mc_call(m, "mg.delay");
    struct mc_route child;
    int64_t before = 0, after = 0;
    if (!mc_make_option(m, node, of, "child", &child) ||
        !mc_get_whole(m, node, of, "before_latency_ms", 0, 3600000, &before) ||
        !mc_get_whole(m, node, of, "after_latency_ms", 0, 3600000, &after))
        return false;
    mc_child(&c, child);
    if (before) mc_item(&c, "before = %s", mc_number(m, (double)before / 1000));
    if (after) mc_item(&c, "after = %s", mc_number(m, (double)after / 1000));
    mc_add(m, to, before || after ? mc_done(&c) : child);
    return true;
}
