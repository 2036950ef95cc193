#!/usr/bin/python3
"""deps/package/man.py PAGE VERSION DATE: writes a manual page to the standard output; run at the top of the tree.

PAGE is moongate.8, moongate-script.5 or moongate-ctl.1. The text is that of the references (src/main/README.md, lua/README.md), whose
table of options a test compares with the program's own, and of the types for editors (lua/moongate/_meta*.lua). So a page
says nothing that is not said and checked elsewhere. This program only picks sections, makes lists of tables, takes links and examples'
captions apart, and gives the result to lowdown, which makes it troff.
"""

import glob
import re
import subprocess
import sys

MAIN = "src/main/README.md"
LUA = "lua/README.md"
CTL_SECTIONS = ("moongate ctl", "moongate top", "The admin socket", "Watching requests", "Recording requests", "moongate recording")

PAGES = {
    "moongate.8": ("moongate", 8, "a memcache proxy whose routing is a Lua script"),
    "moongate-script.5": ("moongate-script", 5, "routing scripts of moongate"),
    "moongate-ctl.1": ("moongate-ctl", 1, "ask and change a running moongate"),
}


# --- sections ---------------------------------------------------------------------------------------


class Section:
    """A heading of level 2 or 3, and the lines up to the next one."""

    def __init__(self, level, title):
        self.level, self.title, self.lines = level, title, []


def sections(path):
    """The sections of a reference. What stands before the first one is its title and its contents."""
    found, fenced = [], False
    for line in open(path, encoding="utf-8").read().split("\n"):
        fenced ^= line.startswith("```")
        heading = None if fenced else re.match(r"(#{2,4}) (.*)", line)
        if heading:
            found.append(Section(len(heading[1]), heading[2]))
        elif found:
            found[-1].lines.append(line)
    return found


def is_about_ctl(title):
    return title in CTL_SECTIONS


def chosen(page):
    """The sections of a page, with the level that they have there."""
    if page == "moongate-script.5":
        return sections(LUA)
    about_ctl, taken, under = page == "moongate-ctl.1", [], None
    for s in sections(MAIN):
        if under is not None and s.level <= under:
            under = None
        if under is None and is_about_ctl(s.title):
            under = s.level
        if (under is not None) == about_ctl:
            taken.append(s)
    return taken


# --- lines ------------------------------------------------------------------------------------------


def plain(text):
    """Links become what they show; a reader of a page cannot follow them. A `_` outside code is a letter of a name, not emphasis."""
    text = re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", text)
    parts = re.split(r"(`[^`]*`)", text.replace("\\|", "|"))
    return "".join(p if p.startswith("`") else re.sub(r"(?<!\\)_", r"\_", p) for p in parts)


def cells(line):
    return [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))] if line else []


def definition(head, row):
    """A row of a table: its first cell, then the others, each with its column's name from the third on."""
    rest = [c for c in row[1:2] if c]
    for name, cell in zip(head[2:], row[2:]):
        if cell:
            rest.append(f"{name[:1].upper()}{name[1:]}: {cell}." if name else f"{cell}.")
    text = " ".join(f if f.endswith((".", ":", "!", "?")) else f + "." for f in rest)
    return [plain(row[0]) or "-", "", f":   {plain(text) or '-'}", ""]


def rows_of(lines, at):
    """A table's lines from `at` on, and the number of the line behind it."""
    end = at
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return lines[at:end], end


def body(lines):
    """Markdown that lowdown makes a page of: tables are lists of definitions, examples are indented."""
    out, at, fenced = [], 0, False
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            fenced = not fenced
            out += ["```", ""] if not fenced else ["", "```"]
        elif fenced:
            out.append(line)
        elif line.startswith("|"):
            table, at = rows_of(lines, at)
            head = cells(table[0])
            out.append("")
            for row in table[2:]:
                out += definition(head, cells(row))
            continue
        else:
            out.append(plain(line))
        at += 1
    return out


# --- the script's interface -------------------------------------------------------------------------


def interface():
    """Every function and every class of fields that the types for editors declare."""
    out, doc, params, fields = [], [], [], None
    for path in sorted(glob.glob("lua/moongate/_meta*.lua")):
        for line in open(path, encoding="utf-8").read().split("\n") + [""]:
            tag = re.match(r"---@(\w+) ?(.*)", line)
            function = re.match(r"function ([\w.:]+)\((.*)\) end", line)
            if tag and tag[1] == "class":
                fields = [tag[2].split(":")[0], doc, []]
                doc = []
            elif tag and tag[1] == "field" and fields:
                fields[2].append(tag[2])
            elif tag and tag[1] in ("param", "return"):
                params.append((tag[1], tag[2]))
            elif line.startswith("---") and not tag:
                doc.append(line[3:].strip())
            elif function:
                out += entry(f"**{plain(function[1])}**({plain(function[2])})", doc, params)
                doc, params = [], []
            elif not line.startswith("---"):
                if fields and fields[2]:
                    out += entry(f"**{plain(fields[0])}**", fields[1], [("field", f) for f in fields[2]])
                fields, doc, params = None, [], []
    return out


def entry(term, doc, params):
    text = plain(" ".join(doc))
    out = [term, "", f":   {text}" if text else ":   "]
    if params:
        out.append("")
    for kind, param in params:
        out.append(f"    - {'returns ' if kind == 'return' else ''}{escape(param)}")
    return out + [""]


def escape(text):
    return re.sub(r"([\[\]|<>*_])", r"\\\1", re.sub(r"\s\s+", ": ", text, count=1))


# --- pages ------------------------------------------------------------------------------------------


SYNOPSIS = {
    "moongate.8": [
        "**moongate** [options] *SCRIPT.lua*\n",
        "**moongate** [options] **--servers** *HOST:PORT*[,...]\n",
        "**moongate** *COMMAND* ...\n",
    ],
    "moongate-script.5": ["**local mg = require \"moongate\"**\n"],
    "moongate-ctl.1": ["**moongate ctl** [**--socket** *PATH*] [**--json**] *COMMAND* ...\n"],
}

INTRODUCTION = {
    "moongate.8": "moongate is a memcache proxy. Applications talk to it as if it were one memcached, and it spreads their keys over"
    " many memcached servers. A Lua script decides for every key which server gets the request.",
    "moongate-script.5": "A routing script is a Lua program that **moongate**(8) loads. It makes pools of servers and policies, and"
    " returns a route.",
    "moongate-ctl.1": "**moongate ctl** talks to a running **moongate**(8) over its admin socket.",
}

SEE_ALSO = {
    "moongate.8": "**moongate-ctl**(1), **moongate-script**(5), **memcached**(1)",
    "moongate-script.5": "**moongate**(8), **moongate-ctl**(1)",
    "moongate-ctl.1": "**moongate**(8), **moongate-script**(5)",
}


def document(page):
    name, _, what = PAGES[page]
    out = ["# NAME", "", f"{name} - {what}", "", "# SYNOPSIS", ""] + SYNOPSIS[page]
    out += ["# DESCRIPTION", "", INTRODUCTION[page], ""]
    picked = chosen(page)
    if not picked:
        sys.exit(f"man.py: no section for {page}: has a heading of {MAIN} changed?")
    top = min(s.level for s in picked)
    for s in picked:
        title = plain(s.title).replace("`", "")
        out += [f"{'#' * (s.level - top + 1)} {title.upper() if s.level == top else title}", ""]
        out += body(s.lines)
    if page == "moongate-script.5":
        out += ["# INTERFACE", "", "Types are those of LuaCATS. A question mark stands behind what may be nil.", ""]
        out += interface()
    return out + ["# SEE ALSO", "", SEE_ALSO[page], ""]


def main():
    page, version, date = sys.argv[1:4]
    name, number, _ = PAGES[page]
    command = ["lowdown", "-s", "-tman", "--out-no-smarty", "-mtitle=" + name, f"-msection={number}", "-msource=moongate " + version,
               "-mvolume=moongate", "-mdate=" + date]
    made = subprocess.run(command, input="\n".join(document(page)), text=True, capture_output=True, check=True)
    # A first section NAME is what whatis(1) and lintian look for; lowdown writes a heading's text on a line of its own.
    text = re.sub(r"^\.(SH|SS)\n(.*)\n(\.PP\n)?", r'.\1 "\2"' + "\n", made.stdout, flags=re.M)
    # Terminals have no font C; code is bold, as options are in other pages.
    sys.stdout.write(text.replace(r"\fC", r"\fB"))


main()
