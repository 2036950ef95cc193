# table.awk: one scenario's results of tests/bench/run as a table of medians, and moongate's CPU time per request in
# parts of nutcracker's. Reads lines "scenario peer round NAME=VALUE..."; set scenario, target and options.

function sort(a, n,    i, j, v) {
    for (i = 2; i <= n; i++) {
        v = a[i]
        for (j = i - 1; j >= 1 && a[j] > v; j--) a[j + 1] = a[j]
        a[j + 1] = v
    }
}

function median(peer, name,    a, i, n) {
    n = rounds[peer]
    for (i = 1; i <= n; i++) a[i] = value[peer, i, name]
    sort(a, n)
    return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

function row(peer) {
    printf "%-11s %9.0f %9.0f  %7.2f %7.2f %7.2f  %8.0f %8.0f %8.0f\n", peer,
        median(peer, "req_per_s"), median(peer, "keys_per_s"),
        median(peer, "user_us"), median(peer, "sys_us"), median(peer, "cpu_us"),
        median(peer, "p50_us"), median(peer, "p99_us"), median(peer, "p999_us")
}

# Neighbouring measurements are compared, since the machine's own pace drifts: the median of the rounds' ratios.
function compare(    i, n, ratio) {
    n = rounds["moongate"]
    for (i = 1; i <= n; i++)
        value["ratio", i, "cpu"] = value["moongate", i, "cpu_us"] / value["nutcracker", i, "cpu_us"]
    rounds["ratio"] = n
    ratio = median("ratio", "cpu")
    printf "moongate / nutcracker, CPU per request: %.2f (rounds:", ratio
    for (i = 1; i <= n; i++) printf " %.2f", value["ratio", i, "cpu"]
    printf "), wanted at most %.1f: %s\n", target, ratio <= target ? "met" : "MISSED"
}

$1 == scenario {
    rounds[$2]++
    for (i = 4; i <= NF; i++) {
        split($i, part, "=")
        value[$2, rounds[$2], part[1]] = part[2] + 0
    }
}

END {
    printf "\n%s (%s)\n", scenario, options
    printf "%-11s %9s %9s  %23s  %26s\n", "", "", "", "CPU us per request", "latency us"
    printf "%-11s %9s %9s  %7s %7s %7s  %8s %8s %8s\n",
        "peer", "req/s", "keys/s", "user", "system", "total", "p50", "p99", "p99.9"
    row("memcached")
    row("nutcracker")
    row("moongate")
    compare()
}
