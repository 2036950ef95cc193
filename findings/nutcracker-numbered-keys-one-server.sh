#!/bin/sh
# Expected: a pool of ten servers spreads any keys over its servers, each about a tenth of them, by whatever hash function is chosen.
# Happens: by the default of nutcracker (twemproxy), fnv1a_64 over ketama, all 100 keys user:100 to user:199 belong to one server of ten. Of
#     user:1000 to user:1999 one server has 360 and two have none. The hash is calculated in 32 bits, where FNV's prime is 435, so the end of
#     a key hardly counts: another last digit moves it by at most 6525 of the ring's 2^32 places, other last two digits by less than a
#     thousandth of the ring, which is about the distance between two of the 1600 points of ten servers. With some more characters behind
#     the number, or with `hash: md5` or `hash: murmur`, each server has its share. libmemcached's fnv1a_64 is the same function.
# Source: Debian bookworm's nutcracker 0.5.0+dfsg-2.
# shellcheck source=findings/lib/nutcracker.sh
. "$(dirname "$0")/lib/nutcracker.sh"

have_nutcracker bookworm 0.5.0+dfsg-2
for hash in fnv1a_64 md5 murmur; do
    printf '%s:\n  listen: %s\n' "$hash" "$work/$hash.proxy"
    [ "$hash" = fnv1a_64 ] || echo "  hash: $hash"
    echo "  servers:"
    for i in 0 1 2 3 4 5 6 7 8 9; do echo "   - $work/s$i:1 s$i"; done
done >"$work/nutcracker.yml"

cat >"$work/play.py" <<'X'
import collections
import sys

from sockets import connected, serve

work = sys.argv[1]
for i in range(10):
    serve(f"{work}/s{i}", lambda line, i=i: f"VALUE {line.split()[1]} 0 2\r\ns{i}\r\nEND\r\n")


def shares(name, pattern, numbers):
    peer = connected(f"{work}/{name}.proxy")
    answers = peer.makefile("rb")
    count = collections.Counter()
    for number in numbers:
        peer.sendall(f"get {pattern % number}\r\n".encode())
        count[[answers.readline() for _ in range(3)][1]] += 1
    return " ".join(str(n) for n in sorted(count.values(), reverse=True))


for pattern, numbers in ("user:%d", range(100, 200)), ("user:%d", range(1000, 2000)), ("user:%d:name", range(100, 200)):
    for name in "fnv1a_64", "md5", "murmur":
        print(f"{pattern % numbers[0]} to {pattern % numbers[-1]}, {name}: {shares(name, pattern, numbers)}")
X
proxy
expect "keys of each server that has any" "user:100 to user:199, fnv1a_64: 100
user:100 to user:199, md5: 15 13 11 11 9 9 9 9 8 6
user:100 to user:199, murmur: 14 13 12 12 11 10 9 9 7 3
user:1000 to user:1999, fnv1a_64: 360 170 120 120 100 50 40 40
user:1000 to user:1999, md5: 119 113 112 110 103 101 95 90 80 77
user:1000 to user:1999, murmur: 127 121 108 106 102 99 91 88 85 73
user:100:name to user:199:name, fnv1a_64: 18 14 13 11 10 9 7 7 6 5
user:100:name to user:199:name, md5: 16 14 12 12 11 10 8 8 5 4
user:100:name to user:199:name, murmur: 16 15 12 10 10 9 8 8 7 5" "$(play "$work/play.py" "$work")"
echo "as before"
