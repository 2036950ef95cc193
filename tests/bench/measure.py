"""One measurement: a load on a peer, and what it cost. All of a run, in random order."""
import subprocess

from processes import Failed, memory_forget, memory_kib

AROUND = 0.25  # seconds a measurement takes beside warming up and timing: connecting, storing, reading /proc
TRIES = 3
LATE = 60      # seconds beyond that: then the generator hangs


def rounds_of(row, mode):
    return min(row.rounds or mode.rounds, mode.rounds)


class Runner:
    def __init__(self, peers, results, mode, load, say):
        self.peers, self.results, self.mode, self.load, self.say = peers, results, mode, load, say

    def ask(self, row, peer, seed, more=()):
        """What the load generator prints, as numbers. On a machine that is too busy it may have had no turn: then again."""
        at = self.peers.peer(peer, row)
        for _ in range(TRIES):
            found = self.ask_once(row, peer, at, seed, more)
            if found["requests"]:
                return self.complete(row, peer, at, found)
        raise Failed(f"{row.name}: {peer}: no request was answered while it was timed, {TRIES} times")

    def ask_once(self, row, peer, at, seed, more):
        groups = ["-P", "servers=" + ",".join(map(str, self.peers.servers_of(row).pids))]
        if at.pid:
            groups += ["-P", f"proxy={at.pid}"]
        if row.load.is_large and at.pid:
            memory_forget(at.pid)
        seconds = self.mode.seconds * row.load.times
        command = [self.load, *row.load.arguments(), "-p", "user:,item:", "-t", str(seconds), "-w", str(self.mode.warmup), "-r", str(seed),
                   *groups, *more, at.address]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds + LATE, check=False)
        except OSError as error:
            raise Failed(f"{self.load}: {error.strerror}: run 'make bench', which builds it") from error
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{row.name}: {peer}: the load did not end") from error
        if done.returncode != 0:
            raise Failed(f"{row.name}: {peer} failed: {(done.stderr + done.stdout).decode(errors='replace').strip()}")
        return {name: float(value) for name, value in (pair.split("=") for pair in done.stdout.decode().split())}

    @staticmethod
    def complete(row, peer, at, found):
        if found["misses"]:
            raise Failed(f"{row.name}: {peer}: {found['misses']:.0f} misses of keys that were stored")
        found.setdefault("proxy_cpu_us", 0.0)
        found["tier_cpu_us"] = found["proxy_cpu_us"] + found["servers_cpu_us"]
        if row.load.is_large and at.pid:
            found["grown_kib"] = memory_kib(at.pid, "VmHWM") - at.idle_kib
        return found

    def measure(self, row, peer, turn, seed, more=()):
        self.results.add(row, peer, turn, self.ask(row, peer, seed, more))

    # --- all of them ---------------------------------------------------------------------------------

    def rate_for(self, row, seed):
        """So many requests a second as are a share of the slowest peer's closed loop."""
        rates = []
        for peer in row.peers:
            rate = self.results.median(row.closed, peer, "req_per_s")
            rates.append(rate if rate else self.ask(row, peer, seed)["req_per_s"])
        return max(1.0, min(rates) * row.rate_share)

    def rounds(self, rows, random):
        """Each round has all rows in another order, and each row its peers: those that are compared are neighbours in time."""
        for turn in range(1, self.mode.rounds + 1):
            for row in random.sample(rows, len(rows)):
                if turn > rounds_of(row, self.mode):
                    continue
                seed = random.randrange(1 << 31)
                for peer in random.sample(row.peers, len(row.peers)):
                    rate = self.results.rates.get(row.name)
                    self.measure(row, peer, turn, seed, ["-O", f"{rate:.0f}"] if rate else ())
            self.say(f"round {turn} of {self.mode.rounds}")

    def run(self, rows, random):
        self.rounds([row for row in rows if not row.rate_share], random)
        paced = [row for row in rows if row.rate_share]
        for row in paced:
            self.results.rates[row.name] = self.rate_for(row, random.randrange(1 << 31))
        if paced:
            self.say("now at fixed rates")
            self.rounds(paced, random)


def estimate(mode, rows):
    """Seconds."""
    return sum(len(row.peers) * rounds_of(row, mode) * (mode.seconds * row.load.times + mode.warmup + AROUND) for row in rows)
