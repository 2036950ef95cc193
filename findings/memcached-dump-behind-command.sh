#!/bin/sh
# Expected: memcached takes pipelined commands of any kind, in any order: a client may send `version` or `get k` and `lru_crawler metadump all`
#     at once, and gets both answers.
# Happens: `lru_crawler metadump` behind another command of the same packet is refused: `ERROR cannot pipeline other commands before metadump`.
#     The same bytes in two packets are answered, and commands behind the dump are, too. Behind `mn` it is not refused. So whether the dump comes
#     depends on how the network cuts the stream. `watch` and (1.6.45) `mgdump` are refused in the same way.
# Source: Debian bookworm's memcached 1.6.18-1 and trixie's 1.6.38-1; 1.6.9 and 1.6.45 do the same.
# shellcheck source=findings/lib/memcached.sh
. "$(dirname "$0")/lib/memcached.sh"

cat >"$work/play.py" <<'PY'
"""play.py LIB SOCKET: dumps, asked for with another command before them: in one packet, and in two."""
import sys

sys.path.insert(0, sys.argv[1])
from sockets import connected

DUMP = b"lru_crawler metadump all\r\n"


def lines(peer, last):
    """Up to a line that begins so, or an error."""
    for line in peer.makefile("rb"):
        yield line.decode().rstrip()
        if line.startswith((last, b"ERROR")):
            return


def answered(before, end, together):
    peer = connected(sys.argv[2])
    if together:
        peer.sendall(before + DUMP)
        seen = list(lines(peer, b"END"))
    else:
        peer.sendall(before)
        list(lines(peer, end))
        peer.sendall(DUMP)
        seen = list(lines(peer, b"END"))
    return "dumped" if any(line.startswith("key=k ") for line in seen) else seen[-1]


store = connected(sys.argv[2])
store.sendall(b"set k 0 0 1\r\nx\r\n")
list(lines(store, b"STORED"))
for before, end in (b"version\r\n", b"VERSION"), (b"delete none\r\n", b"NOT_FOUND"), (b"mn\r\n", b"MN"):
    name = before.decode().strip()
    print(f"behind {name}, in one packet: {answered(before, end, True)}")
    print(f"behind {name}, in two: {answered(before, end, False)}")
PY

refused="ERROR cannot pipeline other commands before metadump"
for of in "bookworm 1.6.18-1" "trixie 1.6.38-1"; do
    rm -rf "$work/cache" "$work/root"
    # shellcheck disable=SC2086 # two words
    have_memcached $of
    serve
    expect "dumps of ${of#* }" "behind version, in one packet: $refused
behind version, in two: dumped
behind delete none, in one packet: $refused
behind delete none, in two: dumped
behind mn, in one packet: dumped
behind mn, in two: dumped" "$(python3 -B "$work/play.py" "$here/lib" "$work/socket")"
    stop
done
echo "as before"
