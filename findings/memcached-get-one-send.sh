#!/bin/sh
# Expected: requests that come in one packet are answered in one packet, in whatever words they ask for the same items; `get` is the oldest
#     and plainest word, so nothing is cheaper.
# Happens: memcached sends the answer to each `get` line by itself, one sendmsg and one segment for each. The answers to `mg` lines it
#     gathers. 16 pipelined gets come back in 16 segments; the same 16 items, asked for by `mg KEY v`, in one. On the server such a get
#     costs about eight times the processor time of such an mg. 1.6.38 gathers both.
# Source: Debian bookworm's memcached 1.6.18-1; trixie's 1.6.38-1 for the change.
# shellcheck source=findings/lib/memcached.sh
. "$(dirname "$0")/lib/memcached.sh"

cat >"$work/segments.py" <<'PY'
"""segments.py PORT: sends 16 requests of one kind at once, and prints in how many segments with data the answers come."""
import socket
import struct
import sys
import time

DATA_SEGMENTS_IN = 152  # offset of tcpi_data_segs_in in struct tcp_info


def segments(peer):
    return struct.unpack_from("I", peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), DATA_SEGMENTS_IN)[0]


def answered_in(port, request, end):
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.settimeout(5)
        peer.sendall(request * 16)
        seen = b""
        while seen.count(end) < 16:
            seen += peer.recv(65536)
        return segments(peer)


def has_item(port):
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port)) as peer:
                peer.settimeout(5)
                peer.sendall(b"set k 0 0 3\r\nabc\r\n")
                return peer.recv(100) == b"STORED\r\n"
        except OSError:
            time.sleep(0.05)
    return False


number = int(sys.argv[1])
if not has_item(number):
    sys.exit("memcached does not answer")
# The least of some tries: a busy machine can cut an answer in two.
for request, end in ((b"get k", b"END\r\n"), (b"mg k v", b"abc\r\n"), (b"get k k", b"END\r\n")):
    least = min(answered_in(number, request + b"\r\n", end) for _ in range(5))
    print(f"{request.decode()}: {least}", end="; ")
PY

# A free port: memcached says which it took.
seen() { # suite, version
    rm -rf "$work/cache" "$work/root" "$work/port"
    have_memcached "$1" "$2"
    [ "$(id -u)" -ne 0 ] || set -- -u root
    [ "$1" = -u ] || set --
    MEMCACHED_PORT_FILENAME=$work/port run_package memcached -l 127.0.0.1 -p -1 -t 1 -m 64 "$@" &
    process=$!
    tries=0
    until [ -s "$work/port" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
    said=$(python3 "$work/segments.py" "$(sed -n 's/^TCP INET: //p' "$work/port")") || fail "$said"
    stop
}

seen bookworm 1.6.18-1
expect "segments for 16 requests, 1.6.18" "get k: 16; mg k v: 1; get k k: 16; " "$said"
seen trixie 1.6.38-1
expect "segments for 16 requests, 1.6.38" "get k: 1; mg k v: 1; get k k: 1; " "$said"
echo "as before"
