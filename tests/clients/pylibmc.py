"""What python3-pylibmc sees of the server HOST:PORT, a line a call; with a further argument in binary. Played by ./run with python3 -P, as it bears its library's name."""
import sys
import time

import pylibmc

from seen import every_byte, must_fail, password, say_with, username

server = sys.argv[1]
binary = len(sys.argv) > 2

say = say_with(error_text=False)

values = {"empty": b"", "one": b"x", "lines": b"\r\nEND\r\nVALUE a 0 1\r\n", "bytes": every_byte,
          "100k": every_byte * 400, "int": 42, "negative": -7, "bool": True, "text": "\u00e9t\u00e9",
          "list": [1, None, "x"], "dict": {"a": 1}, "big": 2 ** 70}


def storage(c):
    for name, value in values.items():
        say("set " + name, c.set, "s:" + name, value)
        say("get " + name, c.get, "s:" + name)
    say("get miss", c.get, "s:none")
    say("get default", c.get, "s:none", "instead")
    say("contains", lambda: ("s:one" in c, "s:none" in c))
    say("add there", c.add, "s:one", "y")
    say("add new", c.add, "s:add", "y")
    say("replace there", c.replace, "s:add", "z")
    say("replace new", c.replace, "s:none", "z")
    say("append", c.append, "s:add", "\0after")
    say("prepend", c.prepend, "s:add", "before\r\n")
    say("get both", c.get, "s:add")
    say("append miss", c.append, "s:none", "x")
    say("prepend miss", c.prepend, "s:none", "x")
    say("too large", c.set, "s:large", b"x" * 2000000)
    say("after too large", c.get, "s:large")
    say("long key", c.set, "k" * 249, b"long")
    say("get long key", c.get, "k" * 249)
    say("longer key", c.set, "k" * 251, b"longer")
    say("delete", c.delete, "s:add")
    say("delete again", c.delete, "s:add")


def compression(c):
    text = b"compress me " * 9000
    say("set", c.set, "z", text, min_compress_len=1000)
    say("get", c.get, "z")
    say("set level", c.set, "z", text, min_compress_len=1000, compress_level=9)
    say("get", c.get, "z")
    say("set_multi", c.set_multi, {"z1": text, "z2": "short"}, min_compress_len=1000)
    say("get_multi", c.get_multi, ["z1", "z2"])


def many(c):
    pairs = {"m:%d" % i: "value %d" % i for i in range(200)}
    say("set_multi", c.set_multi, pairs)
    say("get_multi", c.get_multi, list(pairs))
    say("get_multi some", c.get_multi, ["m:1", "m:none", "m:7", "s:empty", "s:bytes", "s:100k"])
    say("get_multi none", c.get_multi, ["m:x", "m:y"])
    say("get_multi prefix", c.get_multi, ["1", "2", "none"], key_prefix="m:")
    say("add_multi", lambda: sorted(c.add_multi({"m:1": "x", "m:new": "x"})))
    say("set_multi prefix", c.set_multi, {"a": 1, "b": 2}, key_prefix="m:p:", time=100)
    say("incr_multi", c.incr_multi, ["a", "b"], key_prefix="m:p:", delta=5)
    say("get_multi", c.get_multi, ["m:p:a", "m:p:b"])
    say("delete_multi", c.delete_multi, ["m:1", "m:2"])
    say("delete_multi miss", c.delete_multi, ["m:3", "m:none"])
    say("get_multi after", c.get_multi, ["m:1", "m:2", "m:3", "m:4"])


def numbers(c):
    say("set", c.set, "n", 10)
    say("incr", c.incr, "n", 5)
    say("decr", c.decr, "n", 3)
    say("decr floor", c.decr, "n", 100)
    say("get decr", c.get, "n")
    say("incr miss", c.incr, "n:none", 1)
    say("decr miss", c.decr, "n:none", 1)
    say("set text", c.set, "n:t", "text")
    say("incr text", c.incr, "n:t", 1)
    say("after error", c.get, "n:t")


def expiry(c):
    month = 60 * 60 * 24 * 30
    now = int(time.time())
    for name, expire in (("0", 0), ("100", 100), ("month", month), ("past month", month + 1),
                         ("absolute", now + 1000), ("absolute past", now - 1000)):
        say("set " + name, c.set, "e", "v", time=expire)
        say("get " + name, c.get, "e")
    say("touch", c.touch, "e", 100)
    say("set", c.set, "e", "v")
    say("touch", c.touch, "e", 100)
    say("get", c.get, "e")
    say("touch past", c.touch, "e", now - 1000)
    say("get gone", c.get, "e")


def cas(c):
    say("set", c.set, "c", "1")
    value, first = c.gets("c")
    say("gets", lambda: value)
    say("gets miss", c.gets, "c:none")
    say("cas", c.cas, "c", "2", first)
    say("cas old", c.cas, "c", "3", first)
    say("cas miss", c.cas, "c:none", "3", first)
    say("get", c.get, "c")
    say("cas grows", lambda: c.gets("c")[1] > first)
    say("get_multi", c.get_multi, ["c", "c:none", "s:one"])


def other(c):
    # Those of the process: a proxy has no items, memory or evictions of its own.
    stats = c.get_stats()
    say("stats", lambda: [len(stats)] + [name for name in (
        "pid", "uptime", "time", "version", "curr_connections", "cmd_get", "cmd_set", "get_hits", "get_misses",
        "bytes_read", "bytes_written", "threads")
        if name in {k.decode() if isinstance(k, bytes) else k for k in stats[0][1]}])
    say("stats settings", lambda: len(c.get_stats("settings")[0][1]) > 0)
    say("after stats", c.get, "c")
    say("clone", lambda: c.clone().get("c"))


# UDP is not moongate's; every behaviour that changes what the text protocol carries is played.
modes = {
    "plain": {},
    "cas": {"cas": True},
    "tcp_nodelay no_block": {"tcp_nodelay": True, "no_block": True},
    "verify_keys ketama": {"verify_keys": True, "ketama": True},
    "noreply": {"_noreply": True},
    "buffer_requests": {"buffer_requests": True},
}


def buffered(c):
    for i in range(100):
        say("set", c.set, "b:%d" % i, i)
    say("get_multi", c.get_multi, ["b:%d" % i for i in range(100)])
    say("delete", c.delete, "b:7")
    say("set", c.set, "b:8", "x" * 100000)
    say("add", c.add, "b:9", "no")
    say("append", c.append, "b:10", "1")
    say("get_multi", c.get_multi, ["b:7", "b:8", "b:9", "b:10"])


if binary:  # every key is allowed, and libmemcached refuses to buffer
    modes["ketama"] = {"ketama": True}
    del modes["verify_keys ketama"], modes["buffer_requests"]

if username:
    must_fail(lambda: pylibmc.Client([server], binary=binary, username=username, password="wrong").set("u", "v"))

for mode, behaviors in modes.items():
    print("== " + mode)
    client = pylibmc.Client([server], binary=binary, username=username, password=password, behaviors=behaviors)
    parts = [storage, compression, many, numbers, expiry, other]
    if mode == "cas":
        parts.insert(0, cas)
    if mode in ("noreply", "buffer_requests"):
        parts = [buffered]
    for part in parts:
        print("-- " + part.__name__)
        part(client)
    client.disconnect_all()

print("== pools")
pool = pylibmc.ClientPool(pylibmc.Client([server], binary=binary, username=username, password=password), 4)
with pool.reserve() as client:
    say("set", client.set, "pool", [1, 2])
with pool.reserve() as client:
    say("get", client.get, "pool")
    say("flush_all", client.flush_all)
    say("get_multi", client.get_multi, ["pool", "m:4", "m:5", "m:6", "m:7", "c", "n"])
print("done")
