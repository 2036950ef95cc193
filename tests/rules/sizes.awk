# The size of each floor: files, lines, assertions per 1,000 lines and the share of comment lines in its .c files.
# FLOORS is their list, lowest first.

FNR == 1 { split(FILENAME, part, "/"); floor = part[2]; files[floor]++; in_comment = 0; is_source = FILENAME ~ /\.c$/ }
{
    lines[floor]++
    text = $0
    asserts[floor] += gsub(/(^|[^A-Za-z0-9_])assert\(/, "", text)
    if (!is_source) next
    source[floor]++
    if (in_comment || /^[ \t]*\/[*\/]/) {
        comments[floor]++
        in_comment = !/\*\//
    }
}

function row(name, height, f, l, a, s, c) {
    printf "%-12s %5s %6d %7d %11.1f %9.0f %%\n", name, height, f, l, l ? a * 1000 / l : 0, s ? c * 100 / s : 0
}

END {
    printf "%-12s %5s %6s %7s %11s %11s\n", "floor", "level", "files", "lines", "asserts/1k", "comments"
    n = split(FLOORS, level, " ")
    for (i = 1; i <= n; i++) {
        names = split(level[i], name, ",")
        for (j = 1; j <= names; j++) {
            x = name[j]
            row(x, i, files[x], lines[x], asserts[x], source[x], comments[x])
            f += files[x]; l += lines[x]; a += asserts[x]; s += source[x]; c += comments[x]
        }
    }
    row("all", "", f, l, a, s, c)
}
