"""Writes keys with python3-memcache: python-memcached.py KEYS MODE HOST:PORT[:WEIGHT]..."""
import sys

import memcache


def server(text):
    if text.startswith("/"):
        return "unix:" + text
    host, port, weight = (text + ":1").split(":")[:3]
    return ("%s:%s" % (host, port), int(weight))


client = memcache.Client([server(text) for text in sys.argv[3:]])
for key in open(sys.argv[1], "rb").read().split(b"\n")[:-1]:
    if not client.set(key, key):
        sys.exit("python-memcached: %r was not stored" % key)
