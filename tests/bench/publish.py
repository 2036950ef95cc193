"""Puts the results of the last run, its plots and a page about them into examples/speed."""
import json
import shutil
import textwrap
from pathlib import Path
from statistics import median

from processes import Failed
from results import unpacked
from tables import NUMBERS, is_busy, machine_line, number

PLOTS = {
    "cpu": ("CPU time per request", "One moongate worker with [a function that looks at each key](../../tests/bench/prefix.lua), and four "
            "memcached servers. `direct` is one memcached without a proxy; `haproxy` passes bytes to one, which shows what "
            "any process in between costs. A name that ends with `-get` has gets alone, the others 10 sets to 100 gets."),
    "rate": ("Requests a second", "All processes share the machine with the load generator, so these figures depend on it most."),
    "latency": ("Latency", "The load generator keeps a rate whatever the proxy does, and counts from when each request was due: a "
                "pause is seen by all requests that were due meanwhile."),
    "routes": ("Routes", "Each [route](../../tests/bench/routes.d) beside a plain pool, 32 requests in flight on each of 20 connections."),
    "cpu-elsewhere": ("Other servers, more of them, more workers", "The same with memcached of another version, with 1 and 64 servers, "
                      "and with two workers or threads."),
}


def paragraph(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def value_of(document, row, peer, figure):
    values = [m[figure] for m in unpacked(document) if m["row"] == row and m["peer"] == peer and figure in m]
    return median(values) if values else None


def cost_table(document):
    rows = [row for row in document["rows"] if ":" not in row["name"] and "@" not in row["name"]]
    peers = [peer for peer in ("moongate", "nutcracker", "memcached-proxy", "direct", "haproxy")
             if any(peer in row["peers"] for row in rows)]
    yield "| load | " + " | ".join(peers) + " |"
    yield "|---" * (len(peers) + 1) + "|"
    for row in rows:
        cells = []
        for peer in peers:
            proxy, servers = (value_of(document, row["name"], peer, figure) for figure in ("proxy_cpu_us", "servers_cpu_us"))
            cells.append("-" if servers is None else number(servers) if peer == "direct" else f"{number(proxy)} + {number(servers)}")
        yield f"| `{row['name']}`: {row['what']} | " + " | ".join(cells) + " |"


def target_table(document):
    yield "| load | what | ratio | least to most | wanted |"
    yield "|---|---|---|---|---|"
    for t in document["targets"]:
        wanted = f"at most {t['most']:.2f}" if t["most"] else f"at least {t['least']:.2f}"
        yield (f"| `{t['row']}` | {t['peer']} / {t['over']}, {NUMBERS[t['figure']]} | {t['ratio']:.2f} | {t['from']:.2f} to {t['to']:.2f} | "
               f"{wanted}{'' if t['met'] else ': missed'} |")


def page(document, plots):
    lines = ["# Speed", "", paragraph(
        f"Measured {document['date']} with `make bench`: {machine_line(document['machine'])}; the median of {document['rounds']} rounds of "
        f"{document['seconds']:g} s. Absolute figures differ from machine to machine, and on shared ones from hour to hour; ratios within "
        "a run differ much less.")]
    if is_busy(document["machine"]):
        load = document["machine"]["load_before"]
        lines += ["", f"**Other programs used the machine meanwhile** (load {load:.1f}): these figures are rough."]
    lines += ["", "| program | version |", "|---|---|", *(f"| {name} | {said} |" for name, said in document["versions"].items()),
              "", "To repeat it: `sh deps/install bench servers && make bench && make bench-publish`, which writes this folder again. "
              "[results.json](results.json)", "has every single measurement; [tests/README.md](../../tests/README.md#the-bench) says how they are made."]
    for name in plots:
        title, about = PLOTS[name]
        lines += ["", f"## {title}", "", paragraph(about), "", f"![{title}]({name}.svg)"]
        if name == "cpu":
            lines += ["", "Microseconds of CPU a request, of the proxy and of the servers:", "", *cost_table(document)]
    lines += ["", "## Side by side", "", "Ratios of figures that were measured one after the other in the same round:", "",
              *target_table(document), ""]
    return "\n".join(lines)


def publish(built, folder):
    """What it did, in a line."""
    try:
        document = json.loads((built / "results.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise Failed(f"{built}/results.json: not there: run 'make bench' first") from error
    if document["mode"] != "full" or not document["is_whole"]:
        raise Failed("the last run had only some of the rows: publish a whole one: run 'make bench' without LOADS, PEERS and BENCH")
    Path(folder).mkdir(parents=True, exist_ok=True)
    plots = [name for name in PLOTS if (built / f"{name}.svg").is_file()]
    for name in PLOTS:
        (folder / f"{name}.svg").unlink(missing_ok=True)
    for name in plots:
        shutil.copy(built / f"{name}.svg", folder)
    shutil.copy(built / "results.json", folder)
    (folder / "README.md").write_text(page(document, plots), encoding="utf-8")
    return f"wrote {folder}: README.md, results.json, {', '.join(f'{name}.svg' for name in plots)}"
