"""The names that src/README.md gives of files and functions: they are there.

A row of a table with the columns `function` and `file` names functions, each of which one of the row's files must define.
"""
import re

from result import Result

FILE = re.compile(r"(?<![\w/.*-])((?:[\w-]+/)+[\w.-]+\.(?:c|h|lua|sh))\b")
FUNCTION = re.compile(r"`([a-z_]\w*)`")


def place_of(name, root):
    """The file of that name, as the architecture's text names files: below src, include or the top; None: there is none."""
    for folder in ("src", "include", "."):
        path = root / folder / name
        if path.is_file():
            return path
    return None


def check_files(document):
    for number, line in enumerate(document.lines, 1):
        for name in FILE.findall(re.sub(r"\]\([^)]*\)", "]", line)):
            if re.search(r"[A-Z]{2,}", name):
                continue  # NAME stands for any
            complaint = "" if place_of(name, document.root) else "no such file in src, include or at the top"
            yield Result(number, f"file {name}", complaint)


def defines(path, function):
    """C: the name at the beginning of a definition's or prototype's line. Lua: a function of that name."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".lua":
        return re.search(rf"\bfunction [\w.]*\b{function}\(", text) is not None
    return re.search(rf"^[a-z](?:[\w \t*]|__attribute__\(\(\w+\)\))*\b{function}\(", text, re.M) is not None


def check_functions(document):
    is_table = False
    for number, line in enumerate(document.lines, 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            is_table = False
        elif cells[1:] == ["function", "file"]:
            is_table = True
        elif is_table and len(cells) == 3:
            files = [place_of(name, document.root) for name in FILE.findall(cells[2])]
            for function in FUNCTION.findall(cells[1]):
                known = any(path and defines(path, function) for path in files)
                yield Result(number, f"function {function}", "" if known else "none of the row's files defines it")


def check_names(document):
    if document.name == "src/README.md":
        yield from check_files(document)
        yield from check_functions(document)
