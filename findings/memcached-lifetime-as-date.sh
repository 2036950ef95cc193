#!/bin/sh
# Expected: the remaining lifetime that `mg KEY t` shows can be given to another item by `ms ... T`, as both are seconds.
# Happens: an item may be stored until a date that is more than 30 days away, and t then shows more than 2592000 seconds. T takes such a number
#     for a date, in 1970: the answer is HD, and the item is not there. 2592000 itself is a lifetime. Who copies items must make a date of
#     what is longer.
# Source: Debian forky's memcached 1.6.45-1; bookworm's 1.6.18-1 does the same.
. "$(dirname "$0")/lib/memcached.sh"

have_memcached forky 1.6.45-1
serve
# The seconds of t are one more or less, as the clock goes; all that counts is that they are 40 days.
seen=$(ask "ms a 1 T$(($(date +%s) + 3456000))|x" 'mg a t' 'ms b 1 T3456000|x' 'mg b t' 'ms c 1 T2592000|x' 'mg c v' |
    sed -E 's/T[0-9]{10}/T(now + 3456000)/; s/-> HD t345(5999|6000|6001)$/-> HD t3456000/')
expect "an item of 40 days, and two that get 40 and 30 days" 'ms a 1 T(now + 3456000)|x -> HD
mg a t -> HD t3456000
ms b 1 T3456000|x -> HD
mg b t -> EN
ms c 1 T2592000|x -> HD
mg c v -> VA 1|x' "$seen"
echo "as before"
