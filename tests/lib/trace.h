/* trace: streams of requests to a cache, made by published distributions; the same seed gives the same stream.
 *
 * Nobody ships recorded traces of caches as a package, so these are generated. What each is like, and by which paper, stands in the
 * table of trace.c. A request is a get, and if it misses a set, as clients of memcached do it. Keys are numbers from 0, given out in
 * the order in which a stream first may use them; key and value sizes depend on the number alone. Who creates a trace destroys it.
 */
#ifndef LIB_TRACE_H
#define LIB_TRACE_H

#include <stddef.h>
#include <stdint.h>

struct trace;

struct trace_kind {
    const char *name;
    const char *meaning;
    const char *source;
};

size_t traces_n(void);
const struct trace_kind *trace_kind(size_t i);

/* The kind `i`. `room`: about how many items of the trace fit into the caches that it is for: its sets of keys, its scans and loops are
 * as large as they must be to press on such a cache. */
struct trace *trace_create(size_t i, uint64_t room, uint64_t seed);
void trace_destroy(struct trace *t);

/* The key of the next request. */
uint64_t trace_next(struct trace *t);

enum { TRACE_KEY_MOST = 250, TRACE_VALUE_MOST = 256 * 1024 };

/* The key's text, which is not 0-terminated; its length. */
size_t trace_key(uint64_t key, char text[TRACE_KEY_MOST]);

size_t trace_key_len(uint64_t key);
size_t trace_value_len(uint64_t key);

#endif
