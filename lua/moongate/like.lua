--- like: options that place keys as another system does; options beside `like` override them.
--
--     mg.pool { like = "twemproxy", distribution = "modula", "10.0.0.1:11211:1 cache1", "10.0.0.2:11211:2 cache2" }
--
-- How each counts its points stands with its distribution, in src/placement/select_*.c. Each client's row was checked by
-- its library at work: tests/placement. A namespace or prefix that a client puts before keys and leaves out of its hash
-- (pymemcache, libmemcached, Cache::Memcached and its Fast do, unless told otherwise) is the option `unhashed_prefix`.

-- Proxies.
local M = {
    -- Its defaults, and the order in which it keeps the servers of a pool (which only modula shows). A unix socket
    -- without a name is hashed with the colon that stands before its weight. Source: measured against nutcracker 0.5.0.
    twemproxy = { distribution = "ketama", hash = "fnv1a_64", naming = "twemproxy", order = "length" },
    -- String.hashCode modulo the servers.
    nodeproxy = { distribution = "modula_signed", hash = "java", weighted = false },
}

-- mcrouter's Ch3; what stands before |#| is hashed. Its WeightedCh3, Rendezvous and Crc32 are distribution =
-- "weighted_ch3", "rendezvous" (servers named by their tags) and "modula", which alone uses the hash.
M["mcrouter"] = { distribution = "ch3", hash = "crc31", hash_stop = "|#|" }

-- memcached's proxy: mcp.dist_jump_hash, its default, over XXH3; its `seed`, a string there, is one here. Its `filter`
-- is hash_stop or hash_tag; of an empty tag it hashes nothing. Its dist_ring_hash gives each server 40 digests, which
-- is distribution = "spymemcached", with naming = "host_port" for omode = "ketama", naming = "host" for "twemproxy"
-- and servers named host/host:port for "evcache"; hash = "md5" where it has hash = mcp.dist_ring_hash.hash. Its omode
-- "default" never fills the ring and places nothing. Source: proxy_lua.c and proxy_ring_hash.c, measured against
-- 1.6.18.
M["memcached-proxy"] = { distribution = "jump", hash = "xxh3", weighted = false, hash_empty_tag = true }

-- libmemcached 1.1: as created; with BEHAVIOR_KETAMA; with BEHAVIOR_KETAMA_WEIGHTED, which is also php-memcached's
-- OPT_LIBKETAMA_COMPATIBLE and pylibmc's ketama_weighted; and the latter with DISTRIBUTION_CONSISTENT_KETAMA_SPY. Its
-- SORT_HOSTS is the order in which servers are written here.
M["libmemcached"] = { distribution = "modula", hash = "one_at_a_time", weighted = false }
M["libmemcached-ketama"] = { distribution = "ketama_100", hash = "one_at_a_time", naming = "libmemcached" }
M["libmemcached-ketama-weighted"] = { distribution = "ketama", hash = "md5", naming = "libmemcached" }
M["libmemcached-spy"] = { distribution = "ketama", hash = "md5", naming = "slash" }

-- spymemcached 2.12: DefaultConnectionFactory (ArrayModNodeLocator over NATIVE_HASH, String.hashCode as an unsigned
-- number), and KetamaConnectionFactory. That one calls a server ip:port if it was given an address, and host/ip:port if
-- it looked up a host: such a server wants that as its name here.
M["spymemcached"] = { distribution = "modula", hash = "java", weighted = false }
M["spymemcached-ketama"] = { distribution = "spymemcached", hash = "md5", naming = "host_port" }

-- pymemcache 3.5, HashClient with keys that are str.
M["pymemcache"] = { distribution = "pymemcache", naming = "host_port", weighted = false }

-- Bits 16 to 30 of CRC-32 modulo slots: python-memcached 1.59, where a hash of 0 is 1; Cache::Memcached 1.30, where it
-- is 0, and Cache::Memcached::Fast 0.28 as created.
M["python-memcached"] = { distribution = "modula", hash = "crc32_not0" }
M["cache-memcached"] = { distribution = "modula", hash = "crc32" }
M["cache-memcached-fast"] = M["cache-memcached"]
-- The latter with ketama_points: that number is the option `points`.
M["cache-memcached-fast-ketama"] = { distribution = "fast_ketama", hash = "crc32a", naming = "host_port" }

-- php-memcache: memcache.hash_strategy consistent, the default since 3.0, and standard, the one before. With
-- memcache.hash_function = fnv the first wants hash = "fnv1a_32" beside it.
M["php-memcache"] = { distribution = "php_memcache", hash = "crc32a", naming = "php_memcache" }
M["php-memcache-standard"] = M["python-memcached"]

-- Dalli 3.0.
M["dalli"] = { distribution = "dalli", hash = "crc32a", naming = "host_port" }

-- gomemcache: CRC-32 modulo the servers, none of which has a weight.
M["gomemcache"] = { distribution = "modula", hash = "crc32a", weighted = false }

-- npm's memcached 2.2 with hashring 3.2.
M["node-memcached"] = { distribution = "hashring", hash = "md5", naming = "host" }

return M
