"""What was tested, and how what a document says is compared with what came."""
import difflib
from dataclasses import dataclass, field

LONGEST = 60  # lines of a complaint that are shown


@dataclass
class Result:
    """One test. It failed if it has a complaint."""

    line: int
    what: str
    complaint: str = ""
    details: list = field(default_factory=list)

    def show(self, name):
        lines = [f"FAIL  {name}:{self.line}: {self.what}: {self.complaint}"]
        lines += [f"      {line}" for line in self.details[:LONGEST]]
        if len(self.details) > LONGEST:
            lines.append(f"      and {len(self.details) - LONGEST} more lines")
        return [line.rstrip() for line in lines]


def is_any(line):
    return line.strip() == "..."


def matches(expected, actual):
    """Whether these lines are those; `...` stands for any lines, also for none."""
    at = here = 0
    mark = None  # the last `...`, and up to where it reaches
    while here < len(actual):
        if at < len(expected) and is_any(expected[at]):
            mark = (at, here)
            at += 1
        elif at < len(expected) and expected[at] == actual[here]:
            at, here = at + 1, here + 1
        elif mark:
            mark = (mark[0], mark[1] + 1)
            at, here = mark[0] + 1, mark[1]
        else:
            return False
    return all(is_any(line) for line in expected[at:])


def filled_in(expected, actual):
    """The expected lines with those in the place of `...` that it plainly stands for."""
    lines = []
    for _, begin, end, actual_begin, actual_end in difflib.SequenceMatcher(None, expected, actual, False).get_opcodes():
        stands_for_all = begin < end and all(is_any(line) for line in expected[begin:end])
        lines += actual[actual_begin:actual_end] if stands_for_all else expected[begin:end]
    return lines


def difference(expected, actual):
    """Lines of a diff: `-` is what the document says, `+` what came."""
    return list(difflib.unified_diff(filled_in(expected, actual), actual, n=2, lineterm=""))[2:]


def compare(line, what, expected, actual):
    if matches(expected, actual):
        return Result(line, what)
    return Result(line, what, "prints something else (-: the document, +: what came)", difference(expected, actual))
