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
    operate) echo build run operate ;;
    servers) ;; # no package: deps/servers
    *) return 1 ;;
    esac
}

# Whether a tool can be seen without asking dpkg, by its sign in the second column of a list.
sign_is_there() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" ;;
    pc:*) pkg-config --exists "${1#pc:}" ;;
    h:*) printf '#include <%s>\n' "${1#h:}" | "${CC:-cc}" -E -x c - ;;
    py:*) /usr/bin/python3 -P -c "import ${1#py:}" ;;
    php:*) php -r "exit(extension_loaded('${1#php:}') ? 0 : 1);" ;;
    perl:*) perl -M"${1#perl:}" -e 1 ;;
    ruby:*) ruby -e "require '${1#ruby:}'" ;;
    file:*) [ -e "${1#file:}" ] ;;
    *) false ;;
    esac >/dev/null 2>&1
}

dpkg_has() { # package
    case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
    installed*) return 0 ;;
    *) return 1 ;;
    esac
}

# A package that dpkg has, or a tool that came some other way: both will do.
package_is_there() { # package, sign
    dpkg_has "$1" || sign_is_there "$2"
}

# The package that a line of a list asks for on this system.
package_of() { # package, OTHER@IF or nothing
    if [ -n "$2" ] && dpkg_has "${2#*@}"; then echo "${2%@*}"; else echo "$1"; fi
}

# Prints the missing packages of the given roles on one line.
roles_missing() {
    for role in "$@"; do
        for list in $(role_lists "$role"); do
            while read -r package sign other; do
                case $package in '' | '#'*) continue ;; esac
                package=$(package_of "$package" "$other")
                package_is_there "$package" "$sign" </dev/null || echo "$package"
            done <"$deps/$list.txt"
        done
    done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# --- from npm ---------------------------------------------------------------------------------------

# The clients that tests/clients plays. Their versions, and those of all they need, are fixed by a lock file; they go
# to build/node, with a copy of the lock file, by which a later run sees whether they are the right ones.
npm_from=$deps/../tests/clients
npm_to=$deps/../build/node

npm_is_needed() { # roles
    for role in "$@"; do
        case $role in test) return 0 ;; esac
    done
    return 1
}

npm_is_there() {
    [ -d "$npm_to/node_modules" ] && cmp -s "$npm_from/package-lock.json" "$npm_to/installed.json"
}

# NAME VERSION of each module that package.json asks for.
npm_wanted() {
    sed -n '/"dependencies"/,/}/s/^ *"\([^"]*\)": "\([0-9][^"]*\)".*/\1 \2/p' "$npm_from/package.json"
}

# Prints the modules that the given roles miss, on one line: npm:NAME@VERSION. All of them where one that these need is
# missing.
npm_missing() { # roles
    if ! npm_is_needed "$@" || npm_is_there; then return; fi
    absent=$(npm_wanted | while read -r name version; do
        grep -q "\"version\": \"$version\"" "$npm_to/node_modules/$name/package.json" 2>/dev/null ||
            echo "npm:$name@$version"
    done)
    [ -n "$absent" ] || absent=$(npm_wanted | sed 's/^\(.*\) \(.*\)/npm:\1@\2/')
    echo "$absent" | tr '\n' ' ' | sed 's/ $//'
}

# Runs no package's own scripts: these clients are JavaScript alone.
npm_install() {
    mkdir -p "$npm_to" && cp "$npm_from/package.json" "$npm_from/package-lock.json" "$npm_to" || return 1
    (cd "$npm_to" && npm ci --ignore-scripts --no-audit --no-fund) </dev/null || return 1
    cp "$npm_from/package-lock.json" "$npm_to/installed.json"
}
