#!/bin/sh
# Expected: `lru_crawler metadump all` lists every item that is there from its begin to its end, and each once.
# Happens: while clients read, it leaves out up to a tenth of the items, and lists others twice. It goes through the lists of the LRU, and items that are
#     read move from one list to another meanwhile; one that is just being sent to a client is left out, too. `mgdump all` does the same. `metadump hash` and `mgdump hash` go through the hash table
#     and list each item once. memcached-tool's dump and the exporters that list keys use `all`.
# Source: Debian forky's memcached 1.6.45-1; 1.6.9, 1.6.18 and 1.6.38 do the same (mgdump came after 1.6.18).
# shellcheck source=findings/lib/memcached.sh
. "$(dirname "$0")/lib/memcached.sh"

# 200,000 items, which two clients read at random, a hundred at a time, while they are dumped.
cat >"$work/play.py" <<'X'
import random
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])
from sockets import connected

ITEMS = 200000
over = threading.Event()


def lines(peer, request, last):
    peer.sendall(request)
    for line in peer.makefile("rb"):
        if line == last:
            return
        yield line


def read(seed):
    peer, chance = connected(sys.argv[2]), random.Random(seed)
    answers = peer.makefile("rb")
    while not over.is_set():
        keys = " ".join(f"k{chance.randrange(ITEMS)}" for _ in range(100))
        peer.sendall(f"get {keys}\r\n".encode())
        while answers.readline() != b"END\r\n":
            pass


def names(how):
    last = b"EN\r\n" if how.startswith("mg") else b"END\r\n"
    keys = [line for line in lines(connected(sys.argv[2]), f"lru_crawler {how}\r\n".encode(), last) if line != b"OK\r\n"]
    return {line.split()[0 if line.startswith(b"key=") else 1] for line in keys}


# The least of five, as chance has a part in it.
def dumped(how):
    least = min(len(names(how)) for _ in range(5))
    print(f"{how}:", "all of them" if least == ITEMS else "not all" if least < ITEMS * 0.99 else least, flush=True)


def moved():
    for line in lines(store, b"stats\r\n", b"END\r\n"):
        if line.startswith(b"STAT moves_to_warm"):
            return int(line.split()[2])


store = connected(sys.argv[2])
for at in range(0, ITEMS, 1000):
    for _ in lines(store, b"".join(b"ms k%d 1 q\r\nx\r\n" % k for k in range(at, at + 1000)) + b"mn\r\n", b"MN\r\n"):
        pass
readers = [threading.Thread(target=read, args=[seed]) for seed in (1, 2)]
for reader in readers:
    reader.start()
while moved() < ITEMS / 20:  # the items that are read move from list to list
    time.sleep(0.05)
try:
    for how in "metadump all", "mgdump all", "metadump hash", "mgdump hash":
        dumped(how)
finally:
    over.set()
X

have_memcached forky 1.6.45-1
serve -m 256
expect "of 200,000 items that are there all the time" "metadump all: not all
mgdump all: not all
metadump hash: all of them
mgdump hash: all of them" "$(python3 -B "$work/play.py" "$here/lib" "$work/socket")"
echo "as before"
