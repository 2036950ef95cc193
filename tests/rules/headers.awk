# A header's first eight lines say what the thing is ("/* name: ...") and who owns or frees it.
# Prints as tests/floors wants it: rule, file, -, offence, with tabs between.

function offence(message) { print "header\t" file "\t-\t" file ":1: " message }

function check(    base) {
    if (file == "") return
    base = file
    sub(/.*\//, "", base); sub(/\.h$/, "", base)
    if (index(head, "/* " base ": ") != 1) offence("does not begin with \"/* " base ": \" and what it is")
    if (tolower(head) !~ owners)
        offence("its first " MOST " lines do not say who owns or frees it (or: a plain value, pure functions, owns nothing)")
}

BEGIN {
    MOST = 8
    owners = "(^|[^a-z])(own|owns|owned|owner|owners|owning|free|frees|freed|destroys|destroyed|releases|released|borrowed|" \
             "belongs|belong|counted|static|constant|plain value|pure)([^a-z]|$)"
}
FNR == 1 { check(); file = FILENAME; head = "" }
FNR <= MOST && !/^#/ { head = head $0 " " }
END { check() }
