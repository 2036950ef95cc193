"""The blocks of a document are run, in their order, in one folder.

The first word behind a fence is the language; others tell what to do with the block:

    lua NAME.lua        a whole script, kept under that name for later blocks; `moongate -t` must load it
    lua NAME_test.lua   tests, kept too; `moongate test` must pass
    lua                 a whole script
    lua part            an excerpt: must load behind PRELUDE; a route that it returns itself ends it
    console             `$ ` and a command for sh, then its whole output; a here-document and lines that end with `\\` go on
    memcache NAME.lua   a client's session with moongate and that script: `> ` and what the client types, then what comes back
    sh                  commands that are not run; sh must be able to read them
    text                neither code nor a transcript

In an output, `...` alone on a line stands for any lines. examples/ is there too. For a session, each port 113NN in the script gets a
memcached of its own on a free port; in what comes back the ports are those of the script again.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

from processes import end_children
from result import Result, compare
from session import Session, SessionFailed

PRELUDE = (
    'local mg = require "moongate" '
    + " ".join(
        f'local {name} = mg.pool {{ "127.0.0.1:{port}", "127.0.0.1:{port + 1}", name = "{name}" }}'
        for port, name in enumerate("users pages gutter old new cold warm near far".split(), 11400)
    )
    + " do"
)
LIMIT = 20  # seconds for a block
DISCOVER_WAIT = "0.1"  # no block waits longer for name servers that it names


def complain(block, what, complaint, details=()):
    return Result(block.line, what, complaint, list(details))


class Player:
    """Plays the blocks of one document in a folder, which the caller makes and removes."""

    def __init__(self, document, folder):
        self.document = document
        self.folder = Path(folder)
        self.stage = self.folder / "stage"
        self.outputs = self.folder / "outputs"
        self.stage.mkdir()
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "moongate").symlink_to(os.environ["MOONGATE"])
        if (document.root / "examples").is_dir():
            shutil.copytree(document.root / "examples", self.stage / "examples")
        kept = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        self.env = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": str(self.stage),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **kept,
        }

    def play(self):
        for block in self.document.blocks:
            players = {
                "lua": self.play_lua,
                "console": self.play_console,
                "memcache": self.play_memcache,
                "sh": self.play_sh,
                "text": self.play_text,
            }
            if not block.words:
                yield complain(block, "block", "has no language")
            elif block.words[0] not in players:
                yield complain(block, "block", f"the language '{block.words[0]}' is not one of {', '.join(players)}")
            elif len(block.words) > (2 if block.words[0] in ("lua", "memcache") else 1):
                yield complain(block, "block", f"'{block.words[-1]}' says nothing to {block.words[0]}")
            else:
                try:
                    yield from players[block.words[0]](block)
                finally:
                    end_children()

    def run(self, *command, text=None):
        """A command's exit status and the lines of its output."""
        process = subprocess.Popen(
            command,
            cwd=self.stage,
            env=self.env,
            stdin=subprocess.PIPE if text else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output = process.communicate(text.encode() if text else None, timeout=LIMIT)[0]
        except subprocess.TimeoutExpired:
            return None, [f"took longer than {LIMIT} s"]
        return process.returncode, output.decode(errors="replace").splitlines()

    # --- Lua ---------------------------------------------------------------------------------------

    def play_lua(self, block):
        name = block.words[1] if len(block.words) > 1 else None
        if name in (None, "part"):
            yield self.check_excerpt(block, PRELUDE if name else "")
        elif not re.fullmatch(r"(?:[\w-]+/)*[\w-][\w.-]*\.lua", name):
            yield complain(block, "lua", f"'{name}' is neither 'part' nor the name of a Lua file")
        else:
            path = self.stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(block.lines) + "\n", encoding="utf-8")
            yield self.check_test(block, name) if name.endswith("_test.lua") else self.check_script(block, name)

    def check_excerpt(self, block, prelude):
        """It gets the document's name and stands where it stands there, so that errors name that place."""
        name = self.document.path.name
        end = "\nend return users\n" if prelude else "\n"
        text = "\n" * (block.line - 1) + prelude + "\n" + "\n".join(block.lines) + end
        (self.stage / name).write_text(text, encoding="utf-8")
        status, output = self.run("moongate", "-t", "--discover-wait", DISCOVER_WAIT, name)
        what = " ".join(block.words)
        return Result(block.line, what) if status == 0 else complain(block, what, "does not load", output)

    def check_script(self, block, name):
        status, output = self.run("moongate", "-t", "--discover-wait", DISCOVER_WAIT, name)
        what = " ".join(block.words)
        return Result(block.line, what) if status == 0 else complain(block, what, "does not load", output)

    def check_test(self, block, name):
        status, output = self.run("moongate", "test", name)
        what = " ".join(block.words)
        return Result(block.line, what) if status == 0 else complain(block, what, "tests fail", output)

    # --- commands ----------------------------------------------------------------------------------

    def play_console(self, block):
        commands = list(read_commands(block))
        if not commands or commands[0].line != block.line + 1:
            yield complain(block, "console", "does not begin with '$ ' and a command")
            return
        for command in commands:
            status, output = self.run("sh", "-n", text=command.text)
            if status != 0 or not command.is_whole:
                why = output if status else ["its here-document has no end"]
                yield Result(command.line, command.what(), "sh cannot read it", why)
                return
        yield from self.run_commands(commands)

    def run_commands(self, commands):
        """One shell runs them all, so that they share variables and background jobs."""
        shutil.rmtree(self.outputs, ignore_errors=True)
        self.outputs.mkdir()
        files = [self.outputs / str(number) for number in range(len(commands))]
        script = "".join(f"{{\n{command.text}\n}} >'{file}' 2>&1\n" for command, file in zip(commands, files))
        status, complaint = self.run("sh", text=script)
        for command, file, following in zip(commands, files, files[1:] + [None]):
            if not file.exists():
                yield Result(command.line, command.what(), "was not run", complaint)
                continue
            actual = file.read_text(encoding="utf-8", errors="replace").splitlines()
            if status is None and not (following and following.exists()):
                yield Result(command.line, command.what(), complaint[0], actual)
            else:
                yield compare(command.line, command.what(), command.output, actual)

    # --- sessions ----------------------------------------------------------------------------------

    def play_memcache(self, block):
        if len(block.words) < 2 or not (self.stage / block.words[1]).is_file():
            yield complain(block, "memcache", "is not followed by the name of a script that came before")
            return
        if not block.lines or not block.lines[0].startswith("> "):
            yield complain(block, "memcache", "does not begin with '> ' and what the client types")
            return
        folder = self.folder / "session"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.stage, folder)
        what = " ".join(block.words)
        try:
            actual = Session(folder, block.words[1], self.env).play(block.lines)
        except SessionFailed as failure:
            yield complain(block, what, str(failure), failure.details)
        else:
            yield compare(block.line, what, block.lines, actual)

    # --- what is not run ---------------------------------------------------------------------------

    def play_sh(self, block):
        status, output = self.run("sh", "-n", text="\n".join(block.lines) + "\n")
        yield Result(block.line, "sh") if status == 0 else complain(block, "sh", "sh cannot read it", output)

    def play_text(self, block):
        yield Result(block.line, "text")


class Command:
    """A command of a console block: its text, with all that belongs to it, and its output."""

    def __init__(self, line, text):
        self.line = line
        self.text = text
        self.output = []
        self.end = None  # of its here-document
        self.is_whole = True
        self.look_for_more(text)

    def look_for_more(self, text):
        here = re.search(r"<<(-?)\s*(['\"]?)(\w+)\2", text)
        if here:
            self.end = here[3]
        self.is_whole = not here and not text.endswith("\\")

    def take(self, line):
        """A line that follows: of the command, or of its output."""
        if self.is_whole:
            self.output.append(line)
            return
        self.text += "\n" + line
        if self.end is None:
            self.look_for_more(line)
        elif line.strip() == self.end:
            self.is_whole = True

    def what(self):
        first, *more = self.text.split("\n")
        return f"$ {first} ..." if more else f"$ {first}"


def read_commands(block):
    command = None
    for number, line in enumerate(block.lines, block.line + 1):
        if line.startswith("$ ") and (command is None or command.is_whole):
            if command:
                yield command
            command = Command(number, line[2:])
        elif command:
            command.take(line)
    if command:
        yield command
