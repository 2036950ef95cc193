#!/bin/sh
# Expected: `me KEY b` shows an item whose key is given in base64, as memcached 1.6.18 and 1.6.38 do, and as 1.6.45's own mg finds it.
# Happens: memcached 1.6.45 answers `EN`, as if there were no such item, when `b` is the last word; with any flag behind it, such as
#     q, the item is found.
# Source: Debian forky's memcached 1.6.45-1.
. "$(dirname "$0")/lib/memcached.sh"

have_memcached forky 1.6.45-1
serve
# Zm9v is foo. Of what me shows, only the key stands for all runs.
seen=$(ask 'ms Zm9v 1 b|x' 'mg Zm9v b v' 'me Zm9v b' 'me Zm9v b q' 'me foo' | sed 's/ exp=.*//')
expect "one item, asked for in five ways" 'ms Zm9v 1 b|x -> HD
mg Zm9v b v -> VA 1|x
me Zm9v b -> EN
me Zm9v b q -> ME Zm9v
me foo -> ME Zm9v' "$seen"
echo "as before"
