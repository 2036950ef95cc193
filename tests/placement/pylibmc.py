"""Writes keys with pylibmc: pylibmc.py KEYS ketama|ketama_weighted HOST:PORT[:WEIGHT]... Run it with python3 -P."""
import sys

import pylibmc


def server(text):
    host, port, weight = (text + ":1").split(":")[:3]
    return "%s:%s:%s" % (host, port, weight)


client = pylibmc.Client([server(text) for text in sys.argv[3:]], behaviors={sys.argv[2]: True})
for key in open(sys.argv[1], "rb").read().split(b"\n")[:-1]:
    if not client.set(key, key):
        sys.exit("pylibmc: %r was not stored" % key)
