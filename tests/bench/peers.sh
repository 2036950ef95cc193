# tests/bench/peers.sh: what the benches share: servers and proxies that are started and ended, and the load on them. Sourced.
# Environment: MOONGATE, LOAD; $seconds and $warmup of a measurement, $common options.
# shellcheck shell=sh disable=SC2034,SC2154
PATH=$PATH:/usr/sbin:/sbin
MOONGATE=${MOONGATE:-build/moongate}
LOAD=${LOAD:-build/bench/load}

# --- what was started, and its end ----------------------------------------------------------------

started=
loader=
dir=$(mktemp -d) || exit 1

finish() {
    trap '' INT TERM HUP
    started="$started $loader"
    for pid in $started; do kill "$pid" 2>/dev/null; done
    tries=250
    for pid in $started; do
        while kill -0 "$pid" 2>/dev/null && [ $tries -gt 0 ]; do
            tries=$((tries - 1))
            sleep 0.02
        done
        kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
    echo "tests/bench/run: $*" >&2
    exit 1
}

# Looks every 20 ms whether a command succeeds, for 10 s at most, as long as process $1 lives.
await() { # pid, command...
    awaited=$1 tries=500
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] && kill -0 "$awaited" 2>/dev/null || return 1
        sleep 0.02
    done
}

file_has() { grep -q "$1" "$2" 2>/dev/null; }
port_answers() { nc -z 127.0.0.1 "$1" >/dev/null 2>&1; }

# --- the peers ----------------------------------------------------------------------------------

# Each memcached picks a free port itself and tells it in a file.
start_memcached() { # number
    user=
    [ "$(id -u)" = 0 ] && user='-u root'
    MEMCACHED_PORT_FILENAME=$dir/port$1 memcached $user -l 127.0.0.1 -p -1 -U 0 -t 1 -m 64 -c 4096 \
        2>"$dir/memcached$1.log" &
    started="$started $!"
    await $! file_has INET "$dir/port$1" || die "memcached did not start: $(cat "$dir/memcached$1.log")"
    port=$(sed -n 's/^TCP INET: //p' "$dir/port$1")
}

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
    await $moongate_pid file_has ': ready: ' "$dir/$1.log" || die "moongate: $(cat "$dir/$1.log")"
    moongate_at=$(sed -n 's/.*listening on //p' "$dir/$1.log" | head -n 1)
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

# port1 .. port4; memcached_pid is the first's.
start_servers() {
    for i in 1 2 3 4; do
        start_memcached $i
        eval "port$i=$port"
        [ $i = 1 ] && memcached_pid=$!
    done
}
