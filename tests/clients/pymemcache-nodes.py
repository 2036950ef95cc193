"""What pymemcache sees of a cluster whose nodes HOST:PORT names, a line a call. Debian's 3.5.2 is older than its class for ElastiCache
(AWSElastiCacheHashClient), so this asks as that does, and makes the same HashClient. The second argument: see auto-discovery.js."""
import socket
import sys

from pymemcache.client.hash import HashClient

from seen import say_with, tls_context

server, how = sys.argv[1:3]
say = say_with(error_text=True)
host, port = server.rsplit(":", 1)


# host|address|port of each: by its name, or by its address, as that class does unless it is told otherwise.
def nodes(by_address):
    if how == "direct":
        return [(host, int(port))]
    answer = b""
    with socket.create_connection((host, int(port)), timeout=20) as plain:
        asking = tls_context.wrap_socket(plain, server_hostname=host) if tls_context else plain
        asking.sendall(b"config get cluster\r\n")
        while not answer.endswith((b"\n\r\nEND\r\n", b"ERROR\r\n")):
            answer += asking.recv(4096)
        asking.close()
    lines = answer[:-len(b"\n\r\nEND\r\n")].splitlines()
    if len(lines) != 3 or not lines[1].isdigit():
        raise ValueError("no version: %r" % lines)
    found = [node.split("|") for node in lines[-1].decode().split(" ")]
    return [(node[by_address], int(node[2])) for node in found]


for by_address in (False, True):
    print("== %s" % ("addresses" if by_address else "names"))
    told = nodes(by_address)
    say("nodes", lambda: len(told) == 2 and (host, int(port)) not in told if how == "cluster" else told == [(host, int(port))])
    c = HashClient(told, default_noreply=False, timeout=20, tls_context=tls_context)
    pairs = {"k:%d" % i: b"value %d" % i for i in range(100)}
    say("set_many", c.set_many, pairs)
    say("get_many", c.get_many, list(pairs))
    say("gets", lambda: c.gets("k:1")[0])
    say("incr", lambda: (c.set("n", b"10"), c.incr("n", 5)))
    say("delete", lambda: (c.delete("k:1"), c.get("k:1")))
    c.close()
print("done")
