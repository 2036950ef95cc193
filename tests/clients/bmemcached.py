"""What python3-binary-memcached sees of the server HOST:PORT, a line a call. Played by ./run with python3 -P, as it bears its library's
name."""
import sys

import bmemcached

from seen import every_byte, must_fail, password, say_with, tls_context, username

server = sys.argv[1]
say = say_with(error_text=False)

values = {"empty": "", "one": "x", "lines": "\r\nEND\r\nVALUE a 0 1\r\n", "bytes": every_byte, "none": b"", "100k": every_byte * 400,
          "int": 42, "negative": -7, "bool": True, "text": "\u00e9t\u00e9", "list": [1, None, "x"], "dict": {"a": 1}, "big": 2 ** 70,
          "zip": "compress me " * 9000}


def storage(c):
    for name, value in values.items():
        say("set " + name, c.set, "s:" + name, value)
        say("get " + name, lambda: c.get("s:" + name) == value)
    say("get miss", c.get, "s:nowhere")
    say("get default", c.get, "s:nowhere", "instead")
    say("add there", c.add, "s:one", "y")
    say("add new", c.add, "s:add", "y")
    say("replace there", c.replace, "s:add", "z")
    say("replace new", c.replace, "s:nowhere", "z")
    say("delete", c.delete, "s:add")
    say("delete again", c.delete, "s:add")
    say("too large", c.set, "s:large", every_byte * 8000, compress_level=0)
    say("after too large", c.get, "s:large")
    say("long key", c.set, "k" * 250, "long")
    say("get long key", c.get, "k" * 250)
    say("longer key", c.set, "k" * 251, "longer")
    say("after longer key", c.get, "s:one")


def many(c):
    pairs = {"m:%d" % i: "value %d" % i for i in range(200)}
    say("set_multi", c.set_multi, pairs, time=100)
    say("get_multi", c.get_multi, list(pairs))
    say("get_multi some", c.get_multi, ["m:1", "m:none", "m:7", "s:lines", "s:100k"])
    say("get_multi none", c.get_multi, ["m:x", "m:y"])
    say("get_multi cas", lambda: {k: (v, cas > 0) for k, (v, cas) in c.get_multi(["m:1", "m:none", "m:2"], get_cas=True).items()})
    say("delete_multi", c.delete_multi, ["m:1", "m:none", "m:2"])
    say("after", c.get_multi, ["m:1", "m:2", "m:3"])


def cas(c):
    say("set", c.set, "c", "1")
    value, first = c.gets("c")
    say("gets", lambda: (value, first > 0))
    say("gets miss", c.gets, "c:none")
    say("cas", c.cas, "c", "2", first)
    say("cas old", c.cas, "c", "3", first)
    say("cas miss", c.cas, "c:none", "3", first)
    say("cas zero", c.cas, "c:zero", "3", 0)
    say("cas zero there", c.cas, "c:zero", "4", 0)
    say("get", c.get, "c")
    say("delete old", c.delete, "c", first)
    say("delete", lambda: c.delete("c", c.gets("c")[1]))
    say("gone", c.get, "c")
    say("set_multi cas", lambda: c.set_multi({("c:zero", c.gets("c:zero")[1]): "5", ("c:new", 0): "6"}))
    say("after", c.get_multi, ["c:zero", "c:new"])


def numbers(c):
    say("incr new", c.incr, "n", 5, 0, 100)
    say("incr", c.incr, "n", 5)
    say("decr", c.decr, "n", 3)
    say("decr floor", c.decr, "n", 100)
    say("decr new", c.decr, "n:down", 5, 7)
    say("default", c.incr, "n:default", 1, default=9)
    say("text", c.set, "n:t", "text")
    say("incr text", c.incr, "n:t", 1)
    say("after error", c.get, "n:t")


def expiry(c):
    month = 60 * 60 * 24 * 30
    for name, time in (("0", 0), ("100", 100), ("month", month), ("past month", month + 1)):
        say("set " + name, c.set, "e", "v", time)
        say("get " + name, c.get, "e")


def other(c):
    stats = c.stats()[server]
    say("stats", lambda: [name for name in (
        "pid", "uptime", "time", "version", "curr_connections", "cmd_get", "cmd_set", "get_hits", "get_misses",
        "bytes_read", "bytes_written", "threads") if name in {k.decode() if isinstance(k, bytes) else k for k in stats}])
    say("stats settings", lambda: len(c.stats("settings")[server]) > 0)
    say("after stats", c.get, "s:one")
    say("set_multi", c.set_multi, {"f:1": "v", "f:2": "v"})
    say("flush_all", c.flush_all)
    say("get_multi", c.get_multi, ["f:1", "f:2"])


if username:
    must_fail(lambda: bmemcached.Client([server], username, "wrong", socket_timeout=20, tls_context=tls_context).set("u", "v"))

for kind in (bmemcached.Client, bmemcached.DistributedClient):
    print("== " + kind.__name__)
    client = kind([server], username, password, socket_timeout=20, tls_context=tls_context)
    for part in (storage, many, cas, numbers, expiry):
        print("-- " + part.__name__)
        part(client)
    client.disconnect_all()
print("-- other")
other(bmemcached.Client([server], username, password, socket_timeout=20, tls_context=tls_context))
print("done")
