# shellcheck shell=sh disable=SC2034
# processes: for scripts that start servers: how they are started, awaited, and ended. To be sourced.

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

# Ends servers at once: a memcached has nothing to lose, and takes up to a second to leave by itself.
end_now() { # pids
    for pid in "$@"; do kill -KILL "$pid" 2>/dev/null; done
    for pid in "$@"; do wait "$pid" 2>/dev/null || :; done
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

# A memcached (the one that MEMCACHED names, else the installed one) with these options; its log is memcachedNAME.log in that folder. Sets memcached_pid.
memcached_launches() { # folder, name, options...
    memcached_folder=$1 memcached_name=$2
    shift 2
    [ "$(id -u)" = 0 ] && set -- -u root "$@"
    rm -f "$memcached_folder/port$memcached_name"
    MEMCACHED_PORT_FILENAME=$memcached_folder/port$memcached_name "${MEMCACHED:-memcached}" -U 0 -t 1 -m 64 "$@" \
        >"$memcached_folder/memcached$memcached_name.log" 2>&1 &
    memcached_pid=$!
}

# The same, and waits until it tells its port (-p -1: a free one) in a file. Sets memcached_port too. False when it does not start.
memcached_starts() { # folder, name, options...
    memcached_launches "$@"
    await $memcached_pid file_has INET "$1/port$2" || return 1
    memcached_port=$(sed -n 's/^TCP INET: //p' "$1/port$2")
}

# Where a moongate with that log listens, once it is ready.
moongate_listens() { # pid, log
    await "$1" file_has ': ready: ' "$2" && sed -n 's/.*listening on //p' "$2" | head -n 1
}
