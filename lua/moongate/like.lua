--- like: options that place keys as another system does. A pool's options beside `like` override them.
--
--     mg.pool { like = "twemproxy", distribution = "modula", "10.0.0.1:11211:1 cache1", "10.0.0.2:11211:2 cache2" }
--
-- How each one counts its points is said with its distribution, in src/placement/select_*.c. tests/placement checks
-- each client's row with that client's library. Some clients put a namespace or prefix before keys and leave it out of
-- the hash (pymemcache, libmemcached, Cache::Memcached and its Fast, unless told otherwise): that is `unhashed_prefix`.

-- Proxies.
local M = {
    -- Its defaults, and its order of servers in a pool (which matters to modula only). It hashes a unix socket without
    -- a name together with the colon before its weight. Source: measured against nutcracker 0.5.0.
    twemproxy = { distribution = "ketama", hash = "fnv1a_64", naming = "twemproxy", order = "length" },
    -- String.hashCode modulo the servers.
    nodeproxy = { distribution = "modula_signed", hash = "java", weighted = false },
}

-- mcrouter's Ch3; only the part before |#| is hashed. For its WeightedCh3, Rendezvous and Crc32 add distribution =
-- "weighted_ch3", "rendezvous" (servers named by their tags) or "modula"; only the last uses the hash.
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
-- number), and KetamaConnectionFactory. The latter calls a server ip:port if it got an address, and host/ip:port if it
-- looked up a host: give such a server that name here.
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

-- php-memcache: memcache.hash_strategy consistent, the default since 3.0, and standard, the default before. With
-- memcache.hash_function = fnv the first needs hash = "fnv1a_32" beside it.
M["php-memcache"] = { distribution = "php_memcache", hash = "crc32a", naming = "php_memcache" }
M["php-memcache-standard"] = M["python-memcached"]

-- Dalli 3.0.
M["dalli"] = { distribution = "dalli", hash = "crc32a", naming = "host_port" }

-- gomemcache: CRC-32 modulo the servers, without weights.
M["gomemcache"] = { distribution = "modula", hash = "crc32a", weighted = false }

-- npm's memcached 2.2 with hashring 3.2.
M["node-memcached"] = { distribution = "hashring", hash = "md5", naming = "host" }

return M
