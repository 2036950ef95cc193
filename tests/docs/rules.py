"""What holds for documents as texts: their links lead somewhere, references have a list of contents, README.md is short."""
import re
from functools import lru_cache

from document import Document
from result import Result

REFERENCES = ("lua/README.md", "lua/moongate/test/README.md", "src/README.md", "src/main/README.md")
README_LINES = 300


@lru_cache(maxsize=None)
def anchors_of(path, root):
    return Document(path, root).anchors()


def complaint_about_anchor(path, anchor, root):
    if path.is_dir():
        path = path / "README.md"
    if path.suffix == ".md" and path.is_file():
        return "" if anchor in anchors_of(path, root) else f"no heading there has the anchor #{anchor}"
    lines = re.fullmatch(r"L(\d+)(?:-L(\d+))?", anchor)
    if not lines or not path.is_file():
        return f"#{anchor} is neither a heading of a document nor a line of a file"
    last = len(path.read_text(encoding="utf-8", errors="replace").splitlines())
    return "" if int(lines[2] or lines[1]) <= last else f"the file has {last} lines"


def complaint_about_link(document, target):
    file, _, anchor = target.partition("#")
    if file.startswith("/"):
        return "links are relative to the document"
    path = (document.path.parent / file).resolve() if file else document.path
    if not path.is_relative_to(document.root):
        return "leads out of the tree"
    if not path.exists():
        return "no such file"
    return complaint_about_anchor(path, anchor, document.root) if anchor or target.endswith("#") else ""


def check_links(document):
    for link in document.links():
        if not re.match(r"[a-z][a-z0-9+.-]*:", link.target):
            yield Result(link.line, f"link to {link.target}", complaint_about_link(document, link.target))


def check_contents(document):
    """Before its first section a reference links to each of its sections. The list may have the heading Contents."""
    sections = [heading for heading in document.headings if heading.level == 2 and heading.text != "Contents"]
    first = sections[0].line if sections else len(document.lines)
    listed = {link.target[1:] for link in document.links() if link.line < first and link.target.startswith("#")}
    if not listed:
        yield Result(1, "list of contents", f"no links to its sections before line {first}")
        return
    for section in sections:
        complaint = "" if section.anchor in listed else "is not in the list of contents"
        yield Result(section.line, f"section '{section.text}'", complaint)


def check_fences(document):
    for line in document.indented_code():
        yield Result(line, "code", "is indented: fence it, and say its language")
    for block in document.blocks:
        if not block.is_closed:
            yield Result(block.line, "block", "has no end")


def check_length(document):
    length = len(document.lines)
    yield Result(length, "length", "" if length <= README_LINES else f"{length} lines, more than {README_LINES}")


def check_rules(document):
    yield from check_fences(document)
    yield from check_links(document)
    if document.name in REFERENCES:
        yield from check_contents(document)
    if document.name == "README.md":
        yield from check_length(document)
