"""Processes that documents start, and their end.

This process becomes the parent of all that its descendants leave behind, so none of them is lost: not a command's background job,
not a moongate that became a daemon. All are ended by their id.
"""
import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 5  # seconds until what does not end is killed
STEP = 0.005  # seconds between two looks


def adopt_orphans():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl: cannot adopt orphans")


def parent_of(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def children():
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent_of(pid) == os.getpid()]


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def end_children():
    """Ends all children, and those that come to light when their parents have ended."""
    kill_at = time.monotonic() + PATIENCE
    asked = set()
    while left := children():
        for pid in left:
            if time.monotonic() > kill_at:
                send(pid, signal.SIGKILL)
            elif pid not in asked:
                send(pid, signal.SIGTERM)
                asked.add(pid)
        reap()
        time.sleep(STEP)


def await_that(condition, process, seconds=10):
    """Looks again and again whether a condition holds, as long as a process lives. Returns what the condition does."""
    give_up_at = time.monotonic() + seconds
    while not (value := condition()) and process.poll() is None and time.monotonic() < give_up_at:
        time.sleep(STEP)
    return value
