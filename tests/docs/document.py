"""A document in Markdown: its fenced blocks, its links, and the anchors that others may link to.

Nothing here runs anything. Lines are counted from 1, as editors do.
"""
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})(.*)$")
HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
ITEM = re.compile(r"^\s*([-*+]|\d+[.)])\s")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n).)+?)(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)>?", re.M)
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")


@dataclass
class Block:
    """A fenced block: the words behind its fence, and its lines."""

    line: int  # of the fence
    words: list
    lines: list = field(default_factory=list)
    is_closed: bool = False


@dataclass
class Heading:
    line: int
    level: int
    text: str
    anchor: str


@dataclass
class Link:
    line: int
    target: str


def slug(text):
    """A heading's anchor, as GitHub makes it: lower case, no punctuation, a dash for each space."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>`]*>(?=[^`]*(?:`[^`]*`[^`]*)*$)", "", text)  # tags, but not what stands in a code span
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def blank(match):
    """Spaces in the place of what was matched; its lines stay."""
    return re.sub(r"[^\n]", " ", match.group(0))


class Document:
    def __init__(self, path, root):
        self.path = Path(path).resolve()
        self.root = Path(root).resolve()
        self.name = str(self.path.relative_to(self.root))
        self.lines = self.path.read_text(encoding="utf-8").splitlines()
        self.blocks = []
        self.prose = self._take_blocks()
        self.headings = self._find_headings()

    def _take_blocks(self):
        """Fills blocks; returns the lines of the document with those of blocks empty."""
        prose = []
        block = closing = None
        for number, line in enumerate(self.lines, 1):
            prose.append("")
            if block:
                if closing.match(line):
                    block.is_closed, block = True, None
                else:
                    block.lines.append(line[indent:] if not line[:indent].strip() else line)
            elif fence := FENCE.match(line):
                indent = len(fence[1])
                closing = re.compile(rf"^\s*{re.escape(fence[2][0])}{{{len(fence[2])},}}\s*$")
                block = Block(number, fence[3].split())
                self.blocks.append(block)
            else:
                prose[-1] = line
        return prose

    def _find_headings(self):
        headings, seen = [], {}
        for number, line in enumerate(self.prose, 1):
            if match := HEADING.match(line):
                anchor = slug(match[2])
                times = seen.get(anchor, 0)
                seen[anchor] = times + 1
                headings.append(Heading(number, len(match[1]), match[2], f"{anchor}-{times}" if times else anchor))
        return headings

    def anchors(self):
        return {heading.anchor for heading in self.headings} | set(ANCHOR.findall("\n".join(self.prose)))

    def links(self):
        """What it links to, but for links that stand in code."""
        text = CODE_SPAN.sub(blank, "\n".join(self.prose))
        found = [(match.start(), match[2]) for match in LINK.finditer(text)]
        found += [(match.start(), match[1]) for match in DEFINITION.finditer(text)]
        return [Link(text.count("\n", 0, at) + 1, unquote(target)) for at, target in sorted(found)]

    def indented_code(self):
        """Lines at which a block of code begins that is indented instead of fenced."""
        found = []
        outer = ""  # the last line that was not indented
        for number, line in enumerate(self.prose, 1):
            if not re.match(r" {4}|\t", line):
                outer = line if line.strip() else outer
            elif number > 1 and not self.lines[number - 2].strip() and line.strip() and not ITEM.match(outer):
                found.append(number)
        return found
