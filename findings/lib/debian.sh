# shellcheck shell=sh
# lib/debian.sh: what findings about packages of Debian share; they source it. It makes the temporary folder $work, which goes at exit
# with the process $process, and needs apt-get, apt-cache and dpkg.
#   have_package PACKAGE SUITE VERSION  unpacks that package, with its libraries, into $work; installs nothing
#   run_package PROGRAM [ARGUMENT...]   runs a program of it in place of this shell: in a process of its own, so "&" or "$(...)"
#   stop                                ends the process $process, if there is one, and waits for it
#   expect WHAT WANTED SEEN             shows what was seen; ends with 1 when it is something else
# shellcheck disable=SC2034 # those that source this use it
here=$(cd "$(dirname "$0")" && pwd) || exit 2
work=$(mktemp -d) || exit 2
process=
listed= # the suite of the lists that are there
stop() {
    if [ -n "$process" ]; then
        kill "$process" 2>/dev/null
        wait "$process" 2>/dev/null
    fi
    process=
}
leave() {
    stop
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
libraries() { # package
    of_suite apt-cache depends --recurse --important "$1" | awk -v package="$1" '
        /^[^ ]/ { from = $1 }
        /^ +\|?(Pre)?Depends: lib/ { needs[from] = needs[from] " " $NF }
        function add(name,   list, n, i) {
            if (name in seen) return
            seen[name]
            if (name != package) print name
            n = split(needs[name], list, " ")
            for (i = 1; i <= n; i++) add(list[i])
        }
        END { add(package) }'
}

have_package() { # package, suite, version
    suite=$2
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/$')
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main" \
        >"$work/sources.list"
    mkdir -p "$work/lists/partial" "$work/cache" "$work/root"
    [ "$suite" = "$listed" ] || of_suite apt-get update || fail "no package lists of $suite"
    listed=$suite
    # shellcheck disable=SC2046
    (cd "$work/cache" && of_suite apt-get download "$1=$3" $(libraries "$1")) || fail "$suite does not have $1 $3"
    for deb in "$work"/cache/*.deb; do dpkg -x "$deb" "$work/root" || fail "$deb"; done
    loader=$(find "$work/root" -name 'ld-linux*.so.*' | sort | head -n 1)
    paths=$(find "$work/root" -name '*.so.*' -printf '%h\n' | sort -u | tr '\n' ':')
}

run_package() {
    program=$1
    shift
    file=$work/root/usr/bin/$program
    [ -x "$file" ] || file=$work/root/usr/sbin/$program
    exec "$loader" --library-path "${paths%:}" "$file" "$@"
}

expect() { # what, wanted, seen
    echo "$1: $3"
    [ "$3" = "$2" ] || fail "not as before, which was: $2"
}
