# Words that tests/words lists, in the files that are given: also across the end of a line, and in names, whose underscores read
# as spaces. TABLE is tests/words. The list for readers, between "words: begin" and "words: end" of an .md file, has the same words: each
# phrase of its second column has a pattern, and each pattern a phrase there. Prints as tests/floors wants it: rule, file, pattern, offence, with tabs between.

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

# A row of the list for readers: its second column has phrases with "; " between.
function list_row(    cell, phrase, phrases, i, j, is_known) {
    split($0, cell, "|")
    phrases = split(cell[3], phrase, ";")
    for (j = 1; j <= phrases; j++) {
        is_known = 0
        for (i = 1; i <= n; i++) if ((is_loud[i] ? phrase[j] : tolower(phrase[j])) ~ whole[i]) is_known = is_listed[i] = 1
        if (!is_known) print "word\t" FILENAME "\t-\t" FILENAME ":" FNR ": \"" phrase[j] "\" has no pattern in " TABLE
    }
}

FNR == 1 { last = last_small = ""; in_list = 0; is_md = FILENAME ~ /\.md$/ }
is_md && /^<!-- words: begin/ { in_list = 1; list = FILENAME ":" FNR; next }
is_md && /^<!-- words: end/ { in_list = 0 }
in_list { if (/^\|/ && !/^\|---|^\| we say/) list_row(); next }
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
END {
    for (i = 1; i <= n && list != ""; i++)
        if (!is_listed[i]) print "word\t" TABLE "\t-\t" list ": the list has no phrase for \"" pattern[i] "\" of " TABLE
}
