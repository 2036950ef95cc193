# Prints the offences of tests/rules that are not excepted, and exceptions that nothing needs. Reads tests/rules/exceptions, then what
# the rules found: rule, file, what of it, offence, with tabs between. A row of exceptions: rule, file, what of it ("*": all of it),
# reason, two spaces or more between; a path that ends in / stands for all below it.

FILENAME == ARGV[1] {
    if ($0 ~ /^[ \t]*(#|$)/) next
    if (split($0, column, /  +/) != 4) { print FILENAME ":" FNR ": not a row: rule, file, what of it, reason"; next }
    n++
    rule[n] = column[1]; path[n] = column[2]; what[n] = column[3]; row[n] = FILENAME ":" FNR
    next
}
{
    split($0, offence, "\t")
    for (i = 1; i <= n; i++) {
        if (rule[i] != offence[1] || (what[i] != "*" && what[i] != offence[3])) continue
        if (path[i] == offence[2] || (path[i] ~ /\/$/ && index(offence[2], path[i]) == 1)) { used[i] = 1; next }
    }
    print offence[4]
}
END { for (i = 1; i <= n; i++) if (!used[i]) print row[i] ": nothing needs this exception: take it out" }
