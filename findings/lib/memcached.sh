# shellcheck shell=sh
# lib/memcached.sh: what the findings about memcached share; they source it. It makes the temporary folder $work, which goes at exit
# with the server, and needs apt-get, apt-cache, dpkg and python3.
#   have_memcached SUITE VERSION  unpacks that memcached of Debian, with its libraries, into $work; installs nothing
#   serve [OPTION...]             starts it on the socket $work/socket and waits until it answers
#   ask REQUEST...                sends requests on one connection, `mn` behind each; prints `REQUEST -> ANSWER` for each, in which
#                                 a line end is written "|" and no answer "(nothing)". In REQUEST "|" is a line end, too
#   expect WHAT WANTED SEEN       shows what was seen; ends with 1 when it is something else
here=$(cd "$(dirname "$0")" && pwd) || exit 2
work=$(mktemp -d) || exit 2
server=
leave() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    fi
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
    echo "FAILED: $*"
    exit 1
}

# apt-get or apt-cache for one suite, with lists and a cache of its own; with an empty status file nothing counts as installed.
of_suite() { # command, arguments...
    command=$1
    shift
    "$command" -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::Lists="$work/lists" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@" </dev/null
}

# The libraries that it needs, and those that they need.
libraries() {
    of_suite apt-cache depends --recurse --important memcached | awk '
        /^[^ ]/ { from = $1 }
        /^ +\|?(Pre)?Depends: lib/ { needs[from] = needs[from] " " $NF }
        function add(package,   list, n, i) {
            if (package in seen) return
            seen[package]
            if (package != "memcached") print package
            n = split(needs[package], list, " ")
            for (i = 1; i <= n; i++) add(list[i])
        }
        END { add("memcached") }'
}

have_memcached() { # suite, version of the package
    suite=$1
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/$')
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main" \
        >"$work/sources.list"
    mkdir -p "$work/lists/partial" "$work/cache" "$work/root"
    of_suite apt-get update || fail "no package lists of $suite"
    # shellcheck disable=SC2046
    (cd "$work/cache" && of_suite apt-get download "memcached=$2" $(libraries)) || fail "$suite does not have memcached $2"
    for deb in "$work"/cache/*.deb; do dpkg -x "$deb" "$work/root" || fail "$deb"; done
    loader=$(find "$work/root" -name 'ld-linux*.so.*' | sort | head -n 1)
    paths=$(find "$work/root" -name '*.so.*' -printf '%h\n' | sort -u | tr '\n' ':')
    memcached -V | grep . || fail "memcached $2 does not run"
}

memcached() { "$loader" --library-path "${paths%:}" "$work/root/usr/bin/memcached" "$@"; }

serve() {
    rm -f "$work/socket"
    [ "$(id -u)" -ne 0 ] || set -- -u root "$@"
    "$loader" --library-path "${paths%:}" "$work/root/usr/bin/memcached" -s "$work/socket" -t 1 -m 64 "$@" &
    server=$!
    ask mn >"$work/first" || fail "memcached does not answer"
}

ask() { python3 "$here/lib/ask.py" "$work/socket" "$@"; }

expect() { # what, wanted, seen
    echo "$1: $3"
    [ "$3" = "$2" ] || fail "not as before, which was: $2"
}
