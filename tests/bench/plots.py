"""Plots of results.json: CPU and throughput of each load and peer, latencies at a fixed rate, routes beside a plain pool."""
import math
import textwrap
from statistics import median

from results import quartiles, unpacked
from svg import INK, QUIET, RULE, Svg
from tables import machine_line, number

COLORS = {"moongate": "#2456c7", "base": "#7f9fe0", "nutcracker": "#d97a1d", "memcached-proxy": "#1f8f6b", "direct": "#7b8794",
          "haproxy": "#9b5bb5"}
WIDTH, MARGIN, GAP = 980, 24, 36
BAR, STEP, LABEL, VALUE = 14, 20, 120, 118


class Figures:
    """What results.json holds, by row and peer."""

    def __init__(self, document):
        self.document = document
        self.values = {}
        for m in unpacked(document):
            for name, value in m.items():
                self.values.setdefault((m["row"], m["peer"], name), []).append(value)

    def rows(self, wanted):
        return [row for row in self.document["rows"] if wanted(row["name"])]

    def peers(self, row):
        return [peer for peer in row["peers"] if (row["name"], peer, "req_per_s") in self.values]

    def median(self, row, peer, name):
        return median(self.values.get((row["name"], peer, name), [0]))

    def quartiles(self, row, peer, name):
        return quartiles(self.values.get((row["name"], peer, name), [0]))


def begin(document, title, about):
    svg = Svg(WIDTH, title, about)
    svg.text(MARGIN, 36, title, 20, weight=600)
    for i, line in enumerate(textwrap.wrap(about, 140)):
        svg.text(MARGIN, 58 + i * 16, line, 12.5, QUIET)
        svg.height = 76 + i * 16
    return svg


def finish(svg, document, spread="whiskers: from the first to the third quartile"):
    rounds = f"medians of {document['rounds']} rounds of {document['seconds']:g} s"
    svg.text(MARGIN, svg.height + 8, f"{document['date']}; {rounds}" + (f"; {spread}" if spread else ""), 11, QUIET)
    svg.text(MARGIN, svg.height + 24, machine_line(document["machine"]), 11, QUIET)
    svg.height += 42
    return svg.render()


# --- panels of bars, one a load ------------------------------------------------------------------------------

def caption(row):
    servers = f"{row['servers']} server{'s' if row['servers'] > 1 else ''} {row['memcached']}"
    return f"{row['what']}; {servers}" + (f", {row['workers']} workers" if row["workers"] > 1 else "")


def whisker(svg, x, y, low, high, scale):
    if high > low:
        svg.line(x + low * scale, y, x + high * scale, y, INK, 1)
        for at in (low, high):
            svg.line(x + at * scale, y - 3, x + at * scale, y + 3, INK, 1)


def panel(svg, figures, row, x, y, width, parts, total):
    """parts: (figure, opacity) of each bar, end to end; total: the figure that they add up to."""
    svg.text(x, y, row["name"], 13.5, weight=600)
    svg.text(x, y + 15, caption(row), 10.5, QUIET)
    y += 24
    peers = figures.peers(row)
    top = max((figures.quartiles(row, peer, total)[2] for peer in peers), default=0) or 1
    scale = (width - LABEL - VALUE) / top
    for peer in peers:
        svg.text(x + LABEL - 8, y + BAR - 3, peer, 11.5, INK, "end", 600 if peer == "moongate" else 400)
        low, middle, high = figures.quartiles(row, peer, total)
        at, shown = 0, []
        for i, (figure, opacity) in enumerate(parts):
            value = figures.median(row, peer, figure)
            end = middle if i == len(parts) - 1 else at + value # medians do not add up to the median of the sum
            if value:
                svg.rect(x + LABEL + at * scale, y, (end - at) * scale, BAR, COLORS[peer], opacity, f"{peer}: {figure} {number(value)}")
                shown.append(number(value))
            at = end
        whisker(svg, x + LABEL, y + BAR / 2, low, high, scale)
        svg.text(x + LABEL + max(middle, high) * scale + 8, y + BAR - 3, " + ".join(shown), 11)
        y += STEP
    return y


def panels(document, rows, title, about, parts, total):
    figures, svg = Figures(document), begin(document, title, about)
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    y = svg.height + 14
    for i in range(0, len(rows), 2):
        ends = [panel(svg, figures, row, MARGIN + j * (width + GAP), y, width, parts, total) for j, row in enumerate(rows[i:i + 2])]
        y = max(ends) + 26
    svg.height = y - 8
    return finish(svg, document)


def cost(document, rows, where):
    return panels(document, rows, f"CPU time per request{where}", "Microseconds, less is better. Dark: the proxy. Light: the memcached servers behind it.",
                  (("proxy_cpu_us", 1), ("servers_cpu_us", 0.35)), "tier_cpu_us")


def rate(document, rows):
    return panels(document, rows, "Requests a second", "More is better. One load generator, which uses a processor itself.",
                  (("req_per_s", 1),), "req_per_s")


# --- latencies: a line of three dots a peer, on a logarithmic axis ---------------------------------------------

def ticks(low, high):
    """1, 2, 5, 10 ... that lie between."""
    power = math.floor(math.log10(low))
    while 10 ** power <= high:
        yield from (step * 10 ** power for step in (1, 2, 5) if low <= step * 10 ** power <= high)
        power += 1


def time_text(us):
    return f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} us"


def latency_panel(svg, figures, row, y):
    names = (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9"))
    peers = figures.peers(row)
    values = [figures.median(row, peer, name) for peer in peers for name, _ in names]
    low, high = max(min(values) / 1.3, 1), max(values) * 1.3
    left, right = MARGIN + LABEL, WIDTH - MARGIN - 10

    def place(us):
        return left + (math.log(max(us, low)) - math.log(low)) / (math.log(high) - math.log(low)) * (right - left)

    svg.text(MARGIN, y, row["name"].partition(":")[2], 13.5, weight=600)
    svg.text(MARGIN, y + 15, f"{caption(row)}; {figures.document['rates'].get(row['name'], 0):,.0f} requests a second", 10.5, QUIET)
    y += 30
    bottom = y + len(peers) * (STEP + 2)
    for tick in ticks(low, high):
        svg.line(place(tick), y - 4, place(tick), bottom, RULE)
        svg.text(place(tick), bottom + 14, time_text(tick), 10.5, QUIET, "middle")
    for peer in peers:
        svg.text(left - 8, y + BAR - 3, peer, 11.5, INK, "end", 600 if peer == "moongate" else 400)
        points = [(place(figures.median(row, peer, name)), name, text) for name, text in names]
        svg.line(points[0][0], y + BAR / 2, points[-1][0], y + BAR / 2, COLORS[peer], 2)
        for i, (x, name, text) in enumerate(points):
            svg.dot(x, y + BAR / 2, 6 - i, COLORS[peer], f"{peer}: {text} {number(figures.median(row, peer, name))} us", i == 2)
        y += STEP + 2
    return bottom + 40


def latency(document, rows):
    svg = begin(document, "Latency at a fixed rate", "From when each request was due, at half of what the slowest peer can do. "
                "Large dot: half of the requests are answered by then; small dot: 99\u00a0%; ring: 99.9\u00a0%.")
    figures, y = Figures(document), svg.height + 14
    for row in rows:
        y = latency_panel(svg, figures, row, y)
    svg.height = y - 14
    return finish(svg, document, "")


# --- routes: how much of a plain pool's CPU -------------------------------------------------------------------

def routes(document, rows):
    svg = begin(document, "What a route costs", "CPU of moongate per request, in parts of what a plain pool costs in the same round. "
                "Mark: what is wanted at most.")
    targets = {target["row"]: target for target in document["targets"]}
    shown = [(row, targets[row["name"]]) for row in rows if row["name"] in targets]
    y, left = svg.height + 8, MARGIN + 130
    top = max(max(target["to"], target["most"]) for _, target in shown) * 1.05
    scale = (WIDTH - MARGIN - 70 - left) / top
    bottom = y + len(shown) * 24
    for tick in range(0, int(top / 0.5) + 1):
        x = left + tick * 0.5 * scale
        svg.line(x, y - 4, x, bottom, INK if tick == 2 else RULE)
        svg.text(x, bottom + 14, f"{tick * 0.5:g}", 10.5, QUIET, "middle")
    for row, target in shown:
        svg.text(left - 8, y + BAR - 2, row["name"].partition(":")[2], 12, INK, "end")
        svg.rect(left, y, target["ratio"] * scale, BAR, COLORS["moongate"], 1, f"{target['ratio']:.2f}")
        whisker(svg, left, y + BAR / 2, target["from"], target["to"], scale)
        svg.line(left + target["most"] * scale, y - 3, left + target["most"] * scale, y + BAR + 3, COLORS["nutcracker"], 3)
        svg.text(left + max(target["to"], target["most"]) * scale + 8, y + BAR - 2, f"{target['ratio']:.2f}", 11.5)
        y += 24
    svg.height = bottom + 34
    return finish(svg, document, "whiskers: from the least to the most of all rounds")


def write_all(document, folder):
    """Those for which there are rows; their names."""
    figures = Figures(document)
    main = figures.rows(lambda name: ":" not in name and "@" not in name)
    others = figures.rows(lambda name: "@" in name)
    paced = figures.rows(lambda name: name.startswith("latency:"))
    policies = [row for row in figures.rows(lambda name: name.startswith("route:"))
                if any(target["row"] == row["name"] for target in document["targets"])]
    written = []
    for name, rows, draw in (("cpu", main, lambda rows: cost(document, rows, "")),
                             ("cpu-elsewhere", others, lambda rows: cost(document, rows, ": other servers and workers")),
                             ("rate", main, lambda rows: rate(document, rows)),
                             ("latency", paced, lambda rows: latency(document, rows)),
                             ("routes", policies, lambda rows: routes(document, rows))):
        (folder / f"{name}.svg").unlink(missing_ok=True) # of an earlier run
        if rows:
            (folder / f"{name}.svg").write_text(draw(rows), encoding="utf-8")
            written.append(f"{name}.svg")
    return written
