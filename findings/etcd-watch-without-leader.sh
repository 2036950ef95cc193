#!/bin/sh
# Expected: a watch ends, or says so, when its member of etcd has lost the others: that member learns of no change any more.
# Happens: the connection stays open and is silent, for as long as that takes; with progress_notify, too. A client that asks for it by
#     gRPC's metadata `hasleader: true`, which the JSON gateway takes as the header `Grpc-Metadata-Hasleader: true`, gets an error within a
#     few times the election timeout. etcd's documentation of the gateway does not have that header.
# Source: Debian bookworm's etcd-server 3.4.23-4+b4.
# shellcheck source=findings/lib/etcd.sh
. "$(dirname "$0")/lib/etcd.sh"

have_etcd bookworm 3.4.23-4+b4
# shellcheck disable=SC2046
set -- $(free_ports 4)
all="one=http://127.0.0.1:$3,two=http://127.0.0.1:$4"
run_member one "$1" "$3" "$all" &
first=$!
run_member two "$2" "$4" "$all" &
process=$!
trap 'kill "$first" 2>/dev/null; leave' EXIT

cat >"$work/play.py" <<'X'
import os
import signal
import sys

from gateway import Gateway, b64, heard

etcd, other = Gateway(int(sys.argv[1])), int(sys.argv[2])
plain = etcd.watch({"key": b64("a"), "progress_notify": True})
careful = etcd.watch({"key": b64("a")}, {"Grpc-Metadata-Hasleader": "true"})
print("a watch:", heard(plain, 1))
print("a watch with hasleader:", heard(careful, 1))
os.kill(other, signal.SIGKILL)
print("after the other member was killed, with hasleader:", heard(careful, 6))
print("the first one:", heard(plain, 5))
X
expect "seen" "a watch: created
a watch with hasleader: created
after the other member was killed, with hasleader: error: etcdserver: no leader, the end
the first one: nothing" "$(play "$work/play.py" "$1" "$process")"
kill "$first" 2>/dev/null
echo "as before"
