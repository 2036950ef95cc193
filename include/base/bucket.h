/* bucket: the hash for moongate's own tables in memory. A pure function of any process; owns nothing.
 *
 * The hashes that place keys on servers are others: see placement/hash.h. This one may change from version to version, because a
 * table does not outlive the processes that share it.
 */
#ifndef MOONGATE_BASE_BUCKET_H
#define MOONGATE_BASE_BUCKET_H

#include <stddef.h>
#include <stdint.h>

/* The low 32 bits of XXH3 (libxxhash) of the bytes. */
uint32_t bucket_hash(const void *bytes, size_t len);

#endif
