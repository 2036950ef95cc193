"""What python3-pymemcache sees of the server HOST:PORT, a line a call. Played by ./run with python3 -P, as it bears its library's name."""
import json
import sys
import time

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache import serde

from seen import every_byte, say_with, tls_context

host, port = sys.argv[1].rsplit(":", 1)
server = (host, int(port))

say = say_with(error_text=True)

values = {"empty": b"", "one": b"x", "lines": b"\r\nEND\r\nVALUE a 0 1\r\n", "bytes": every_byte,
          "100k": every_byte * 400, "1000k": every_byte * 4000}


def storage(c):
    for name, value in values.items():
        say("set " + name, c.set, "s:" + name, value)
        say("get " + name, c.get, "s:" + name)
    say("set flags", c.set, "s:flags", b"f", flags=4294967295)
    say("set int", c.set, "s:int", 42)
    say("get int", c.get, "s:int")
    say("get miss", c.get, "s:none")
    say("get default", c.get, "s:none", "instead")
    say("add there", c.add, "s:one", b"y")
    say("add new", c.add, "s:add", b"y")
    say("replace there", c.replace, "s:add", b"z")
    say("replace new", c.replace, "s:none", b"z")
    say("append", c.append, "s:add", b"\0after")
    say("prepend", c.prepend, "s:add", b"before\r\n")
    say("get both", c.get, "s:add")
    say("append miss", c.append, "s:none", b"x")
    say("prepend miss", c.prepend, "s:none", b"x")
    say("too large", c.set, "s:large", b"x" * 2000000)
    say("after too large", c.get, "s:large")
    say("long key", c.set, "k" * 250, b"long")
    say("get long key", c.get, "k" * 250)
    say("longer key", c.set, "k" * 251, b"longer")


def many(c):
    pairs = {"m:%d" % i: b"value %d" % i for i in range(200)}
    say("set_many", c.set_many, pairs)
    say("get_many", c.get_many, list(pairs))
    say("get_many some", c.get_many, ["m:1", "m:none", "m:7", "s:empty", "s:bytes", "s:100k"])
    say("get_many none", c.get_many, ["m:x", "m:y"])
    say("get_many no keys", c.get_many, [])
    say("get_many twice", c.get_many, ["m:1", "m:1"])
    say("gets_many", lambda: {k: v for k, (v, cas) in c.gets_many(list(pairs)[:9]).items() if cas.isdigit()})
    say("delete_many", c.delete_many, ["m:1", "m:2", "m:none"])
    say("get_many after", c.get_many, ["m:1", "m:2", "m:3"])


def cas(c):
    say("set", c.set, "c", b"1")
    value, first = c.gets("c")
    say("gets", lambda: value)
    say("gets miss", c.gets, "c:none")
    say("cas", c.cas, "c", b"2", first)
    say("cas old", c.cas, "c", b"3", first)
    say("cas miss", c.cas, "c:none", b"3", first)
    say("get", c.get, "c")
    second = c.gets("c")[1]
    say("cas grows", lambda: int(second) > int(first))
    say("cas noreply", c.cas, "c", b"4", second, noreply=True)
    say("get", c.get, "c")


def numbers(c):
    say("set", c.set, "n", b"10")
    say("incr", c.incr, "n", 5)
    say("decr", c.decr, "n", 3)
    say("decr floor", c.decr, "n", 100)
    say("get decr", c.get, "n")
    say("incr miss", c.incr, "n:none", 1)
    say("decr miss", c.decr, "n:none", 1)
    say("set max", c.set, "n", b"18446744073709551615")
    say("incr wraps", c.incr, "n", 2)
    say("set text", c.set, "n:t", b"text")
    say("incr text", c.incr, "n:t", 1)
    say("after error", c.get, "n:t")
    say("incr noreply", c.incr, "n", 7, noreply=True)
    say("incr text noreply", c.incr, "n:t", 7, noreply=True)
    say("decr noreply", c.decr, "n", 1, noreply=True)
    say("get", c.get, "n")


def expiry(c):
    month = 60 * 60 * 24 * 30
    now = int(time.time())
    for name, expire in (("0", 0), ("100", 100), ("month", month), ("past month", month + 1),
                         ("negative", -1), ("absolute", now + 1000), ("absolute past", now - 1000)):
        say("set " + name, c.set, "e", b"v", expire=expire)
        say("get " + name, c.get, "e")
    say("set", c.set, "e", b"v")
    say("touch", c.touch, "e", 100)
    say("get", c.get, "e")
    say("touch miss", c.touch, "e:none", 100)
    say("touch negative", c.touch, "e", -1)
    say("get gone", c.get, "e")
    say("bad exptime", c.set, "e", b"v", expire="x")


def deletion(c):
    say("set", c.set, "d", b"v")
    say("delete", c.delete, "d")
    say("delete again", c.delete, "d")
    say("get", c.get, "d")


def noreply(c):
    for i in range(50):
        c.set("q:%d" % i, b"%d" % i)
    say("get_many", c.get_many, ["q:%d" % i for i in range(50)])
    say("set_many", c.set_many, {"q:%d" % i: b"new" for i in range(100)})
    say("get_many", c.get_many, ["q:%d" % i for i in range(100)])
    c.add("q:1", b"add")
    c.replace("q:2", b"replace")
    c.append("q:3", b" append")
    c.prepend("q:4", b"prepend ")
    c.delete("q:5")
    c.touch("q:6", -1)
    say("too large", c.set, "q:7", b"x" * 2000000)
    c["q:8"] = b"item"
    say("get_many", c.get_many, ["q:%d" % i for i in range(10)])
    c.delete_many(["q:1", "q:2", "q:none"])
    del c["q:8"]
    say("get_many", c.get_many, ["q:%d" % i for i in range(10)])


def other(c):
    say("version", lambda: c.version()[:1].isdigit())
    stats = c.stats()
    # Those of the process: a proxy has no items, memory or evictions of its own.
    say("stats", lambda: [name for name in (b"pid", b"uptime", b"time", b"version", b"curr_connections", b"cmd_get",
                                            b"cmd_set", b"get_hits", b"get_misses", b"bytes_read", b"bytes_written",
                                            b"threads") if name in stats])
    say("stats settings", lambda: len(c.stats("settings")) > 0)
    say("stats items", lambda: len(c.stats("items")) > 0)
    say("stats unknown", c.stats, "nosuch")
    say("after all", c.get, "s:one")


def to_json(key, value):
    return (value, 1) if isinstance(value, bytes) else (json.dumps(value, sort_keys=True).encode(), 2)


def from_json(key, value, flags):
    return value if flags == 1 else (json.loads(value.decode()) if flags == 2 else (flags, value))


def serializers():
    c = Client(server, tls_context=tls_context, serializer=to_json, deserializer=from_json, default_noreply=False, key_prefix=b"json:")
    say("json set", c.set, "a", {"b": [1, None, "x"]})
    say("json get", c.get, "a")
    say("bytes set", c.set, "b", b"plain")
    say("flags", c.set, "f", b"other", flags=77)
    say("get_many", c.get_many, ["a", "b", "f"])
    c.close()
    for kind in (serde.pickle_serde, serde.PickleSerde(pickle_version=0)):
        c = Client(server, tls_context=tls_context, serde=kind, default_noreply=False)
        for name, value in (("int", 1), ("text", "\u00e9t\u00e9"), ("bytes", every_byte), ("list", [1, "2", None]),
                            ("long", "abc" * 40000)):
            say(name, c.set, "p:" + name, value)
            say(name, c.get, "p:" + name)
        c.close()


def unicode_keys():
    c = Client(server, tls_context=tls_context, default_noreply=False, allow_unicode_keys=True, encoding="utf8")
    say("unicode set", c.set, "cl\u00e9", "\u00e9")
    say("unicode get", c.get, "cl\u00e9")
    say("unicode delete", c.delete, "cl\u00e9")
    c.close()


def other_clients():
    pool = PooledClient(server, tls_context=tls_context, max_pool_size=4, default_noreply=False, no_delay=True)
    ring = HashClient([server], tls_context=tls_context, default_noreply=False, use_pooling=True)
    for name, c in (("pooled", pool), ("hash", ring)):
        say(name, c.set, name, b"v")
        say(name, c.get, name)
        say(name, c.get_many, [name, "one", "s:one"])
        say(name, c.set_many, {name + "1": b"1", name + "2": b"2"})
        say(name, c.incr, name + "1", 41)
        say(name, c.delete, name)
        say(name, c.delete, name)
        c.close()


def flush(c):
    say("flush_all later", c.flush_all, delay=1000)
    say("still there", c.get, "s:one")
    say("flush_all", c.flush_all, noreply=False)
    say("get_many", c.get_many, ["m:3", "c", "n", "m:9", "m:10", "m:11"])
    c.set("f", b"v", noreply=True)
    say("flush_all noreply", c.flush_all, noreply=True)
    say("get", c.get, "f")


for replies in (False, True):
    print("== default_noreply=%s" % replies)
    client = Client(server, tls_context=tls_context, default_noreply=replies, timeout=20)
    for part in (storage, many, cas, numbers, expiry, deletion, noreply, other):
        print("-- " + part.__name__)
        part(client)
    client.close()
print("== other clients")
serializers()
unicode_keys()
other_clients()
flush(Client(server, tls_context=tls_context, default_noreply=False, timeout=20))
print("done")
