"""Keys for tests/placement, and the question where they are.

keys.py make PREFIX ascii|utf8|bytes     prints 1,000 keys, a line each
keys.py ask HOST:PORT FILE...            how many of each file's keys are found there, a line a file: NUMBER FILE
keys.py count HOST:PORT|/SOCKET...       how many keys these servers have in all
"""
import random
import socket
import sys
import zlib

KEYS = 1000


def hashes_to_zero(prefix):
    """Keys whose CRC-32 has no bit set where old clients look: some of those take 0 for 1."""
    found, i = [], 0
    while len(found) < 3:
        key = b"%szero:%d" % (prefix, i)
        if zlib.crc32(key) >> 16 & 0x7fff == 0:
            found.append(key)
        i += 1
    return found


def texts(prefix):
    """Characters of two, three and four bytes in UTF-8; what Latin-1, UTF-16 and code points make of them differs."""
    words = "schl\u00fcssel", "\u043a\u043b\u044e\u0447", "\u9375", "\u20ac\u00ff", "\U0001f511", "a\U0001f600\u0301z"
    return [b"%s%s:%d" % (prefix, word.encode(), i) for word in words for i in range(10)]


def octets(prefix):
    """What is no UTF-8, always the same."""
    dice = random.Random(1)
    return [prefix + bytes(dice.randrange(0x80, 0x100) for _ in range(1 + i)) for i in range(40)]


def make(prefix, kind):
    prefix = prefix.encode()
    keys = hashes_to_zero(prefix) + [prefix + b"k" * (length - len(prefix)) for length in range(8, 251, 22)]
    if kind in ("utf8", "bytes"):
        keys += texts(prefix)
    if kind == "bytes":
        keys += octets(prefix)
    keys += [b"%skey:%d" % (prefix, i) for i in range(KEYS - len(keys))]
    sys.stdout.buffer.write(b"\n".join(keys) + b"\n")


def connect(address):
    if address.startswith("/"):
        c = socket.socket(socket.AF_UNIX)
        c.connect(address)
    else:
        host, port = address.rsplit(":", 1)
        c = socket.create_connection((host, int(port)))
    c.settimeout(20)
    return c


def is_hit(stream, key):
    """Reads what a get gave: a value is the key itself, or it counts for nothing."""
    line = stream.readline().split()
    if line[:1] == [b"END"]:
        return False
    if line[:2] != [b"VALUE", key]:
        sys.exit("keys.py: %r gives %r" % (key, line))
    value = stream.read(int(line[3]) + 2)
    return stream.readline() == b"END\r\n" and value == key + b"\r\n"


def ask(address, files):
    with connect(address) as c:
        stream = c.makefile("rb")
        for name in files:
            with open(name, "rb") as file:
                keys = file.read().split(b"\n")[:-1]
            hits = 0
            for at in range(0, len(keys), 100):
                some = keys[at:at + 100]
                c.sendall(b"".join(b"get %s\r\n" % key for key in some))
                hits += sum(is_hit(stream, key) for key in some)
            print(hits, name)


def count(servers):
    total = 0
    for server in servers:
        with connect(server) as c:
            c.sendall(b"stats\r\n")
            for line in c.makefile("rb"):
                words = line.split()
                if words[1:2] == [b"curr_items"]:
                    total += int(words[2])
                if words == [b"END"]:
                    break
    print(total)


if sys.argv[1] == "make":
    make(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "ask":
    ask(sys.argv[2], sys.argv[3:])
else:
    count(sys.argv[2:])
