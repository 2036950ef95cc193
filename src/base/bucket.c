#include "base/bucket.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint32_t bucket_hash(const void *bytes, size_t len)
{
    return (uint32_t)XXH3_64bits(bytes, len);
}
