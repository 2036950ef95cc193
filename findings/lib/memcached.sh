# shellcheck shell=sh disable=SC2034,SC2154 # of lib/debian.sh
# lib/memcached.sh: what the findings about memcached share; they source it. It needs python3, and what lib/debian.sh needs, whose functions
# come with it.
#   have_memcached SUITE VERSION  unpacks that memcached of Debian, with its libraries, into $work; installs nothing
#   serve [OPTION...]             starts it on the socket $work/socket, in place of the one before, and waits until it answers
#   ask REQUEST...                sends requests on one connection, `mn` behind each; prints `REQUEST -> ANSWER` for each, in which
#                                 a line end is written "|" and no answer "(nothing)". In REQUEST "|" is a line end, too
# shellcheck source=findings/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

have_memcached() { # suite, version of the package
    have_package memcached "$1" "$2"
    (run_package memcached -V) | grep . || fail "memcached $2 does not run"
}

serve() {
    stop
    rm -f "$work/socket"
    [ "$(id -u)" -ne 0 ] || set -- -u root "$@"
    run_package memcached -s "$work/socket" -t 1 -m 64 "$@" &
    process=$!
    ask mn >"$work/first" || fail "memcached does not answer"
}

ask() { python3 -B "$here/lib/ask.py" "$work/socket" "$@"; }
