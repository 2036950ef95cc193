/* bucket: the hash by which moongate's own tables in memory find a key. Pure; owns nothing.
 *
 * Not a hash that places keys on servers: those are in placement/hash.h. This one may change from version to version, because nothing
 * that it decides outlives the processes that share a table.
 */
#ifndef MOONGATE_BASE_BUCKET_H
#define MOONGATE_BASE_BUCKET_H

#include <stddef.h>
#include <stdint.h>

/* The low 32 bits of XXH3 (libxxhash) of the bytes. */
uint32_t bucket_hash(const void *bytes, size_t len);

#endif
