"""loads: what the benches that count ask a moongate: scripts, and for each load the bytes of every request and its reply."""

import random
import struct

POOLS = '''local mg = require "moongate"
local first = mg.pool { "unix:m1", "unix:m2", timeout = 60 }
local second = mg.pool { "unix:m3", "unix:m4", timeout = 60 }
'''

SCRIPTS = {
    "pool": POOLS + "return first\n",
    "store": 'return require "moongate".store { size = "256m" }\n',
    "function": POOLS + '''
return function(req)
    if req:has_prefix "user:" then return first end
    return second
end
''',
    "prefixes": POOLS + '''
local prefixes = { ["user:"] = first, ["item:"] = second }
for i = 1, 98 do prefixes[("%s:%d:"):format(i % 2 == 0 and "user" or "item", i)] = mg.error "another prefix" end
return mg.by_prefix { prefixes, default = mg.error "no prefix" }
''',
    "failover": POOLS + "return mg.failover { first, second }\n",
    "all_sync": POOLS + "return mg.all_sync { first, second }\n",
    "async": POOLS + '''
return mg.async(function(req)
    local res = mg.call(first, req)
    if res:is_error() then return mg.reply.miss() end
    return res
end)
''',
}


# The servers of these scripts give out no cas numbers, which are a part of a frame and nobody could foretell.
SCRIPTS["binary"] = SCRIPTS["function"]
WITHOUT_CAS = {"binary"}


def frame(magic, opcode, extras=b"", key=b"", value=b""):
    """Of the binary protocol, with status, opaque and cas 0."""
    body = extras + key + value
    return struct.pack(">BBHBBHIIQ", magic, opcode, len(key), len(extras), 0, 0, len(body), 0, 0) + body


class Keys:
    """Keys with a value each. The order in which they are asked for is the same in each run."""

    def __init__(self, prefixes, count, size):
        names = [f"{prefixes[i % len(prefixes)]}{i:07d}".encode() for i in range(count)]
        self.random = random.Random(count * 31 + size)
        self.items = [(name, (name * (size // len(name) + 1))[:size]) for name in names]

    def some(self, n):
        return self.random.choices(self.items, k=n)

    @staticmethod
    def get(items):
        values = [b"VALUE %b 0 %d\r\n%b\r\n" % (name, len(value), value) for name, value in items]
        return b"get %b\r\n" % b" ".join(name for name, _ in items), b"%bEND\r\n" % b"".join(values)

    @staticmethod
    def meta(items):
        [(name, value)] = items
        return b"mg %b v f\r\n" % name, b"VA %d f0\r\n%b\r\n" % (len(value), value)

    @staticmethod
    def binary_get(items):
        [(name, value)] = items
        return frame(0x80, 0x00, key=name), frame(0x81, 0x00, bytes(4), value=value)

    @staticmethod
    def binary_set(items):
        [(name, value)] = items
        return frame(0x80, 0x01, bytes(8), name, value), frame(0x81, 0x01)

    @staticmethod
    def set(items):
        [(name, value)] = items
        return b"set %b 0 0 %d\r\n%b\r\n" % (name, len(value), value), b"STORED\r\n"


class Load:
    """`rounds` times, each of `clients` connections asks `depth` requests at once, of `group` keys each."""

    def __init__(self, name, script, ask, clients, depth, rounds, group=1, size=64, count=2000, quick=False,
                 prefixes=("user:", "item:")):  # pylint: disable=too-many-arguments
        self.name, self.script, self.ask = name, script, ask
        self.clients, self.depth, self.rounds, self.group = clients, depth, rounds, group
        self.size, self.count, self.quick, self.prefixes = size, count, quick, prefixes

    def requests(self):
        return self.clients * self.depth * self.rounds

    def keys(self):
        return Keys(self.prefixes, self.count, self.size)

    def round(self, keys):
        """For each client what it sends, and what it must get."""
        asked = [[self.ask(keys.some(self.group)) for _ in range(self.depth)] for _ in range(self.clients)]
        return [(b"".join(sent for sent, _ in one), b"".join(due for _, due in one)) for one in asked]


def fill(lockstep, path, keys, depth=100):
    """Stores all keys."""
    clients = lockstep.connect(path, 1)
    for at in range(0, len(keys.items), depth):
        pairs = [Keys.set([item]) for item in keys.items[at:at + depth]]
        lockstep.exchange(clients, [(b"".join(sent for sent, _ in pairs), b"".join(due for _, due in pairs))])
    clients[0].close()


LOADS = [
    Load("get, depth 32, a function", "function", Keys.get, 20, 32, 12, quick=True),
    Load("get, depth 1, 50 clients, a function", "function", Keys.get, 50, 1, 100, quick=True),
    Load("get of 100 keys, a function", "function", Keys.get, 20, 1, 10, group=100, quick=True),
    Load("set, depth 32, a function", "function", Keys.set, 20, 32, 12, quick=True),
    Load("mg, depth 32, a function", "function", Keys.meta, 20, 32, 12),
    Load("get in frames, depth 32, a function", "binary", Keys.binary_get, 20, 32, 12),
    Load("get in frames, depth 1, 50 clients, a function", "binary", Keys.binary_get, 50, 1, 100),
    Load("set in frames, depth 32, a function", "binary", Keys.binary_set, 20, 32, 12),
    Load("get of 16 KiB, depth 4, a function", "function", Keys.get, 10, 4, 20, size=16384, count=400, quick=True),
    Load("get of 1 MiB, depth 1, a function", "function", Keys.get, 4, 1, 6, size=1 << 20, count=8),
    Load("set of 1 MiB, depth 1, a function", "function", Keys.set, 4, 1, 6, size=1 << 20, count=8),
    Load("get, depth 32, a pool", "pool", Keys.get, 20, 32, 12),
    Load("get, depth 1, 50 clients, a pool", "pool", Keys.get, 50, 1, 100),
    Load("get, depth 32, 100 prefixes", "prefixes", Keys.get, 20, 32, 12),
    Load("get, depth 32, failover", "failover", Keys.get, 20, 32, 12, quick=True),
    Load("get, depth 32, all_sync", "all_sync", Keys.get, 20, 32, 12),
    Load("set, depth 32, all_sync", "all_sync", Keys.set, 20, 32, 12),
    Load("get, depth 32, a function that waits", "async", Keys.get, 20, 32, 12),
    Load("get, depth 32, a store", "store", Keys.get, 20, 32, 12),
    Load("get, depth 1, 50 clients, a store", "store", Keys.get, 50, 1, 100),
    Load("set, depth 32, a store", "store", Keys.set, 20, 32, 12),
    Load("get of 16 KiB, depth 4, a store", "store", Keys.get, 10, 4, 20, size=16384, count=400),
    Load("get of 200 kB, depth 1, a store", "store", Keys.get, 10, 1, 10, size=200000, count=40),
    Load("set of 200 kB, depth 1, a store", "store", Keys.set, 10, 1, 10, size=200000, count=40),
]
