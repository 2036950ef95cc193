"""What was measured: every single measurement, medians and quartiles of them, ratios of neighbours, and results.json."""
import json
import os
import re
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median


def quartiles(values):
    """The first, the median and the third; of few values, those between which they lie."""
    values = sorted(values)

    def at(part):
        place = part * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return values[low] + (values[high] - values[low]) * (place - low)

    return at(0.25), at(0.5), at(0.75)


class Results:
    def __init__(self):
        self.measurements = []
        self.rates = {}  # of rows at a fixed rate
        self.began = time.time()

    def add(self, row, peer, turn, figures):
        self.measurements.append({"row": row.name, "peer": peer, "round": turn, "at": round(time.time() - self.began, 3), **figures})

    def values(self, row, peer, figure):
        return [m[figure] for m in self.measurements if m["row"] == row and m["peer"] == peer and figure in m]

    def median(self, row, peer, figure):
        """None when there is none."""
        values = self.values(row, peer, figure)
        return median(values) if values else None

    def spread(self, row, peer, figure):
        values = self.values(row, peer, figure)
        return quartiles(values) if values else None

    def ratios(self, row, peer, over, figure):
        """Of each round: what is measured one after the other is compared, since the machine's own pace drifts."""
        found = []
        for turn in sorted({m["round"] for m in self.measurements if m["row"] == row}):
            pair = [[m[figure] for m in self.measurements
                     if m["row"] == row and m["peer"] == name and m["round"] == turn and figure in m] for name in (peer, over)]
            if all(pair) and pair[1][0] > 0:
                found.append(pair[0][0] / pair[1][0])
        return found


# --- targets ------------------------------------------------------------------------------------------------

def judge(target, results):
    """What came of a target, for the tables and results.json; None when it was not measured."""
    ratios = results.ratios(target.row, target.peer, target.over, target.figure)
    if not ratios:
        return None
    ratio = median(ratios)
    shown = round(ratio, 2)
    met = shown <= target.most if target.most else shown >= target.least
    return {**asdict(target), "ratio": ratio, "from": min(ratios), "to": max(ratios), "met": met,
            "failed": bool(target.fails_at and ratio > target.fails_at)}


# --- where it was measured ------------------------------------------------------------------------------------

def first_match(path, pattern):
    try:
        found = re.search(pattern, Path(path).read_text(errors="replace"), re.M)
    except OSError:
        found = None
    return found[1].strip() if found else ""


def machine():
    memory = int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)") or 0)
    flags = first_match("/proc/cpuinfo", r"^flags\s*:(.*)$").split()
    return {"processor": first_match("/proc/cpuinfo", r"^model name\s*:(.*)$") or os.uname().machine,
            "processors": len(os.sched_getaffinity(0)), "is_virtual": "hypervisor" in flags, "memory_gib": round(memory / (1 << 20), 1),
            "kernel": f"{os.uname().sysname} {os.uname().release}", "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
            "congestion_control": first_match("/proc/sys/net/ipv4/tcp_congestion_control", r"^(\S+)"),
            "load_before": os.getloadavg()[0]}


def revision():
    """Of the tree, or nothing where it is not a checkout."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              cwd=Path(__file__).parent, check=False)
    except OSError:
        return ""
    return done.stdout.decode().strip()


def describe_row(row, version):
    return {"name": row.name, "what": row.load.what, "options": row.load.options, "memcached": version, "servers": row.servers,
            "workers": row.workers, "rate_share": row.rate_share, "peers": list(row.peers), "is_large": row.load.is_large}


# --- results.json ------------------------------------------------------------------------------------------------

def packed(measurements):
    """Names of columns, and a list a measurement: a run has many."""
    columns = list(dict.fromkeys(name for m in measurements for name in m))
    return columns, [[m.get(name) for name in columns] for m in measurements]


def unpacked(document):
    return [{name: value for name, value in zip(document["columns"], values) if value is not None} for values in document["measurements"]]


def short(value):
    if isinstance(value, float):
        return int(value) if value == int(value) else round(value, 3)
    return value


def write_json(path, document):
    """One measurement a line."""
    document = dict(document)
    lines = ",\n  ".join(json.dumps([short(value) for value in values]) for values in document.pop("measurements"))
    text = json.dumps(document, indent=1)
    path.write_text(f'{text[:-2]},\n "measurements": [\n  {lines}\n ]\n}}\n', encoding="utf-8")
