# deps/roles.sh: which lists make a role, and which of a role's packages are missing.
# Read by deps/check and deps/install; set $deps to this folder first.
# shellcheck shell=sh disable=SC2154

# The lists of a role, in the order they are needed. Fails for an unknown role.
role_lists() {
    case $1 in
    build) echo build ;;
    run) echo build run ;;
    test) echo build run test ;;
    bench) echo build run bench ;;
    lint) echo build test lint ;;
    *) return 1 ;;
    esac
}

# Whether a tool can be seen without asking dpkg, by its sign in the second column of a list.
sign_is_there() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" ;;
    pc:*) pkg-config --exists "${1#pc:}" ;;
    h:*) printf '#include <%s>\n' "${1#h:}" | "${CC:-cc}" -E -x c - ;;
    *) false ;;
    esac >/dev/null 2>&1
}

# A package that dpkg has, or a tool that came some other way: both will do.
package_is_there() { # package, sign
    case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
    installed*) return 0 ;;
    esac
    sign_is_there "$2"
}

# Prints the missing packages of the given roles on one line.
roles_missing() {
    for role in "$@"; do
        for list in $(role_lists "$role"); do
            while read -r package sign; do
                case $package in '' | '#'*) continue ;; esac
                package_is_there "$package" "$sign" </dev/null || echo "$package"
            done <"$deps/$list.txt"
        done
    done | sort -u | tr '\n' ' ' | sed 's/ $//'
}
