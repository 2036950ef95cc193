"""What `make bench` measures: loads, rows (a load in front of certain servers, through certain peers), and what is wanted of them.

A row's name chooses it: `make bench LOADS='d32 hot'` measures the rows in whose names one of these words stands between `-`, `@` and `:`.
"""
import re
from dataclasses import dataclass, field, replace

OLD, NEW = "installed", "forky"  # memcached of Debian 12, and of the suite that `sh deps/install servers` unpacks
PROXIES = ("moongate", "base", "nutcracker", "memcached-proxy")
ALL = PROXIES + ("direct", "haproxy")
TLS = ("moongate", "haproxy")             # haproxy ends TLS, and passes bytes on to the first server
META = ("moongate", "base", "memcached-proxy", "direct", "haproxy")  # nutcracker has no meta commands
FRAMES = ("moongate", "direct", "haproxy")  # no other proxy, and no earlier moongate, speaks the binary protocol
MIB = 1 << 20


@dataclass(frozen=True)
class Load:
    """Options of the load generator (build/bench/load -h), and what they are in words."""
    options: str
    what: str
    is_large: bool = False  # servers that take large values, and figures that matter with them
    times: float = 1        # the seconds of other loads, where a request takes long

    def arguments(self):
        return self.options.split()


def small(connections, depth, more, what):
    return Load(f"-k 10000 -v 64 -c {connections} -d {depth} {more}", what)


LOADS = {
    "d1x2": small(2, 1, "-m 10", "one request at a time on each of 2 connections"),
    "d1x50-get": small(50, 1, "-m 0", "one request at a time on each of 50 connections, gets alone"),
    "d1x50": small(50, 1, "-m 10", "one request at a time on each of 50 connections"),
    "d1x200-get": small(200, 1, "-m 0", "one request at a time on each of 200 connections, gets alone"),
    "d1x200": small(200, 1, "-m 10", "one request at a time on each of 200 connections"),
    "d1x1000": small(1000, 1, "-m 10", "one request at a time on each of 1,000 connections"),
    "d32-get": small(20, 32, "-m 0", "32 requests in flight on each of 20 connections, gets alone"),
    "d32": small(20, 32, "-m 10", "32 requests in flight on each of 20 connections"),
    "hot-get": small(200, 1, "-m 0 -H 0.5", "one key is half of all gets; 200 connections, gets alone"),
    "hot": small(200, 1, "-m 10 -H 0.5", "one key is half of all gets; 200 connections"),
    "sets": small(50, 1, "-S", "sets alone, one at a time on each of 50 connections"),
    "meta": small(20, 32, "-m 10 -M", "mg and ms, 32 in flight on each of 20 connections"),
    "frames": small(20, 32, "-m 10 -B", "frames of the binary protocol, 32 in flight on each of 20 connections"),
    "frames-get": small(20, 32, "-m 0 -B", "the same, gets alone"),
    "mget100": small(20, 1, "-m 10 -g 100", "gets of 100 keys, one at a time on each of 20 connections"),
    "v16k": Load("-k 2000 -v 16384 -m 10 -c 20 -d 1", "values of 16 KiB, 20 connections"),
    "v1m-get": Load(f"-k 32 -v {MIB} -m 0 -c 8 -d 1", "values of 1 MiB, 8 connections, gets alone", True, 1.5),
    "v16m-get": Load(f"-k 4 -v {16 * MIB} -m 0 -c 4 -d 1", "values of 16 MiB, 4 connections, gets alone", True, 3),
}
ROUTES_LOAD = LOADS["d32"]


@dataclass(frozen=True)
class Row:
    name: str
    load: Load
    peers: tuple
    version: str = OLD
    servers: int = 4
    workers: int = 1
    rounds: int = 0        # at most; 0: as many as the mode has
    rate_share: float = 0  # of what the slowest peer did in the closed loop: then at a fixed rate
    closed: str = ""       # the row that is that closed loop
    scripts: dict = field(default_factory=dict)  # of peers that are a moongate each: the script of each

    @property
    def is_tls(self):
        return "-T" in self.load.arguments()

    def words(self):
        return {self.name, *re.split("[-@:]", self.name)}

    def where(self):
        servers = f"{self.servers} server{'s' if self.servers > 1 else ''}"
        return servers if self.workers == 1 else f"{servers}, {self.workers} workers"


def main_rows():
    for name, load in LOADS.items():
        yield Row(name, load, META if "-M" in load.options else FRAMES if "-B" in load.options else ALL)


def other_rows():
    """The same loads elsewhere: other servers, more and fewer of them, two workers."""
    for name in ("d1x50-get", "d1x200", "d32-get", "d32", "v1m-get"):
        yield Row(f"{name}@forky", LOADS[name], PROXIES, version=NEW)
    for name in ("d1x200", "d32"):
        for servers in (1, 64):
            yield Row(f"{name}@servers{servers}", LOADS[name], PROXIES, servers=servers)
        yield Row(f"{name}@workers2", LOADS[name], ("moongate", "base", "memcached-proxy"), workers=2)


def tls_rows():
    """Clients over TLS, in front of one server: haproxy knows no keys."""
    for name in ("d1x50-get", "d32-get", "v16k"):
        load = LOADS[name]
        yield Row(f"tls:{name}", replace(load, options=f"{load.options} -T", what=f"{load.what}, over TLS"), TLS, servers=1)


def latency_rows():
    for name in ("d1x50", "d1x200", "v1m-get"):
        yield Row(f"latency:{name}", LOADS[name], ALL, rate_share=0.5, closed=name)


def route_rows(folder):
    """Each script of tests/bench/routes.d beside plain.lua. One that has a line `-- load: OPTIONS` brings its own load."""
    for script in sorted(folder.glob("*.lua")):
        if script.stem == "plain":
            continue
        load = ROUTES_LOAD
        options = re.search("^-- load: *(.*)$", script.read_text(encoding="utf-8"), re.M)
        if options:
            load = Load(f"-k 10000 -v 64 {options[1]}", options[1])
        yield Row(f"route:{script.stem}", load, ("plain", script.stem), scripts={"plain": folder / "plain.lua", script.stem: script})


# --- what is wanted -------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Target:
    """That one peer's figure, in parts of another's, is at most (or at least) so much. A ratio beyond `fails_at` fails the run."""
    row: str
    figure: str
    over: str
    most: float = 0
    least: float = 0
    peer: str = "moongate"
    fails_at: float = 0


# Of which: names of figures, as the tables and results.json have them.
TIER, PROXY, RATE, FIRST, P50, P99 = "tier_cpu_us", "proxy_cpu_us", "req_per_s", "first_p50_us", "p50_us", "p99_us"


def full_targets():
    for rows, most in ((("d32", "d32-get"), 0.28), (("d1x200", "d1x200-get"), 0.58), (("d1x50", "d1x50-get"), 0.68),
                       (("hot", "hot-get"), 0.50)):
        for row in rows:
            yield Target(row, TIER, "nutcracker", most)
    for row in ("d32", "d32-get"):
        yield Target(row, PROXY, "nutcracker", 0.30)
        yield Target(row, PROXY, "memcached-proxy", 0.30)
    yield Target("mget100", PROXY, "nutcracker", 0.7)
    yield Target("tls:d1x50-get", PROXY, "haproxy", 0.8)
    yield Target("v1m-get", PROXY, "nutcracker", 0.55)
    yield Target("v1m-get", RATE, "nutcracker", least=1.2)
    yield Target("v1m-get", FIRST, "direct", 1.1)
    for row in ("latency:d1x50", "latency:d1x200"):
        yield Target(row, P50, "base", 1.0)
        yield Target(row, P99, "base", 1.0)


def quick_targets():
    """A run that is short, on a machine that others use: it fails only where a figure is far off."""
    yield Target("d32", PROXY, "nutcracker", 0.5, fails_at=0.9)
    yield Target("d1x50", PROXY, "nutcracker", 0.9, fails_at=1.3)
    yield Target("mget100", PROXY, "nutcracker", 0.7, fails_at=1.0)


def route_targets(rows):
    """The first line of a script ends with `wanted: RATIO`, to the CPU of the plain pool."""
    for row in rows:
        if row.scripts:
            peer = row.peers[1]
            first = row.scripts[peer].read_text(encoding="utf-8").split("\n", 1)[0]
            wanted = re.search(r"wanted: *([0-9.]+)", first)
            if wanted:
                yield Target(row.name, PROXY, "plain", float(wanted[1]), peer=peer)


# --- modes ------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Mode:
    rounds: int
    seconds: float
    warmup: float
    rows: list
    targets: list


def quick(folder):
    """What is judged in three rounds, and of everything else enough to see that it works."""
    few = ("moongate", "base", "nutcracker")
    once = [Row("hot-get", LOADS["hot-get"], few), Row("meta", LOADS["meta"], ("moongate", "base")),
            Row("v1m-get", LOADS["v1m-get"], few), Row("d32@forky", LOADS["d32"], ("moongate",), version=NEW),
            Row("latency:d1x50", LOADS["d1x50"], few, rate_share=0.5, closed="d1x50"), *route_rows(folder)]
    rows = [Row("d32", LOADS["d32"], ALL), Row("d1x50", LOADS["d1x50"], few), Row("mget100", LOADS["mget100"], few),
            *(replace(row, rounds=1) for row in once)]
    return Mode(3, 0.5, 0.1, rows, [*quick_targets(), *route_targets(rows)])


def full(folder):
    rows = [*main_rows(), *other_rows(), *tls_rows(), *latency_rows(), *route_rows(folder)]
    return Mode(5, 1.1, 0.2, rows, [*full_targets(), *route_targets(rows)])


MODES = {"quick": quick, "full": full}


def chosen(rows, words, peers):
    """The rows that the words choose (none: all), each with those of its peers that are wanted."""
    for row in rows:
        if words and not set(words) & row.words() and not ("routes" in words and row.scripts):
            continue
        left = tuple(peer for peer in row.peers if row.scripts or not peers or peer in peers)
        if left:
            yield replace(row, peers=left)
