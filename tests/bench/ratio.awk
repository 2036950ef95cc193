# ratio.awk: one route's CPU per request in parts of the plain pool's, from the lines of tests/bench/peers.sh. Set scenario, target.

$1 == scenario {
    for (i = 4; i <= NF; i++) {
        split($i, part, "=")
        if (part[1] == "cpu_us") cpu[$2, $3] = part[2] + 0
    }
    if ($3 > rounds) rounds = $3
}

END {
    for (i = 1; i <= rounds; i++) {
        ratio[i] = cpu["route", i] / cpu["plain", i]
        for (j = i; j > 1 && ratio[j - 1] > ratio[j]; j--) {
            swap = ratio[j]
            ratio[j] = ratio[j - 1]
            ratio[j - 1] = swap
        }
    }
    median = rounds % 2 ? ratio[(rounds + 1) / 2] : (ratio[rounds / 2] + ratio[rounds / 2 + 1]) / 2
    printf "%-14s %.2f (%.2f .. %.2f), wanted at most %s: %s\n", scenario, median, ratio[1], ratio[rounds], target,
        median <= target ? "met" : "MISSED"
}
