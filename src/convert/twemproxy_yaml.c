/* nutcracker takes a part of YAML: a map of pools, each a map of options of which exactly one is a list. It looks at the file's
 * tokens first and refuses whole kinds of them, then at its structure. The YAML itself is read by libyaml here as there, so both
 * agree on what a scalar is. */
#include "convert/twemproxy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static uint32_t line_of(yaml_mark_t mark)
{
    return (uint32_t)mark.line + 1;
}

/* --- what libyaml refuses ----------------------------------------------------------------------- */

/* A tab is what people cannot see in what libyaml says. */
static bool is_tab(const yaml_parser_t *parser, const char *bytes, size_t len)
{
    size_t at = parser->problem_mark
                    .index; /* counts characters: exact where the file is ASCII up to there */
    return at < len && bytes[at] == '\t';
}

static bool fail_yaml(struct twem *t, const yaml_parser_t *parser, const char *bytes, size_t len)
{
    const char *problem = parser->problem ? parser->problem : "it cannot be read";
    const char *hint = "compare its indentation, quotes and colons with the lines around it";
    if (parser->error == YAML_READER_ERROR) {
        uint32_t line = 1;
        for (size_t i = 0; i < len && i < parser->problem_offset; i++) line += bytes[i] == '\n';
        return convert_fail(t->out, t->path, line, "this is not YAML: %s: save the file as UTF-8",
                            problem);
    }
    if (is_tab(parser, bytes, len)) hint = "there is a tab here: indent with blanks";
    return convert_fail(t->out, t->path, line_of(parser->problem_mark),
                        "this is not YAML: %s%s%s: %s", parser->context ? parser->context : "",
                        parser->context ? ": " : "", problem, hint);
}

/* --- tokens ------------------------------------------------------------------------------------- */

/* Why nutcracker refuses such a token; NULL: it does not. */
static const char *wrong_token(yaml_token_type_t type)
{
    switch (type) {
    case YAML_VERSION_DIRECTIVE_TOKEN:
    case YAML_TAG_DIRECTIVE_TOKEN: return "nutcracker refuses directives ('%'): take the line out";
    case YAML_DOCUMENT_START_TOKEN: return "nutcracker refuses '---': take the line out";
    case YAML_DOCUMENT_END_TOKEN: return "nutcracker refuses '...': take the line out";
    case YAML_FLOW_SEQUENCE_START_TOKEN:
    case YAML_FLOW_SEQUENCE_END_TOKEN:
    case YAML_FLOW_MAPPING_START_TOKEN:
    case YAML_FLOW_MAPPING_END_TOKEN:
    case YAML_FLOW_ENTRY_TOKEN:
        return "nutcracker refuses '[', ']', '{' and '}' outside of quotes: write a list with one "
               "'- ' a line, and a value such as \"{}\" in quotes";
    case YAML_ALIAS_TOKEN:
        return "nutcracker refuses aliases ('*'): put a value that begins so in quotes";
    case YAML_ANCHOR_TOKEN:
        return "nutcracker refuses anchors ('&'): put a value that begins so in quotes";
    case YAML_TAG_TOKEN:
        return "nutcracker refuses tags ('!'): put a value that begins so in quotes";
    default: return NULL;
    }
}

static bool check_tokens(struct twem *t, yaml_parser_t *parser, const char *bytes, size_t len)
{
    for (bool is_done = false; !is_done;) {
        yaml_token_t token;
        if (!yaml_parser_scan(parser, &token)) return fail_yaml(t, parser, bytes, len);
        const char *wrong = wrong_token(token.type);
        uint32_t line = line_of(token.start_mark);
        is_done = token.type == YAML_STREAM_END_TOKEN;
        yaml_token_delete(&token);
        if (wrong) return convert_fail(t->out, t->path, line, "%s", wrong);
    }
    return true;
}

/* --- structure ---------------------------------------------------------------------------------- */

/* What is wanted next, and where we are. */
struct walk {
    enum { AT_TOP, AT_POOL, AT_POOL_BODY, AT_OPTION, AT_VALUE, AT_ITEM, AT_END } state;
    struct twem_pool *pool;  /* of the newest name */
    struct twem_text option; /* the newest key of it; owned */
    uint32_t list;           /* the line of the pool's list; 0: none so far */
};

static bool fail_empty(struct twem *t, const struct walk *w, uint32_t line)
{
    if (w->state == AT_VALUE || w->state == AT_ITEM)
        return convert_fail(
            t->out, t->path, line,
            "\"%.100s\" has an empty value, which nutcracker refuses: write one or take "
            "the line out",
            w->option.at);
    return convert_fail(t->out, t->path, line,
                        "a name is missing, which nutcracker refuses: write one before the ':'");
}

static bool fail_value_of_pool(struct twem *t, const struct walk *w, uint32_t line)
{
    return convert_fail(
        t->out, t->path, line,
        "pool \"%.100s\" has no options: write them below it, each on a line of its own "
        "that is indented",
        w->pool->name.at);
}

/* A scalar goes where the state wants it. Takes text where it is a name; else the caller frees it. */
static bool walk_scalar(struct twem *t, struct walk *w, struct twem_text *text)
{
    switch (w->state) {
    case AT_POOL:
        w->pool = twem_add_pool(t);
        w->pool->name = *text;
        *text = (struct twem_text){0};
        w->state = AT_POOL_BODY;
        return true;
    case AT_OPTION:
        w->option = *text;
        *text = (struct twem_text){0};
        w->state = AT_VALUE;
        return true;
    case AT_VALUE: {
        bool is_taken = twem_take(t, w->pool, &w->option, text);
        free(w->option.at);
        w->option.at = NULL;
        w->state = AT_OPTION;
        return is_taken;
    }
    default: assert(w->state == AT_ITEM); return twem_take(t, w->pool, &w->option, text);
    }
}

static bool on_scalar(struct twem *t, struct walk *w, const yaml_event_t *event)
{
    const char *bytes = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    uint32_t line = line_of(event->start_mark);
    if (w->state == AT_TOP)
        return convert_fail(t->out, t->path, line,
                            "this is no pool: write its name and ':', and its options below");
    if (w->state == AT_POOL_BODY) return fail_value_of_pool(t, w, w->pool->name.line);
    if (len == 0) return fail_empty(t, w, line);
    if (memchr(bytes, 0, len))
        return convert_fail(t->out, t->path, line,
                            "nutcracker accepts a NUL byte, and reads beyond it: take it out");
    struct twem_text text = twem_copy(bytes, len, line);
    bool is_taken = walk_scalar(t, w, &text);
    free(text.at);
    return is_taken;
}

static bool on_map(struct twem *t, struct walk *w, uint32_t line)
{
    switch (w->state) {
    case AT_TOP: w->state = AT_POOL; return true;
    case AT_POOL_BODY:
        w->state = AT_OPTION;
        w->list = 0;
        return true;
    case AT_VALUE:
    case AT_ITEM:
        return convert_fail(
            t->out, t->path, line,
            "\"%.100s\" has options of its own, which nutcracker refuses: write a value, "
            "and put it in quotes if a blank follows a ':' in it",
            w->option.at);
    default:
        return convert_fail(t->out, t->path, line,
                            "a map stands where a name is wanted: write NAME and ':'");
    }
}

static bool on_list(struct twem *t, struct walk *w, uint32_t line)
{
    if (w->state == AT_POOL_BODY) return fail_value_of_pool(t, w, line);
    if (w->state != AT_VALUE)
        return convert_fail(t->out, t->path, line,
                            "nutcracker takes a list as an option's value alone: write '- ' only "
                            "below \"servers:\", indented");
    if (w->list)
        return convert_fail(
            t->out, t->path, line,
            "pool \"%.100s\" has a second list (the first is in line %u), which nutcracker "
            "refuses: make one list of them",
            w->pool->name.at, w->list);
    w->list = line;
    w->state = AT_ITEM;
    return true;
}

static bool on_map_end(struct twem *t, struct walk *w)
{
    if (w->state == AT_POOL) {
        w->state = AT_END;
        return true;
    }
    assert(w->state == AT_OPTION && w->pool); /* libyaml gives a key without a value an empty one */
    w->state = AT_POOL;
    if (w->list) return true;
    return convert_fail(
        t->out, t->path, w->pool->name.line,
        "pool \"%.100s\" has no list, which nutcracker refuses: write \"servers:\" and "
        "each server as '- HOST:PORT:WEIGHT' below it",
        w->pool->name.at);
}

static bool on_event(struct twem *t, struct walk *w, const yaml_event_t *event)
{
    uint32_t line = line_of(event->start_mark);
    switch (event->type) {
    case YAML_SCALAR_EVENT: return on_scalar(t, w, event);
    case YAML_MAPPING_START_EVENT: return on_map(t, w, line);
    case YAML_SEQUENCE_START_EVENT: return on_list(t, w, line);
    case YAML_MAPPING_END_EVENT: return on_map_end(t, w);
    case YAML_SEQUENCE_END_EVENT:
        free(w->option.at);
        w->option.at = NULL;
        w->state = AT_OPTION;
        return true;
    default: return true; /* begin and end of the stream and its document */
    }
}

static bool check_structure(struct twem *t, yaml_parser_t *parser, const char *bytes, size_t len)
{
    struct walk w = {0};
    bool is_right = true;
    for (bool is_done = false; is_right && !is_done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            is_right = fail_yaml(t, parser, bytes, len);
            break;
        }
        is_right = on_event(t, &w, &event);
        is_done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    free(w.option.at);
    return is_right;
}

/* --- both --------------------------------------------------------------------------------------- */

typedef bool pass_fn(struct twem *t, yaml_parser_t *parser, const char *bytes, size_t len);

static bool run_pass(struct twem *t, pass_fn *pass, const char *bytes, size_t len)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return convert_fail(t->out, t->path, 0, "there is no memory to read it");
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
    bool is_right = pass(t, &parser, bytes, len);
    yaml_parser_delete(&parser);
    return is_right;
}

bool twem_parse(struct twem *t, const char *bytes, size_t len)
{
    return run_pass(t, check_tokens, bytes, len) && run_pass(t, check_structure, bytes, len);
}
