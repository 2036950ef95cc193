# Files over FILE_MOST lines and functions over FUNCTION_MOST, in C and Lua. A function is counted from its first line to its last.
# Prints as tests/floors wants it: rule, file, function, offence, with tabs between.

function offence(rule, what, line, message) { print rule "\t" FILENAME "\t" what "\t" FILENAME ":" line ": " message }

function ended(name, first) {
    if (FNR - first + 1 > FUNCTION_MOST)
        offence("function", name, first, name " has " FNR - first + 1 " lines: at most " FUNCTION_MOST)
}

# Lua: a line without strings and comments; long strings end where they end.
function lua_code(s,    i) {
    if (in_long) {
        i = index(s, "]]")
        if (!i) return ""
        in_long = 0
        s = substr(s, i + 2)
    }
    gsub(/\\["\047\\]/, "", s)
    gsub(/"[^"]*"/, "", s)
    gsub(/\047[^\047]*\047/, "", s)
    while ((i = index(s, "[["))) {
        if (!index(substr(s, i), "]]")) { in_long = 1; return substr(s, 1, i - 1) }
        s = substr(s, 1, i - 1) substr(s, i + index(substr(s, i), "]]") + 1)
    }
    sub(/--.*/, "", s)
    return s
}

function lua_name(s) {
    if (s ~ /describe[ (]/) return "" # a group of tests is as long as they are many
    if (match(s, /function +[A-Za-z_0-9.:]+/)) { s = substr(s, RSTART, RLENGTH); sub(/function +/, "", s); return s }
    if (match(s, /[A-Za-z_0-9.]+ *= *function/)) { s = substr(s, RSTART, RLENGTH); sub(/ *=.*/, "", s); return s }
    return "function"
}

function lua(    n, i, word, text) {
    text = lua_code($0)
    n = split(text, word, /[^A-Za-z0-9_]+/)
    for (i = 1; i <= n; i++) {
        if (word[i] == "function") { depth++; first[depth] = FNR; name[depth] = lua_name(text) }
        else if (word[i] == "if" || word[i] == "do" || word[i] == "repeat") { depth++; name[depth] = "" }
        else if (word[i] == "end" || word[i] == "until") {
            if (name[depth] != "") ended(name[depth], first[depth])
            depth--
        }
    }
}

# C, as clang-format writes it: a function's braces stand at the line's beginning, each on a line of its own.
function c() {
    if (/^[A-Za-z_].*\(/ && !/;[ \t]*$/) {
        sign = FNR
        of = $0
        sub(/\(.*/, "", of); sub(/.*[ *]/, "", of)
    }
    if (/^\{/ && sign) begun = sign
    if (/^\}/) {
        if (begun) ended(of, begun)
        begun = sign = 0
    }
}

FNR == 1 { is_lua = FILENAME ~ /\.lua$/; is_c = FILENAME ~ /\.[ch]$/; depth = in_long = begun = sign = 0 }
FNR == FILE_MOST + 1 { offence("length", "-", FNR, "the file goes on: at most " FILE_MOST " lines") }
is_lua { lua() }
is_c { c() }
