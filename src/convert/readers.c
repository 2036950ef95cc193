/* Which reader reads which kind. */
#include "convert/convert.h"

#include <assert.h>

convert_reader *convert_reader_of(enum convert_kind kind)
{
    static convert_reader *const readers[CONVERT_KINDS_N] = {
        [CONVERT_SCRIPT] = NULL,
        [CONVERT_TWEMPROXY] = twemproxy_read,
        [CONVERT_MCROUTER] = mcrouter_read,
    };
    assert(kind < CONVERT_KINDS_N);
    return readers[kind];
}

const char *convert_kind_word(enum convert_kind kind)
{
    static const char *const words[] = {
#define X(kind, word, text) word,
        CONVERT_KINDS(X)
#undef X
    };
    assert(kind < CONVERT_KINDS_N);
    return words[kind];
}

const char *convert_kind_name(enum convert_kind kind)
{
    static const char *const names[] = {
#define X(kind, word, text) text,
        CONVERT_KINDS(X)
#undef X
    };
    assert(kind < CONVERT_KINDS_N);
    return names[kind];
}
