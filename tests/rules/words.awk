# Words that tests/words lists, in the files that are given: also across the end of a line, and in names, whose underscores read
# as spaces. TABLE is tests/words. Prints as tests/floors wants it: rule, file, pattern, offence, with tabs between.

BEGIN {
    while ((getline row < TABLE) > 0) {
        number++
        if (row ~ /^[ \t]*(#|$)/) continue
        if (split(row, column, /  +/) != 3 || (column[3] != "all" && column[3] != "md")) {
            print "word\t" TABLE "\t-\t" TABLE ":" number ": not a row: pattern, what to write, \"all\" or \"md\""
            continue
        }
        n++
        pattern[n] = column[1]; instead[n] = column[2]; where[n] = column[3]
        whole[n] = "(^|[^A-Za-z0-9])(" pattern[n] ")([^A-Za-z0-9]|$)"
        is_loud[n] = pattern[n] ~ /[A-Z][A-Z]/
        some = some (n > 1 ? "|" : "") pattern[n]
    }
    some = "(^|[^A-Za-z0-9])(" some ")([^A-Za-z0-9]|$)"
    close(TABLE)
}

function offence(i) { print "word\t" FILENAME "\t" pattern[i] "\t" FILENAME ":" FNR ": \"" pattern[i] "\": we write: " instead[i] }

FNR == 1 { last = last_small = ""; is_md = FILENAME ~ /\.md$/ }
{
    line = $0
    sub(/^[ \t]*(\/?\*+\/?|\/\/|--+|#+|>)?[ \t]*/, "", line)
    gsub(/_/, " ", line)
    small = tolower(line)
    both_small = last_small " " small
    if (both_small ~ some || line ~ some) {
        for (i = 1; i <= n; i++) {
            if (where[i] == "md" && !is_md) continue
            own = is_loud[i] ? line : small
            before = is_loud[i] ? last : last_small
            if (own ~ whole[i] || (before !~ whole[i] && (before " " own) ~ whole[i])) offence(i)
        }
    }
    last = line; last_small = small
}
