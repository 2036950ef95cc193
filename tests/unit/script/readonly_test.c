/* What scripts are given may be read and not written to, wherever they try. */
#include "unit/script/script_host.h"

/* Objects that scripts are given. */
static const struct {
    const char *object, *says;
} readonly[] = {
    {"mg", "mg is read-only"},
    {"mg.reply", "mg.reply is read-only"},
    {"mg.request", "mg.request is read-only"},
    {"mg.timer", "mg.timer is read-only"},
    {"mg.log", "mg.log is read-only"},
    {"mg.worker", "mg.worker is read-only"},
    {"made.counter", "a counter is read-only"},
    {"made.gauge", "a gauge is read-only"},
    {"made.histogram", "a histogram is read-only"},
    {"made.shared", "a dictionary has no fields"},
    {"made.timer", "a timer is read-only"},
    {"made.pool", "a route is read-only"},
    {"made.policy", "a route is read-only"},
    {"made.waiting", "a route is read-only"},
    {"made.miss", "a reply is read-only"},
    {"made.refusal", "a reply is read-only"},
    {"made.value", "a reply is read-only"},
    {"made.get", "a request has no field"},
    {"req", "a request has no field"},
};

/* What each has, and what none has. */
static const char *const fields[] = {
    "value", "nosuch",  "name", "add",    "stop",    "id",   "pool", "miss",    "every",  "info",
    "get",   "observe", "[1]",  "number", "__index", "call", "size", "command", "servers"};

static bool may_be_set(const char *object, const char *field)
{
    bool is_request = strcmp(object, "req") == 0 || strcmp(object, "made.get") == 0;
    return is_request && strcmp(field, "value") == 0; /* refused for other reasons */
}

static void what_is_read_only_cannot_be_written_to(void **state)
{
    char text[2048];
    for (size_t i = 0; i < COUNT(readonly); i++) {
        for (size_t k = 0; k < COUNT(fields); k++) {
            if (may_be_set(readonly[i].object, fields[k])) continue;
            const char *dot = fields[k][0] == '[' ? "" : ".";
            snprintf(text, sizeof text,
                     MG "local made = { counter = mg.counter 'c', gauge = mg.gauge 'g',\n"
                        "  histogram = mg.histogram 'h', shared = mg.shared('d', 8192),\n"
                        "  timer = mg.timer.every(60, print), pool = mg.pool { '127.0.0.1:1' },\n"
                        "  waiting = mg.async(function() end), miss = mg.reply.miss(),\n"
                        "  refusal = mg.reply.error 'x', value = mg.reply.value 'x',\n"
                        "  get = mg.request.get 'k' }\n"
                        "made.policy = mg.failover { made.pool, made.pool }\n"
                        "local function write(req)\n"
                        "  local good, why = pcall(function() %s%s%s = 5 end)\n"
                        "  return good and 'allowed' or why\n"
                        "end\n"
                        "local said = '%s' ~= 'req' and write()\n"
                        "return function(req)\n"
                        "  return mg.reply.error((said or 'asked') .. ', ' .. write(req))\n"
                        "end\n",
                     readonly[i].object, dot, fields[k], readonly[i].object);
            load(text);
            route_one(COMMAND_GET, "k", NULL);
            char *said = strndup((const char *)w.answers[0].text_at, w.answers[0].text_len);
            const char *says = readonly[i].says;
            if (*dot == '\0' && strstr("made.counter made.gauge", readonly[i].object))
                says = "size of C type is unknown"; /* LuaJIT's own words */
            const char *first = strstr(said, says);
            bool twice =
                strcmp(readonly[i].object, "req") == 0 || (first && strstr(first + 1, says));
            if (!first || !twice)
                fail_msg("%s%s%s = 5: %s", readonly[i].object, dot, fields[k], said);
            free(said);
        }
    }
}

/* They can be looked through, though not by what would change them. */
static void what_is_read_only_has_pairs(void **state)
{
    load(MG "local n = 0\nfor name, value in pairs(mg) do assert(mg[name] == value) n = n + 1 end\n"
            "assert(n > 40)\nlocal _, inside = pairs(mg)\ninside.pool = 5\n"
            "assert(type(mg.pool) == 'function' and next(mg) == nil)\n"
            "for name in pairs { a = 1 } do assert(name == 'a') end\n"
            "assert(not pcall(pairs) and not pcall(pairs, 5))\n" ANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(what_is_read_only_cannot_be_written_to),
        alone(what_is_read_only_has_pairs),
    };
    return cmocka_run_group_tests_name("readonly", tests, NULL, NULL);
}
