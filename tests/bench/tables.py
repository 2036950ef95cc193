"""Tables of results, for a terminal."""
from loads import FIRST, P50, P99, PROXY, RATE, TIER

WIDE = 10
NUMBERS = {TIER: "proxy+servers", PROXY: "proxy alone", RATE: "requests/s", FIRST: "first byte", P50: "p50", P99: "p99"}


def number(value):
    """Three digits that matter."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def heading(row, results, version):
    lines = ["", f"{row.name}: {row.load.what}; {row.where()} {version}"]
    rate = results.rates.get(row.name)
    if rate:
        lines.append(f"at a fixed {rate:,.0f} requests a second, {row.rate_share:.0%} of what the slowest of them did; "
                     "latency since each request was due")
    return lines


def columns(row):
    """Title and figure."""
    found = [("req/s", "req_per_s"), ("proxy", "proxy_cpu_us"), ("servers", "servers_cpu_us"), ("sum", "tier_cpu_us"),
             ("quartiles", None), ("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us")]
    if row.load.is_large:
        found += [("1st byte", "first_p50_us"), ("grown KiB", "grown_kib")]
    return found


def cell(results, row, peer, figure):
    if figure is None:
        low, _, high = results.spread(row.name, peer, TIER)
        return f"{number(low)}..{number(high)}"
    return number(results.median(row.name, peer, figure))


def table(row, results, version):
    shown = columns(row)
    lines = heading(row, results, version)
    lines.append(f"{'':16}{'':{WIDE}}{'CPU us per request':>{3 * WIDE}}{'':16}{'latency us':>{3 * WIDE}}")
    lines.append(f"{'':16}" + "".join(f"{title:>{16 if figure is None else WIDE}}" for title, figure in shown))
    for peer in row.peers:
        if results.values(row.name, peer, TIER):
            cells = (f"{cell(results, row, peer, figure):>{16 if figure is None else WIDE}}" for _, figure in shown)
            lines.append(f"{peer:16}" + "".join(cells))
    return "\n".join(lines)


def verdict(judged):
    sense, wanted = ("at most", judged["most"]) if judged["most"] else ("at least", judged["least"])
    what = f"{judged['peer']} / {judged['over']}, {NUMBERS[judged['figure']]}"
    line = (f"{judged['row']:22}{what:46}{judged['ratio']:5.2f}  ({judged['from']:.2f}..{judged['to']:.2f})  "
            f"wanted {sense} {wanted:.2f}: {'met' if judged['met'] else 'MISSED'}")
    return line + (f", and above {judged['fails_at']:.2f}: FAILED" if judged["failed"] else "")


def verdicts(judged):
    return "\n".join(["", "Ratios, the median of those of each round (least..most):", *map(verdict, judged)]) if judged else ""


def machine_line(machine):
    virtual = ", virtual" if machine["is_virtual"] else ""
    return (f"{machine['processor']}, {machine['processors']} processors{virtual}, {machine['memory_gib']} GiB, "
            f"{machine['system']}, {machine['kernel']}, TCP's congestion control {machine['congestion_control']}")


def is_busy(machine):
    return machine["load_before"] > 0.25 * machine["processors"]
