# What the objects of each floor need of the system: a loop (libev), sockets, Lua. Reads what `nm -A -u` said of objects below
# BUILD/obj, then the sources, which include <ev.h> only where a loop is. USES has FLOOR:WORDS for each floor, with commas between
# the words, "-" for none.
# Prints as tests/floors wants it: rule, file, word, offence, with tabs between.

function kind(symbol) {
    if (symbol ~ /^ev_/) return "loop"
    if (symbol ~ /^(lua|luaL|luaJIT)_/) return "lua"
    if (symbol in socket) return "sockets"
    return ""
}

BEGIN {
    n = split(USES, row, " ")
    for (i = 1; i <= n; i++) {
        split(row[i], part, ":")
        words = split(part[2], list, ",")
        for (j = 1; j <= words; j++) may[part[1], list[j]] = 1
    }
    INCLUDE = "^[ \t]*#[ \t]*include[ \t]*"
    n = split("socket socketpair connect bind listen accept accept4 shutdown getsockopt setsockopt getsockname getpeername " \
              "read readv recv recvfrom recvmsg write writev send sendto sendmsg", row, " ")
    for (i = 1; i <= n; i++) socket[row[i]] = 1
}
NR != FNR {
    if ($0 !~ INCLUDE "<ev\\.h>") next
    split(FILENAME, part, "/")
    if (!((part[2], "loop") in may))
        print "uses\t" FILENAME "\tloop\t" FILENAME ":" FNR ": includes <ev.h>: src/" part[2] " does without a loop"
    next
}
{
    object = $1
    sub(/:.*/, "", object)
    symbol = $NF
    sub(/@.*/, "", symbol)
    if (symbol ~ /^__.*_chk$/) { sub(/^__/, "", symbol); sub(/_chk$/, "", symbol) }
    source = substr(object, length(BUILD "/obj/") + 1)
    floor = source
    sub(/\/.*/, "", floor)
    sub(/\.o$/, ".c", source)
    word = kind(symbol)
    if (word == "") next
    has[floor, word] = 1
    if ((floor, word) in may) next
    source = "src/" source
    line = 1; number = 0
    while ((getline text < source) > 0) {
        number++
        if (text ~ "(^|[^A-Za-z0-9_])" symbol "[ \t]*\\(") { line = number; break }
    }
    close(source)
    print "uses\t" source "\t" word "\t" source ":" line ": uses " symbol ": src/" floor " does without " word
}
END {
    for (key in may) {
        split(key, part, SUBSEP)
        if (part[2] != "-" && !(key in has))
            print "uses\ttests/floors\t" part[1] "\ttests/floors:1: src/" part[1] " does not use " part[2] ": `uses` says that it may"
    }
}
