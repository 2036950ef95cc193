# shellcheck shell=sh disable=SC2034,SC2154 # of lib/debian.sh
# lib/nutcracker.sh: what the findings about nutcracker (twemproxy) share; they source it. It needs python3, and what lib/debian.sh needs,
# whose functions come with it.
#   have_nutcracker SUITE VERSION  unpacks that nutcracker of Debian, with its libraries, into $work; installs nothing
#   free_port                      prints a port of 127.0.0.1 that nothing listens on
#   proxy                          starts it with the configuration $work/nutcracker.yml, after its own test has accepted it
#   play FILE [ARGUMENT...]        runs a Python script that can import lib/sockets.py, for 40 seconds at most
# shellcheck source=findings/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

have_nutcracker() { # suite, version of the package
    have_package nutcracker "$1" "$2"
    (run_package nutcracker -V) 2>&1 | grep 'This is' || fail "nutcracker $2 does not run"
}

free_port() { python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'; }

proxy() {
    stop
    (run_package nutcracker -t -c "$work/nutcracker.yml") 2>"$work/test" || fail "$(cat "$work/test")"
    run_package nutcracker -c "$work/nutcracker.yml" -a 127.0.0.1 -s "$(free_port)" -o "$work/log" &
    process=$!
}

play() { PYTHONPATH=$here/lib timeout 40 python3 -B "$@"; }
