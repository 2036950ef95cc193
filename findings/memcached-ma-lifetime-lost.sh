#!/bin/sh
# Expected: `ma KEY T100` counts, and gives the item 100 seconds to live, as its answer with `t` says.
# Happens: where the number gets one digit longer (9 to 10, 99 to 100), the answer says t100, but the item keeps the lifetime that it had: an item
#     without one stays for ever. memcached then makes a new item, for the longer number, and gives the new lifetime to the old one. A counter
#     that is to be forgotten after a quiet minute is not, if its last count was such a one.
# Source: Debian forky's memcached 1.6.45-1; bookworm's 1.6.18-1 and trixie's 1.6.38-1 do the same.
. "$(dirname "$0")/lib/memcached.sh"

have_memcached forky 1.6.45-1
serve
seen=$(ask 'ms a 1|8' 'ma a T100 v t' 'mg a v t' 'ms b 1|9' 'ma b T100 v t' 'mg b v t' 'ms c 2 T5000|99' 'ma c T100 v t' 'mg c v t' |
    sed -E 's/ t(99|101)\|/ t100|/; s/ t(4999|5001)\|/ t5000|/')
expect "counters of which some get another digit" 'ms a 1|8 -> HD
ma a T100 v t -> VA 1 t100|9
mg a v t -> VA 1 t100|9
ms b 1|9 -> HD
ma b T100 v t -> VA 2 t100|10
mg b v t -> VA 2 t-1|10
ms c 2 T5000|99 -> HD
ma c T100 v t -> VA 3 t100|100
mg c v t -> VA 3 t5000|100' "$seen"
echo "as before"
