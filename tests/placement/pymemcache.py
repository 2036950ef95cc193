"""Writes keys with pymemcache's HashClient: pymemcache.py KEYS MODE HOST:PORT... Run it with python3 -P."""
import os
import sys

from pymemcache.client.hash import HashClient

keys, servers = sys.argv[1], sys.argv[3:]
prefix = os.environ.get("PREFIX", "")
client = HashClient([s if s.startswith("/") else (s.rsplit(":", 1)[0], int(s.rsplit(":", 1)[1])) for s in servers],
                    allow_unicode_keys=True, default_noreply=False, key_prefix=prefix.encode())
for line in open(keys, "rb").read().splitlines():
    key = line.decode("utf-8")[len(prefix):]
    if not client.set(key, line):
        sys.exit("pymemcache: %r was not stored" % key)
