"""stage: the processes of a bench: memcached servers and moongates that are started, stopped, watched and ended.

A Stage owns its temporary folder and every process that it started, and ends them with itself, also after a signal. All of them
talk over unix sockets in that folder: there are no ports to choose, and a message is there as soon as it is sent.
"""

import ctypes
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 180  # seconds: what takes longer has failed
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None)


class Failed(Exception):
    """What a user of the bench must know; it is printed without a traceback."""


def dies_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(condition, what, process=None):
    """Looks often at first, for most things take less than a millisecond."""
    deadline, pause = time.monotonic() + PATIENCE, 0.00005
    while not condition():
        if process is not None and process.poll() is not None:
            raise Failed(f"{what}: the process has ended: {process.args[0]}")
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {PATIENCE} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.002)


def states(pid):
    """The state letters of all threads of a process: see proc(5)."""
    letters = ""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/stat", "rb") as stat:
                letters += chr(stat.read().rpartition(b") ")[2][0])
        except FileNotFoundError:
            pass  # the thread has ended
    return letters


def memory(pid):
    """Resident bytes that belong to this process alone: of a file's pages, only those that it has changed."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return 1024 * int(re.search(r"^Private_Dirty: *(\d+)", rollup.read(), re.M).group(1))


class Process:
    """A process that can be stopped, and observed to have nothing to do."""

    def __init__(self, stage, name, command, env=None):
        self.name = name
        self.log = os.path.join(stage.folder, name + ".log")
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=stage.folder, env=env,
                preexec_fn=dies_with_parent)
        self.pid = self.popen.pid  # of the program itself: see Stage.moongate
        stage.processes.append(self)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for_socket(self, path):
        try:
            wait_until(lambda: connects(path), self.name, self.popen)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.said()[-2000:]}") from None

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(lambda: set(states(self.pid)) <= set("Tt"), f"{self.name} does not stop", self.popen)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def wait_until_idle(self):
        """Returns when all its threads sleep. What was sent to it over a unix socket has then been read."""
        wait_until(lambda: set(states(self.pid)) == {"S"} and set(states(self.pid)) == {"S"},
                   f"{self.name} does not come to rest", self.popen)

    def end(self):
        for pid in {self.pid, self.popen.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.popen.wait()


def connects(path):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        return True
    except OSError:
        return False
    finally:
        s.close()


class Stage:
    """Processes run in its folder, so that scripts name servers "unix:m1": their names place the keys, and are the same each time."""

    def __init__(self):
        for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
            signal.signal(number, lambda *_: sys.exit(130))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.descriptors = hard
        self.folder = tempfile.mkdtemp(prefix="moongate-bench-")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def memcached(self, number, options=()):
        """At the unix socket mNUMBER of the folder."""
        binary = os.environ.get("MEMCACHED") or shutil.which("memcached", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not binary:
            raise Failed("memcached: not there: run 'sh deps/install bench'")
        user = ["-u", "root"] if os.getuid() == 0 else []
        process = Process(self, f"memcached{number}",
                          [binary, *user, "-s", self.path(f"m{number}"), "-t", "1", "-m", "256", "-c", "16384",
                           "-I", "32m", "-o", "no_lru_maintainer,no_lru_crawler,no_hashexpand", *options])
        process.wait_for_socket(self.path(f"m{number}"))
        return process

    def moongate(self, name, binary, script, *options, under=(), slower=1000):
        """One process with that script, at the unix socket NAME.sock. under: a program that it runs under, and its options; its
        clock then goes so many times slower (../preload/slow_clock.c)."""
        clock = os.path.abspath(os.environ.get("CLOCK", "build/bench/slow_clock.so"))
        if under and not os.path.exists(clock):
            raise Failed(f"{clock}: not there: make builds it")
        env = dict(os.environ, LD_PRELOAD=clock, SLOWER=str(slower)) if under else None
        at = self.path(name + ".sock")
        process = self.ready(name, [*under, os.path.abspath(binary), "--single-process", "-b", "unix:" + at, *options], script, env)
        if under and under[0] == "strace":
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
                process.pid = int(children.read())
        return process, at

    def daemon(self, name, binary, script, *options):
        """A master and a worker at free TCP ports. Returns the process and the worker's number."""
        process = self.ready(name, [os.path.abspath(binary), "-j", "1", "-b", "127.0.0.1", "-p", "0", *options], script)
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            return process, int(children.read().split()[-1])

    def ready(self, name, command, script, env=None):
        lua = self.path(name + ".lua")
        with open(lua, "w", encoding="utf-8") as file:
            file.write(script)
        process = Process(self, name, [*command, lua], env)
        try:
            wait_until(lambda: ": ready: " in process.said(), name, process.popen)
        except Failed as failure:
            raise Failed(f"{failure}\n{process.said()[-2000:]}") from None
        return process

    def end(self, *processes):
        for process in processes:
            process.end()
            self.processes.remove(process)
