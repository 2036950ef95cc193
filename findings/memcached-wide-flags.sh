#!/bin/sh
# Expected: client flags that memcached cannot keep are refused, by `set` as by `ms`; or both keep them.
# Happens: memcached 1.6.45, as Debian builds it, stores what `set` brings with the low 32 bits of its flags and says STORED; for the
#     same number ms says CLIENT_ERROR. memcached 1.6.18 and 1.6.38 cut them for both. A client that keeps a type in the high bits
#     reads a value with another type.
# Source: Debian forky's memcached 1.6.45-1.
. "$(dirname "$0")/lib/memcached.sh"

have_memcached forky 1.6.45-1
serve
# 4294967297 is 2^32 + 1.
seen=$(ask 'set a 4294967297 0 1|x' 'get a' 'ms b 1 F4294967297|x' 'mg b v f')
expect "flags of 33 bits, by set and by ms" 'set a 4294967297 0 1|x -> STORED
get a -> VALUE a 1 1|x|END
ms b 1 F4294967297|x -> CLIENT_ERROR bad command line format
mg b v f -> EN' "$seen"
echo "as before"
