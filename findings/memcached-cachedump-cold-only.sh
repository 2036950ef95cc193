#!/bin/sh
# Expected: `stats cachedump CLASS 0` lists the items of a slab class, the ones that were stored last first, as far as 2 MB take them.
# Happens: it lists the class's COLD segment alone. New items are in the HOT one, and those that are read often move to WARM: with the default
#     LRU a key that was stored a moment ago is not listed, though `get` finds it. libmemcached's memcached_dump, memcdump and
#     php-memcached's getAllKeys ask by it. With `no_lru_maintainer` there is one segment, and all are listed.
# Source: Debian trixie's memcached 1.6.38-1; 1.6.18 (bookworm) and 1.6.45 (forky) do the same.
. "$(dirname "$0")/lib/memcached.sh"

have_memcached trixie 1.6.38-1
serve
expect "with the default LRU" 'set a 0 0 1|x -> STORED
stats cachedump 1 0 -> END
get a -> VALUE a 0 1|x|END' "$(ask 'set a 0 0 1|x' 'stats cachedump 1 0' 'get a')"
serve -o no_lru_maintainer
expect "with one segment" 'set a 0 0 1|x -> STORED
stats cachedump 1 0 -> ITEM a [1 b; 0 s]|END
get a -> VALUE a 0 1|x|END' "$(ask 'set a 0 0 1|x' 'stats cachedump 1 0' 'get a')"
echo "as before"
