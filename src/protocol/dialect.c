/* I10: a server that refuses a request with a value may leave the value in its stream and run its lines as commands. A client
 * chooses the bytes of a value, so those commands could be about any key, and their responses would be taken for those of other
 * clients' calls. So before a request with a value is sent, it must be known what the server does with it:
 *
 *   it takes the line                                    DIALECT_TAKES: any connection
 *   it may refuse the line and leave the value behind    DIALECT_APART: a connection that no other call shares
 *   it does not know the command                         DIALECT_LACKS: do not send it
 *
 * and, after a refusal, whether the next byte is the next response (dialect_in_step). Both answers come from measuring real
 * versions (tests/servers). A version that was not measured, or a server that gives none, gets the careful answer. */
#include "protocol/dialect.h"

#include <assert.h>
#include <string.h>

/* --- versions ---------------------------------------------------------------------------------- */

/* Reads one to three digits at *at and the separator behind them (0: none), and moves *at. Numbers over 99 would not fit the
 * form. */
static bool take_part(const uint8_t **at, const uint8_t *end, uint8_t separator, uint32_t *number)
{
    const uint8_t *p = *at, *first = p;
    *number = 0;
    for (; p < end && *p >= '0' && *p <= '9' && p - first < 3; p++)
        *number = *number * 10 + (*p - '0');
    if (p == first || (separator && (p == end || *p != separator))) return false;
    *at = p + (separator != 0);
    return *number < 100;
}

static uint32_t read_version(const uint8_t *at, const uint8_t *end)
{
    uint32_t major, minor, patch;
    if (!take_part(&at, end, '.', &major) || !take_part(&at, end, '.', &minor) ||
        !take_part(&at, end, 0, &patch))
        return 0;
    return major * 10000 + minor * 100 + patch;
}

uint32_t dialect_read_version(const uint8_t *line, size_t len)
{
    static const char word[] = "VERSION ";
    if (len < sizeof word || memcmp(line, word, sizeof word - 1) != 0) return 0;
    return read_version(line + sizeof word - 1, line + len);
}

uint32_t dialect_number(const char *version, size_t len)
{
    const uint8_t *at = (const uint8_t *)version;
    return read_version(at, at + len);
}

/* True for a version whose refusals were measured. */
static bool is_seen(uint32_t version)
{
    return version > 0 && version <= DIALECT_SEEN_TO;
}

/* A version before DIALECT_META_FROM may answer mn and still have another form of the meta commands. */
struct dialect dialect_of(uint32_t version, bool answers_noop)
{
    assert(version < 1000000);
    bool may = version == 0 || version >= DIALECT_META_FROM;
    return (struct dialect){.version = version, .meta = answers_noop && may};
}

/* --- requests ---------------------------------------------------------------------------------- */

static bool is_meta(unsigned shape)
{
    return shape == SHAPE_META || shape == SHAPE_META_STORE;
}

static bool has_value(unsigned shape)
{
    return shape == SHAPE_STORE || shape == SHAPE_META_STORE;
}

/* nutcracker 0.5.0 closes the connection on these, with all calls that wait there. */
static bool is_unknown_to_closers(unsigned command, unsigned shape)
{
    return command == COMMAND_GAT || command == COMMAND_GATS || shape == SHAPE_ADMIN;
}

enum dialect_fit dialect_fit_special(const struct dialect *d, unsigned command, unsigned traits)
{
    assert(command < COMMAND_COUNT);
    unsigned shape = command_info(command)->shape;
    if (d->closes && is_unknown_to_closers(command, shape)) return DIALECT_LACKS;
    if (d->closes && traits & DIALECT_RARE) return DIALECT_APART;
    if (is_meta(shape) && !d->meta) return DIALECT_LACKS;
    if (!has_value(shape)) return DIALECT_TAKES;
    if (!is_seen(d->version) && (shape == SHAPE_META_STORE || traits & DIALECT_LARGE))
        return DIALECT_APART; /* a refusal would not be in step */
    return traits & DIALECT_ODD ? DIALECT_APART : DIALECT_TAKES;
}

/* --- refusals ---------------------------------------------------------------------------------- */

/* The refusals after which a version that knows `ms` reads the value to its end. `bad command line format` is not one of them:
 * servers send it for values that they leave in the stream, too. */
static const struct {
    const char *text;
    size_t len;
} swallowed[] = {
#define REFUSAL(text)                                                                              \
    {                                                                                              \
        "CLIENT_ERROR " text "\r\n", sizeof "CLIENT_ERROR " text "\r\n" - 1                        \
    }
    REFUSAL("bad token in command line format"),
    REFUSAL("invalid flag"),
    REFUSAL("duplicate flag"),
    REFUSAL("invalid mode for ms M token"),
    REFUSAL("incorrect length for M token"),
    REFUSAL("opaque token too long"),
    REFUSAL("error decoding key"),
#undef REFUSAL
};

static bool swallows(const struct response *r)
{
    for (size_t i = 0; i < sizeof swallowed / sizeof *swallowed; i++) {
        if (r->len == swallowed[i].len && memcmp(r->bytes, swallowed[i].text, r->len) == 0)
            return true;
    }
    return false;
}

/* Only an error can leave a value behind, and only for a command with a value. */
bool dialect_in_step(const struct dialect *d, unsigned command, const struct response *r)
{
    assert(command < COMMAND_COUNT && r->kind);
    unsigned shape = command_info(command)->shape;
    if (!has_value(shape) || !(r->kind & RESPONSE_ANY_ERROR)) return true;
    if (!is_seen(d->version)) return false;
    if (r->kind ==
        RESPONSE_SERVER_ERROR) /* too large, out of memory: the value is read to its end */
        return true;
    return shape == SHAPE_META_STORE && d->meta && r->kind == RESPONSE_CLIENT_ERROR && swallows(r);
}
