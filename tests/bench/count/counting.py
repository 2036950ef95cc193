"""counting: instructions and system calls of a moongate, while something is done to it and at no other time."""

import collections
import glob
import os
import re
import shutil
import subprocess

from stage import Failed

VALGRIND = ("valgrind", "--tool=callgrind", "--smc-check=all-non-file", "--compress-strings=no", "--compress-pos=no")
STRACE = ("strace", "-f", "-qq", "-e", "raw=all", "-e", "signal=none")
LINE = re.compile(rb"^(?:\d+ +)?(\w+)\(.*\) += (.*)$")


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Failed(f"{tool}: not there: run 'sh deps/install bench'")


class Instructions:
    """Of the processor, in user mode; callgrind counts them. What was done before count() is not in it."""

    def __init__(self, stage, name):
        self.file = stage.path(name + ".callgrind")
        self.under = (*VALGRIND, "--callgrind-out-file=" + self.file)
        self.dumps = 0

    def control(self, process, option):
        """callgrind looks at its orders while the program runs."""
        process.go_on()
        done = subprocess.run(["callgrind_control", option, str(process.pid)], check=False, capture_output=True, text=True)
        process.wait_until_idle()
        process.stop()
        if done.returncode != 0 or "OK." not in done.stdout:
            raise Failed(f"callgrind_control {option}: {done.stdout}{done.stderr}")

    def count(self, process, work):
        """How many the work takes. The profile is then in profile()."""
        self.control(process, "-z")
        work()
        self.control(process, "-d")
        self.dumps += 1
        with open(self.profile(), encoding="utf-8", errors="replace") as dump:
            found = re.search(r"^totals: (\d+)$", dump.read(), re.M)
        if not found:
            raise Failed(f"{self.profile()}: no totals in it")
        return int(found.group(1))

    def profile(self):
        return f"{self.file}.{self.dumps}"

    def forget(self):
        """Removes the dumps: they are large."""
        for file in glob.glob(self.file + "*"):
            os.remove(file)


class Syscalls:
    """System calls, by name. A wait that ended because we stopped the process is not counted."""

    def __init__(self, stage, name):
        self.file = stage.path(name + ".strace")
        self.under = (*STRACE, "-o", self.file)

    def count(self, process, work):
        """How many of each the work takes."""
        at = os.path.getsize(self.file)
        work()
        counts = collections.Counter()
        with open(self.file, "rb") as trace:
            trace.seek(at)
            for line in trace:
                call = LINE.match(line)
                if call and b"EINTR" not in call.group(2):
                    counts[call.group(1).decode()] += 1
        return counts
