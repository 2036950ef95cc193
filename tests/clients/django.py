"""What Django's cache sees of the server HOST:PORT by pylibmc in binary, a line a call. Played by ./run with python3 -P, as it bears its
library's name."""
import sys

from django.conf import settings
from django.core.cache import cache

from seen import every_byte, say_with

settings.configure(CACHES={"default": {
    "BACKEND": "django.core.cache.backends.memcached.PyLibMCCache", "LOCATION": sys.argv[1], "KEY_PREFIX": "site", "TIMEOUT": 100,
    "OPTIONS": {"binary": True, "behaviors": {"tcp_nodelay": True}}}})
say = say_with(error_text=False)

for name, value in {"empty": "", "lines": "\r\nEND\r\n", "bytes": every_byte, "100k": every_byte * 400, "int": 42, "none": None,
                    "list": [1, None, "x"], "dict": {"a": 1}, "text": "\u00e9t\u00e9"}.items():
    say("set " + name, cache.set, name, value)
    say("get " + name, cache.get, name)
say("miss", cache.get, "nowhere")
say("default", cache.get, "nowhere", "instead")
say("has_key", lambda: ("int" in cache, "nowhere" in cache))
say("add", lambda: (cache.add("int", 1), cache.add("new", 1)))
say("get_or_set", lambda: [cache.get_or_set("made", lambda: made, 100) for made in ("first", "second")])
say("set_many", cache.set_many, {"m:%d" % i: i for i in range(100)}, 100)
say("get_many", cache.get_many, ["m:%d" % i for i in range(0, 110, 7)])
say("delete_many", lambda: (cache.delete_many(["m:7", "m:14", "nowhere"]), cache.get_many(["m:7", "m:14", "m:21"])))
say("incr", lambda: (cache.incr("int"), cache.incr("int", 10), cache.decr("int", 3)))
say("incr miss", cache.incr, "nowhere")
say("touch", lambda: (cache.touch("int", 100), cache.touch("nowhere")))
say("delete", lambda: (cache.delete("new"), cache.delete("new")))
say("version", lambda: (cache.set("v", "two", version=2), cache.get("v"), cache.get("v", version=2)))
say("incr_version", lambda: (cache.incr_version("v", version=2), cache.get("v", version=3)))
say("expired", lambda: (cache.set("gone", 1, timeout=0), cache.get("gone")))
say("forever", lambda: (cache.set("forever", 1, timeout=None), cache.get("forever")))
say("too large", lambda: (cache.set("large", every_byte * 8000), cache.get("large")))
say("clear", lambda: (cache.set("f", 1), cache.clear(), cache.get("f")))
print("done")
