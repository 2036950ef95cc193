"""tests/bench/run: see there."""
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import plots
import publish
import tables
from loads import ALL, MODES, chosen
from measure import Runner, estimate, rounds_of
from peers import Peers
from processes import Failed
from results import Results, describe_row, judge, machine, packed, revision, write_json

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("BUILD", "build"))


def say(text):
    print(text, flush=True)


def number_of(name, default, kind):
    text = os.environ.get(name) or default
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if value <= 0:
        raise Failed(f"{name}={text}: not a number above 0")
    return value


def mode_of(name):
    """With what the environment says in place of the mode's own."""
    mode = MODES[name](HERE / "routes.d")
    return replace(mode, rounds=number_of("ROUNDS", mode.rounds, int), seconds=number_of("SECONDS_EACH", mode.seconds, float))


def rows_of(mode, peers):
    """The rows that are wanted and can be measured here; what cannot is named."""
    words, wanted = os.environ.get("LOADS", "").split(), os.environ.get("PEERS", "").split()
    names = {word for row in mode.rows for word in row.words()} | {"routes"}
    unknown = [f"LOADS: no row has the word '{word}': use {' '.join(sorted(names))}" for word in words if word not in names]
    unknown += [f"PEERS: unknown peer '{peer}': use {' '.join(ALL)}" for peer in wanted if peer not in ALL]
    if unknown:
        raise Failed(unknown[0])
    rows, absent = [], {}
    for row in chosen(mode.rows, words, wanted):
        reasons = {peer: peers.missing(row, peer) for peer in row.peers}
        for peer, why in reasons.items():
            if why and peer != "base":
                absent.setdefault(why, []).append(f"{row.name}/{peer}")
        left = tuple(peer for peer, why in reasons.items() if not why)
        if left:
            rows.append(replace(row, peers=left))
    for why, cells in absent.items():
        say(f"not measured: {why} ({len(cells)}: {' '.join(cells)})")
    if not rows:
        raise Failed("nothing is left to be measured")
    return rows


def chooses():
    """Whether only some rows or peers are wanted."""
    return bool(os.environ.get("LOADS") or os.environ.get("PEERS"))


def report(mode_name, mode, rows, seed, peers, results, where, is_whole):
    """Tables, then results.json and plots in build/bench. False when a figure is beyond what fails the run."""
    rows = [row for row in rows if any(results.values(row.name, peer, "requests") for peer in row.peers)]
    versions = {version: peers.version_of(version) for version in peers.memcached}
    for row in rows:
        say(tables.table(row, results, versions[row.version]))
    judged = [found for target in mode.targets if (found := judge(target, results))]
    say(tables.verdicts(judged))
    columns, measurements = packed(results.measurements)
    document = {"machine": where, "mode": mode_name, "is_whole": is_whole, "seed": seed, "rounds": mode.rounds,
                "seconds": mode.seconds, "warmup": mode.warmup, "revision": revision(),
                "date": time.strftime("%Y-%m-%d", time.gmtime(results.began)), "versions": peers.versions(), "rows": [describe_row(row, versions[row.version]) for row in rows],
                "rates": results.rates, "targets": judged, "columns": columns, "measurements": measurements}
    out = BUILD / "bench"
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "results.json", document)
    say(f"\nwrote {out}/results.json and {' '.join(plots.write_all(document, out))}")
    return not any(found["failed"] for found in judged)


def bench(mode_name):
    mode = mode_of(mode_name)
    seed = number_of("SEED", random.SystemRandom().randrange(1, 1 << 31), int)
    folder = Path(tempfile.mkdtemp(prefix="bench."))
    where = machine()
    peers = Peers(folder, BUILD)
    try:
        rows = rows_of(mode, peers)
        cells = sum(len(row.peers) * rounds_of(row, mode) for row in rows)
        say(f"{tables.machine_line(where)}\n{len(rows)} rows, {cells} measurements of {mode.seconds:g} s in {mode.rounds} rounds: "
            f"about {estimate(mode, rows) / 60:.1f} minutes; SEED={seed}")
        if tables.is_busy(where):
            say(f"the machine is busy (load {where['load_before']:.1f}): figures are rough, ratios less so")
        results = Results()
        load = os.environ.get("LOAD") or str(BUILD / "bench/load")
        try:
            Runner(peers, results, mode, load, say).run(rows, random.Random(seed))
        except Failed as why:
            if results.measurements:
                say(f"stopped: {why}\nwhat was measured until then:")
                report(mode_name, mode, rows, seed, peers, results, where, is_whole=False)
            raise
        return report(mode_name, mode, rows, seed, peers, results, where, is_whole=not chooses())
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        peers.end()
        shutil.rmtree(folder, ignore_errors=True)


def stop(number, _frame):
    sys.exit(128 + number)


def main(arguments):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    name = arguments[0] if arguments else "full"
    if len(arguments) > 1 or name not in (*MODES, "publish"):
        sys.exit(f"usage: tests/bench/run [{'|'.join((*MODES, 'publish'))}]")
    try:
        if name == "publish":
            say(publish.publish(BUILD / "bench", HERE.parents[1] / "examples/speed"))
        elif not bench(name):
            sys.exit("tests/bench/run: a figure is far from what is wanted: see FAILED above")
    except Failed as why:
        sys.exit(f"tests/bench/run: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
