"""The runner itself is tested: what it says of the documents in samples/, and that nothing is left of it when it is interrupted.

samples/ is a tree of its own: README.md has more lines than it may have, lua/README.md is a reference. Beside each document stands,
in a file that ends in .txt, what the runner must say of it; `...` alone on a line stands for any lines there, too.
"""
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import main
from document import slug
from processes import await_that
from result import Result, compare, matches
from session import replace_ports

MATCHES = [
    # expected, actual, whether it matches
    (["a"], ["a"], True),
    (["a"], ["b"], False),
    (["a"], [], False),
    ([], ["a"], False),
    (["..."], [], True),
    (["...", "b"], ["a", "b"], True),
    (["...", "b"], ["b", "a"], False),
    (["a", "...", "b", "...", "c"], ["a", "b", "x", "b", "c"], True),
    (["a", "...", "c"], ["a", "c", "d"], False),
    (["a", "..."], ["b", "a"], False),
]

PORTS = [
    # in the script, in front of servers on port 5
    ('mg.pool { "127.0.0.1:11311", name = "a" }', 'mg.pool { "127.0.0.1:5 127.0.0.1:11311", name = "a" }'),
    ("{ '127.0.0.1:11312:3', x }", "{ '127.0.0.1:5:3 127.0.0.1:11312', x }"),
    ('pool { { "127.0.0.1:11311", name = "a" } }', 'pool { { "127.0.0.1:5", name = "a" } }'),
    ('pool { { port = 11311 }, name = "a" }', 'pool { { port = 5, name = "127.0.0.1:11311" }, name = "a" }'),
    ("{ name = 'a', port = 11311 }", "{ name = 'a', port = 5 }"),
    ('"127.0.0.1:11311 a", "127.0.0.1:11411"', '"127.0.0.1:5 a", "127.0.0.1:11411"'),
]
SLUGS = [
    ("Servers, counters, timers and more", "servers-counters-timers-and-more"),
    ("What `mg.call` does: a table", "what-mgcall-does-a-table"),
    ("`a_b` & [a link](b.md)", "a_b--a-link"),
    ("Host names, and pools that are *discovered*?", "host-names-and-pools-that-are-discovered"),
    ("`<key>` <b>bold</b>", "key-bold"),
]


def check_functions():
    for expected, actual, want in MATCHES:
        complaint = "" if matches(expected, actual) == want else f"{expected} and {actual}: not {want}"
        yield Result(0, "matches", complaint)
    for text, want in PORTS:
        yield compare(0, f"ports of {text}", [want], [replace_ports(text, lambda port: "5")])
    for text, want in SLUGS:
        yield compare(0, f"anchor of {text}", [want], [slug(text)])


def check_samples():
    for path in sorted(main.SAMPLES.rglob("*.md")):
        name, results = main.check_document(path, main.SAMPLES)
        passed, failed = main.count(results)
        said = main.report(name, results) + [f"{passed} passed, {failed} failed"]
        text = path.with_suffix(".txt")
        expected = text.read_text(encoding="utf-8").splitlines() if text.is_file() else []
        yield compare(1, f"what is said of {name}", expected, said)


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def check_interruption(number):
    """A document's processes end with the runner: a job in the background, a daemon, and a command that waits."""
    with tempfile.TemporaryDirectory() as folder:
        pids = Path(folder) / "pids"
        document = Path(folder) / "waits.md"
        document.write_text(
            "```console\n"
            f"$ moongate -b unix:a.sock -s 127.0.0.1:1 & echo $! >>{pids}\n"
            f"$ moongate -d -P daemon -b unix:b.sock -s 127.0.0.1:1; cat daemon >>{pids}\n"
            f"$ echo $$ >>{pids}; exec sleep 1000\n"
            "```\n",
            encoding="utf-8",
        )
        command = [sys.executable, "-B", main.__file__, str(document)]
        runner = subprocess.Popen(command, env={**os.environ, "TMPDIR": folder}, stdout=subprocess.DEVNULL)
        await_that(lambda: pids.is_file() and pids.read_text(encoding="utf-8").count("\n") == 3, runner)
        started = pids.read_text(encoding="utf-8").split() if pids.is_file() else []
        runner.send_signal(number)
        status = runner.wait(timeout=15)
        alive = [pid for pid in started if is_alive(pid)]
        left = sorted(set(os.listdir(folder)) - {"pids", "waits.md"})
    yield Result(0, f"signal {number}", "" if len(started) == 3 else f"{len(started)} processes started, not 3")
    yield Result(0, f"signal {number}", "" if status == 128 + number else f"exit status {status}")
    yield Result(0, f"signal {number}", f"still there: {alive} {left}" if alive or left else "")


def check_all():
    yield "tests/docs/samples", list(check_samples())
    yield "tests/docs/self_check.py", list(check_functions())
    yield "tests/docs/run", [result for number in (signal.SIGINT, signal.SIGTERM) for result in check_interruption(number)]
