# tests/bench/peers.sh: what the benches share: servers and proxies that are started and ended, and the load on them. Sourced.
# Environment: MOONGATE, LOAD; $seconds and $warmup of a measurement, $common options.
# shellcheck shell=sh disable=SC2034,SC2154
# shellcheck source=tests/lib/processes.sh
. "$here/../lib/processes.sh"
PATH=$PATH:/usr/sbin:/sbin
MOONGATE=${MOONGATE:-build/moongate}
LOAD=${LOAD:-build/bench/load}

# --- what was started, and its end ----------------------------------------------------------------

started=
loader=
dir=$(mktemp -d) || exit 1

finish() {
    trap '' INT TERM HUP
    end $loader $started
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
    echo "tests/bench/run: $*" >&2
    exit 1
}

port_answers() { nc -z 127.0.0.1 "$1" >/dev/null 2>&1; }

# --- the peers ----------------------------------------------------------------------------------

# A script or configuration with the real ports in it.
with_ports() { # file
    sed -e "s/11400/$listen/" -e "s/11401/$port1/" -e "s/11402/$port2/" -e "s/11403/$port3/" \
        -e "s/11404/$port4/" "$1"
}

# A moongate with one worker and that script; its port is where it says.
start_moongate() { # name, script
    listen=0
    with_ports "$2" >"$dir/$1.lua"
    "$MOONGATE" -j 1 -b 127.0.0.1 -p 0 "$dir/$1.lua" 2>"$dir/$1.log" &
    moongate_pid=$!
    started="$started $moongate_pid"
    moongate_at=$(moongate_listens $moongate_pid "$dir/$1.log")
    [ -n "$moongate_at" ] || die "moongate: $(cat "$dir/$1.log")"
}

# --- measuring ------------------------------------------------------------------------------------

# Appends "scenario peer round NAME=VALUE..." to the results.
measure() { # scenario, peer, round, pid, address, options...
    scenario=$1 peer=$2 round=$3 pid=$4 address=$5
    shift 5
    # In the background: a signal to this script is then heeded at once.
    "$LOAD" $common "$@" -t "$seconds" -w "$warmup" -r "$round" -P "$pid" "$address" >"$dir/line" &
    loader=$!
    wait $loader || die "$scenario: $peer failed: $(cat "$dir/line")"
    loader=
    echo "$scenario $peer $round $(cat "$dir/line")" >>"$dir/results"
}

need() { # tools...
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 ||
            die "$tool: not there: run 'sh deps/install bench', then 'make bench', which builds what is ours"
    done
}

# port1 .. port4; first_pid is the first's.
start_servers() {
    for i in 1 2 3 4; do
        memcached_starts "$dir" $i -l 127.0.0.1 -p -1 -c 4096 ||
            die "memcached did not start: $(cat "$dir/memcached$i.log")"
        started="$started $memcached_pid"
        eval "port$i=$memcached_port"
        [ $i = 1 ] && first_pid=$memcached_pid
    done
}
