#!/bin/sh
# Expected: with the flags `b` and `k` the key comes back as it was sent, in base64, however the item was made.
# Happens: an item that mg or ma made on a miss (N) does not remember that its key came in base64. From then on the key comes back
#     decoded and without `b`: for `YSBi` the answer has `ka b`, which reads as the key `a` in base64. Items made by ms remember it.
# Source: Debian trixie's memcached 1.6.38-1; 1.6.18 and 1.6.45 do the same.
. "$(dirname "$0")/lib/memcached.sh"

have_memcached trixie 1.6.38-1
serve
# YSBi, YSBj and YSBk are `a b`, `a c` and `a d`.
seen=$(ask 'ma YSBi b N0 J7' 'mg YSBi b k v' 'mg YSBj b k N30' 'mg YSBj b k' 'ms YSBk 1 b|x' 'mg YSBk b k v')
expect "made by ma, by mg and by ms" 'ma YSBi b N0 J7 -> HD
mg YSBi b k v -> VA 1 ka b|7
mg YSBj b k N30 -> HD ka c W
mg YSBj b k -> HD ka c Z
ms YSBk 1 b|x -> HD
mg YSBk b k v -> VA 1 kYSBk b|x' "$seen"
echo "as before"
