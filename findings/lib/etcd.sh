# shellcheck shell=sh disable=SC2034,SC2154 # of lib/debian.sh
# lib/etcd.sh: what the findings about etcd share; they source it. It needs python3, and what lib/debian.sh needs, whose functions come
# with it.
#   have_etcd SUITE VERSION        unpacks that etcd of Debian, with its libraries, into $work; installs nothing
#   free_ports N                   prints N ports of 127.0.0.1 that nothing listens on, on one line
#   run_member NAME PORT PEER ALL  runs a member in place of this shell: its port, its port for members, and all NAME=http://... of these
#   play FILE [ARGUMENT...]        runs a Python script that can import lib/gateway.py, for 40 seconds at most
# shellcheck source=findings/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

have_etcd() { # suite, version of the package
    have_package etcd-server "$1" "$2"
    (run_package etcd --version) | head -n 1 | grep . || fail "etcd $2 does not run"
}

free_ports() {
    python3 -c '
import socket, sys
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in all))' "$1"
}

run_member() { # name, port, port for members, all members
    run_package etcd --name "$1" --data-dir "$work/$1" --listen-client-urls "http://127.0.0.1:$2" \
        --advertise-client-urls "http://127.0.0.1:$2" --listen-peer-urls "http://127.0.0.1:$3" \
        --initial-advertise-peer-urls "http://127.0.0.1:$3" --initial-cluster "$4" \
        --heartbeat-interval 50 --election-timeout 500 --logger zap >"$work/$1.log" 2>&1
}

play() { PYTHONPATH=$here/lib timeout 40 python3 -B "$@"; }
