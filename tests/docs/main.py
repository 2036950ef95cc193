"""tests/docs/run: see there."""
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from blocks import Player
from document import Document
from names import check_names
from processes import adopt_orphans, end_children
from rules import check_rules

TREE = Path(__file__).resolve().parents[2]
SAMPLES = Path(__file__).resolve().parent / "samples"
NOT_OURS = ("build", "node_modules")


def root_of(path):
    """The tree that a document belongs to: the nearest folder above it that has a Makefile."""
    for folder in Path(path).resolve().parents:
        if (folder / "Makefile").is_file():
            return folder
    return Path(path).resolve().parent


def all_documents():
    for folder, folders, files in os.walk(TREE):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS and not name.startswith("."))
        if Path(folder) == SAMPLES:
            folders.clear()
        else:
            yield from (Path(folder) / name for name in sorted(files) if name.endswith(".md"))


def check_document(path, root):
    """The document's name and its results, in the order of its lines."""
    document = Document(path, root)
    folder = tempfile.mkdtemp(prefix="docs.")
    try:
        results = [*check_rules(document), *check_names(document), *Player(document, folder).play()]
    finally:
        end_children()
        shutil.rmtree(folder, ignore_errors=True)
    return document.name, sorted(results, key=lambda result: result.line)


def report(name, results):
    """Lines about what failed."""
    return [line for result in results if result.complaint for line in result.show(name)]


def count(results):
    bad = sum(1 for result in results if result.complaint)
    return len(results) - bad, bad


def end_on_signals():
    """SystemExit passes through every `finally`; no second signal interrupts them."""

    def handle(number, _frame):
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)


def checks(arguments):
    """Pairs of a name and its results."""
    import self_check  # which uses this module

    if arguments != ["--self"]:
        for path in arguments or all_documents():
            yield check_document(path, root_of(path))
    if arguments in ([], ["--self"]):
        yield from self_check.check_all()


def main(arguments):
    end_on_signals()
    adopt_orphans()
    good = bad = 0
    for path in arguments:
        if arguments != ["--self"] and not Path(path).is_file():
            print(f"tests/docs/run: {path}: no such document")
            return 2
    for name, results in checks(arguments):
        for line in report(name, results):
            print(line)
        passed, failed = count(results)
        good, bad = good + passed, bad + failed
    print(f"{good} passed, {bad} failed")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.modules["main"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))
