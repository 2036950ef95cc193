#!/bin/sh
# Expected: to listen on `*:PORT` is to listen on all addresses of the host: so it is in memcached (-l '*'), nginx, haproxy and others.
# Happens: nutcracker (twemproxy) listens on one loopback address alone, ::1 or, where getaddrinfo gives it first, 127.0.0.1. Its test of the
#     configuration says that all is well, and no message appears: clients on other hosts are refused, and with ::1 those that connect to
#     127.0.0.1 as well. `0.0.0.0:PORT` is all addresses.
#     The cause is that glibc's getaddrinfo() takes the name "*" for no name, which getaddrinfo(3) does not mention. No name means all
#     addresses with the flag AI_PASSIVE, loopback without it, and nutcracker sets the flag only when it has no name itself.
# Source: Debian bookworm's nutcracker 0.5.0+dfsg-2 with glibc 2.36; memcached 1.6.18-1 for comparison.
# shellcheck source=findings/lib/nutcracker.sh
. "$(dirname "$0")/lib/nutcracker.sh"

cat >"$work/play.py" <<'X'
"""play.py PORT...: at which addresses each port is open, as soon as it is: `loopback`, `all` or what /proc says."""
import sys
import time

KINDS = {"0100007F": "loopback", "0" * 24 + "01000000": "loopback", "0" * 8: "all", "0" * 32: "all"}
LISTENING = "0A"


def addresses(port):
    found = []
    for table in "/proc/net/tcp", "/proc/net/tcp6":
        try:
            rows = open(table).read().splitlines()[1:]
        except FileNotFoundError:
            continue
        for row in rows:
            address, number = row.split()[1].split(":")
            kind = KINDS.get(address, address)
            # One socket for each family says no more than one for both.
            if int(number, 16) == port and row.split()[3] == LISTENING and not (kind == "all" and kind in found):
                found.append(kind)
    return found


until = time.monotonic() + 5
ports = [int(port) for port in sys.argv[1:]]
while not all(addresses(port) for port in ports) and time.monotonic() < until:
    time.sleep(0.05)
print(", ".join(" and ".join(addresses(port)) for port in ports))
X

have_nutcracker bookworm 0.5.0+dfsg-2
star=$(free_port)
zeros=$(free_port)
cat >"$work/nutcracker.yml" <<X
star:
  listen: '*:$star'
  servers:
   - 127.0.0.1:1:1
zeros:
  listen: 0.0.0.0:$zeros
  servers:
   - 127.0.0.1:1:1
X
proxy
sed "s|$work/||" "$work/test"
expect "nutcracker with '*' and with 0.0.0.0" "loopback, all" "$(play "$work/play.py" "$star" "$zeros")"

stop
have_package memcached bookworm 1.6.18-1
(run_package memcached -V)
[ "$(id -u)" -ne 0 ] || set -- -u root
run_package memcached -l '*' -p "$star" -t 1 -m 64 "$@" &
process=$!
expect "memcached with '*'" "all" "$(play "$work/play.py" "$star")"
echo "as before"
