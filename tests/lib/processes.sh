# shellcheck shell=sh
# processes: for scripts that start servers: how they are awaited, and ended. To be sourced.

# Ends processes; what is not gone after 12 s (moongate drains for up to 10) is killed.
end() { # pids
    tries=600
    for pid in "$@"; do kill "$pid" 2>/dev/null; done
    for pid in "$@"; do
        while kill -0 "$pid" 2>/dev/null && [ $tries -gt 0 ]; do
            tries=$((tries - 1))
            sleep 0.02
        done
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
}

# Looks every 20 ms whether a command succeeds, for 20 s at most, as long as process $1 lives.
await() { # pid, command...
    awaited=$1 tries=1000
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] && kill -0 "$awaited" 2>/dev/null || return 1
        sleep 0.02
    done
}

file_has() { grep -q "$1" "$2" 2>/dev/null; }
