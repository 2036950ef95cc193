#!/bin/sh
# Expected: a request that fails is answered by one line with an error, and the connection goes on, whether the request has one key or more.
# Happens: that is so for a get of one key. For a get of several keys, of which one belongs to a server that is down or that does not answer
#     in time, nutcracker (twemproxy) sends the line and then closes the client's connection. The client has to connect again, and libraries
#     that count a closed connection as a failure of their server give up the proxy because of one server behind it. Values that other
#     servers had sent are dropped. When the server itself answers SERVER_ERROR, the connection stays, but its text becomes that of an errno.
# Source: Debian bookworm's nutcracker 0.5.0+dfsg-2. In its source memcache_post_coalesce() sets `err` of the client's connection.
# shellcheck source=findings/lib/nutcracker.sh
. "$(dirname "$0")/lib/nutcracker.sh"

have_nutcracker bookworm 0.5.0+dfsg-2
for pool in down:127.0.0.1:1 silent:"$work/silent" full:"$work/full"; do
    cat <<X
${pool%%:*}:
  listen: $work/${pool%%:*}.proxy
  hash: md5
  distribution: modula
  timeout: 300
  servers:
   - $work/good:1 one
   - ${pool#*:}:1 two
X
done >"$work/nutcracker.yml"

# By md5 and modula the keys k0 and k1 belong to the server "one", k2 to the other.
cat >"$work/play.py" <<'X'
import sys

from sockets import connected, serve

work = sys.argv[1]
serve(work + "/good", lambda line: "".join(f"VALUE {key} 0 2\r\nok\r\n" for key in line.split()[1:]) + "END\r\n")
serve(work + "/silent", lambda line: None)
serve(work + "/full", lambda line: "SERVER_ERROR out of memory writing get response\r\n")


def ask(peer, request):
    got = b""
    try:
        peer.sendall(request.encode() + b"\r\n")
        while not got.endswith(b"\r\n" if b"ERROR" in got else b"END\r\n"):
            more = peer.recv(65536)
            if not more:
                return "(closed)"
            got += more
    except (BrokenPipeError, ConnectionResetError):
        return "(closed)"
    return got.decode().removesuffix("\r\n").replace("\r\n", "|")


for pool in "down", "silent", "full":
    for request in "get k0 k1", "get k2", "get k0 k2":
        peer = connected(f"{work}/{pool}.proxy")
        print(f"{pool}: {request} -> {ask(peer, request)}; get k0 -> {ask(peer, 'get k0')}")
X
proxy
expect "seen" "down: get k0 k1 -> VALUE k0 0 2|ok|VALUE k1 0 2|ok|END; get k0 -> VALUE k0 0 2|ok|END
down: get k2 -> SERVER_ERROR Connection refused; get k0 -> VALUE k0 0 2|ok|END
down: get k0 k2 -> SERVER_ERROR Connection refused; get k0 -> (closed)
silent: get k0 k1 -> VALUE k0 0 2|ok|VALUE k1 0 2|ok|END; get k0 -> VALUE k0 0 2|ok|END
silent: get k2 -> SERVER_ERROR Connection timed out; get k0 -> VALUE k0 0 2|ok|END
silent: get k0 k2 -> SERVER_ERROR Connection timed out; get k0 -> (closed)
full: get k0 k1 -> VALUE k0 0 2|ok|VALUE k1 0 2|ok|END; get k0 -> VALUE k0 0 2|ok|END
full: get k2 -> SERVER_ERROR out of memory writing get response; get k0 -> VALUE k0 0 2|ok|END
full: get k0 k2 -> SERVER_ERROR Invalid argument; get k0 -> VALUE k0 0 2|ok|END" "$(play "$work/play.py" "$work")"
echo "as before"
