"""crowds: scripts with many servers, prefixes and pools, the servers for them, and clients that do nothing."""

import os

from lockstep import Client
from stage import Failed

SERVERS = 4  # memcacheds; a pool of a thousand has a thousand names for them
TAG = "{k}:"
HEAD = 'local mg = require "moongate"\n'


def pool(names, more=""):
    return f'mg.pool {{ {", ".join(chr(34) + "unix:" + name + chr(34) for name in names)}, timeout = 60{more} }}'


def names_of(prefix, n):
    return [f"{prefix}{i}" for i in range(n)]


def one_pool(_):
    return HEAD + "return " + pool(["m1", "m2"])


def many_servers(n):
    return HEAD + "return " + pool(names_of("s", n), ', hash_tag = "{}"')


def many_prefixes(n):
    return HEAD + f'''local all = {pool(["m1", "m2"])}
local prefixes = {{ ["{TAG}"] = all }}
for i = 2, {n} do prefixes[("p%d:"):format(i)] = all end
return mg.by_prefix {{ prefixes, default = mg.error "no prefix" }}
'''


def many_pools(n):
    pools = ",\n".join(pool([f"s{2 * i}", f"s{2 * i + 1}"]) for i in range(n))
    return HEAD + f'''local pools = {{ {pools} }}
local prefixes = {{}}
for i, one in ipairs(pools) do prefixes[("p%d:"):format(i - 1)] = one end
return mg.by_prefix {{ prefixes, default = mg.error "no prefix" }}
'''


def hashed_pools(n):
    pools = ",\n".join(pool([f"s{2 * i}", f"s{2 * i + 1}"]) for i in range(n))
    return HEAD + f"return mg.hash {{ {pools} }}\n"


class Place:
    """Four memcacheds, and a name for each of a thousand servers: links to their sockets."""

    def __init__(self, stage):
        self.stage = stage
        self.servers = [stage.memcached(i) for i in range(1, SERVERS + 1)]
        for i in range(1000):
            os.symlink(f"m{i % SERVERS + 1}", stage.path(f"s{i}"))

    def release(self):
        self.stage.end(*self.servers)
        for i in range(1000):
            os.remove(self.stage.path(f"s{i}"))


class Crowd:
    """Connections that have had a reply each, and do nothing."""

    def __init__(self, path, n, key="nothing"):
        self.clients = []
        for _ in range(n):
            client = Client(path)
            client.socket.setblocking(True)
            client.socket.sendall(f"get {key}\r\n".encode())
            if client.socket.recv(100) != b"END\r\n":
                raise Failed(f"a wrong reply to a get of {key}")
            self.clients.append(client)

    def leave(self):
        for client in self.clients:
            client.close()
