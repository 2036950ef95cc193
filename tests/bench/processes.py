"""Processes that the bench starts, and their end: each by its id, when this one ends, however it does."""
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 20  # seconds that a start may take
DRAIN = 12     # seconds until what does not end is killed
STEP = 0.02


class Failed(Exception):
    """The bench cannot go on; the text says why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Processes:
    def __init__(self, folder):
        self.folder = folder
        self.all = []  # and whether each may be killed at once

    def start(self, name, command, environment=None, may_be_killed=False):
        """A process and the file that has what it said."""
        log = self.folder / f"{name}.log"
        with open(log, "wb") as out:
            try:
                process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                           env={**os.environ, **(environment or {})})
            except OSError as error:
                raise Failed(f"{command[0]}: {error.strerror}: run 'sh deps/install bench', then 'make bench'") from error
        self.all.append((process, may_be_killed))
        return process, log

    @staticmethod
    def wait_until(what, process, log, condition):
        """What the condition gives, once that is true."""
        until = time.monotonic() + PATIENCE
        while not (found := condition()):
            if process.poll() is not None or time.monotonic() > until:
                said = log.read_text(errors="replace").strip()[-500:]
                raise Failed(f"{what} did not start: {said or 'it said nothing'}")
            time.sleep(STEP)
        return found

    def end(self):
        for process, may_be_killed in self.all:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL if may_be_killed else signal.SIGTERM)
        until = time.monotonic() + DRAIN
        for process, _ in self.all:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.all = []


# --- memory -------------------------------------------------------------------------------------------------

def family(pid):
    """A process and all below it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found = [pid]
    for member in found:
        found.extend(parents.get(member, []))
    return found


def memory_kib(pid, name):
    """VmRSS (now) or VmHWM (at most, since memory_forget), of a process and all below it."""
    total = 0
    for member in family(pid):
        try:
            status = Path(f"/proc/{member}/status").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))
    return total


def memory_forget(pid):
    for member in family(pid):
        try:
            Path(f"/proc/{member}/clear_refs").write_text("5")
        except OSError:
            continue
