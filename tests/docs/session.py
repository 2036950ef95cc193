"""A client's session with moongate in front of real memcached servers."""
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from processes import await_that
from result import is_any, matches

# A server as a string, with or without a weight; a server's port in a table; any other port.
PORT = re.compile(r"""(["'])127\.0\.0\.1:(113\d\d)((?::\d+)?)\1|\bport\s*=\s*(113\d\d)\b|\b(113\d\d)\b""")
REQUIRE = re.compile(r"""\brequire\s*\(?\s*["']([\w.]+)["']""")
REPLY_LIMIT = 5  # seconds for what a document says that comes back
LAST = b"mn"  # asked at the end: what comes before its answer belongs to the session
LAST_REPLY = "MN"


class SessionFailed(Exception):
    def __init__(self, why, details=()):
        super().__init__(why)
        self.details = list(details)


def has_name(text, match):
    """Whether this server stands in a table of its own that names it."""
    begin, end = text.rfind("{", 0, match.start()), text.find("}", match.end())
    table = text[max(begin, 0) : end]
    is_own = match[4] or re.search(r"[{,]\s*$", text[: max(begin, 0)])
    return bool(is_own and "}" not in table and re.search(r"\bname\s*=", table))


def replace_ports(text, real_port):
    """A server that has no name gets its address in the script for one, so that keys go where they would go there."""

    def replaced(match):
        quote, of_string, weight, of_table, other = match.groups()
        port = of_string or of_table or other
        name = f"127.0.0.1:{port}"
        if other or has_name(text, match):
            return match[0].replace(port, real_port(port), 1)
        if of_string:
            return f"{quote}127.0.0.1:{real_port(port)}{weight} {name}{quote}"
        return f'port = {real_port(port)}, name = "{name}"'

    return PORT.sub(replaced, text)


class Session:
    """Plays in a folder of its own, in which ports of Lua files are replaced. Whoever made it ends the processes."""

    def __init__(self, folder, script, env):
        self.folder = Path(folder)
        self.script = script
        self.env = env
        self.ports = {}  # as in the script: as it is
        self.servers = []

    def play(self, lines):
        """Returns the session as it went: what was typed, with `> `, and what came back."""
        try:
            for file in self.files_of(self.folder / self.script):
                file.write_text(replace_ports(file.read_text(encoding="utf-8"), self.real_port), encoding="utf-8")
            with self.start_moongate() as client:
                wire = Wire(client)
                self.await_servers(wire)
                return self.talk(wire, list(read_steps(lines)))
        finally:
            self.kill_servers()

    def files_of(self, script):
        """The script and what it requires, directly or not."""
        files, waiting = set(), [script]
        while waiting:
            file = waiting.pop()
            if file not in files and file.is_file():
                files.add(file)
                names = REQUIRE.findall(file.read_text(encoding="utf-8"))
                waiting += [script.parent / (name.replace(".", "/") + ".lua") for name in names]
        return files

    def real_port(self, port):
        if port not in self.ports:
            self.ports[port] = self.start_memcached(port)
        return self.ports[port]

    def start(self, name, command, env=None):
        log = self.folder / f"{name}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        return process, lambda: log.read_text(encoding="utf-8", errors="replace").splitlines()

    def start_memcached(self, name):
        """On a free port, which memcached writes into a file when it listens."""
        file = self.folder / f"memcached-{name}.port"
        user = ["-u", "root"] if os.geteuid() == 0 else []
        process, log = self.start(
            f"memcached-{name}",
            ["memcached", "-U", "0", "-t", "1", "-m", "64", "-l", "127.0.0.1", "-p", "-1", *user],
            {"MEMCACHED_PORT_FILENAME": str(file)},
        )
        self.servers.append(process)
        port = await_that(lambda: file.is_file() and re.search(r"TCP INET: (\d+)", file.read_text(encoding="utf-8")), process)
        if not port:
            raise SessionFailed("memcached does not start", log())
        return port[1]

    def kill_servers(self):
        """SIGTERM would do, but now and then memcached takes a second over it; it has nothing to save."""
        for process in self.servers:
            process.kill()
            process.wait()

    def start_moongate(self):
        """Returns a connection to it."""
        name = "client.sock"  # relative, as the path of a socket must be short
        process, log = self.start("moongate", ["moongate", "-j", "1", "-b", f"unix:{name}", self.script])
        client = await_that(lambda: connect(self.folder, name), process)
        if not client:
            raise SessionFailed("moongate does not start", log())
        return client

    def await_servers(self, wire):
        """Until moongate has a connection to each that takes requests."""
        give_up_at = time.monotonic() + REPLY_LIMIT
        while True:
            wire.write(b"stats servers\r\n")
            lines = wire.read(lambda lines: bool(lines) and lines[-1] == "END")
            states = [line for line in lines if re.search(rf":({'|'.join(self.ports.values())}):state ", line)]
            if all(state.endswith(" ready") for state in states):
                return
            if time.monotonic() > give_up_at or wire.is_closed:
                raise SessionFailed("moongate does not get ready", states)

    def as_in_the_script(self, line):
        for port, real in self.ports.items():
            line = re.sub(rf"(?<=:){real}\b", port, line)
        return line

    def talk(self, wire, steps):
        actual = []
        for number, (typed, expected) in enumerate(steps):
            is_last = number == len(steps) - 1
            wire.write(b"".join(line.encode() + b"\r\n" for line in typed) + (LAST + b"\r\n" if is_last else b""))
            came = wire.read_last() if is_last else wire.read(lambda lines: came_whole(expected, self.all_of(lines)))
            actual += [f"> {line}" for line in typed] + self.all_of(came)
        return actual

    def all_of(self, lines):
        return [self.as_in_the_script(line) for line in lines]


def came_whole(expected, lines):
    if any(is_any(line) for line in expected):
        return matches(expected, lines)
    return len(lines) >= len(expected)


def read_steps(lines):
    """A session's steps: what the client types in one go, and what then comes back."""
    typed, expected = [], []
    for line in lines:
        if line.startswith("> ") or line == ">":
            if expected:
                yield typed, expected
                typed, expected = [], []
            typed.append(line[2:])
        else:
            expected.append(line)
    yield typed, expected


def connect(folder, name):
    client = socket.socket(socket.AF_UNIX)
    here = os.open(folder, os.O_PATH)
    try:
        client.connect(f"/proc/self/fd/{here}/{name}")
    except OSError:
        client.close()
        return None
    finally:
        os.close(here)
    return client


class Wire:
    """The lines that come over a connection."""

    def __init__(self, client):
        self.client = client
        self.bytes = b""
        self.is_closed = False

    def write(self, data):
        try:
            self.client.sendall(data)
        except OSError:
            self.is_closed = True

    def lines(self):
        whole, _, _ = self.bytes.rpartition(b"\r\n")
        return whole.decode(errors="replace").split("\r\n") if whole else []

    def read(self, is_enough):
        """Lines, until there are enough, or the connection ends, or nothing more comes in time."""
        give_up_at = time.monotonic() + REPLY_LIMIT
        while not is_enough(self.lines()) and not self.is_closed:
            self.client.settimeout(max(0.001, give_up_at - time.monotonic()))
            try:
                more = self.client.recv(65536)
            except TimeoutError:
                break
            except OSError:
                more = b""
            self.is_closed = not more
            self.bytes += more
        lines = self.lines()
        self.bytes = self.bytes.rpartition(b"\r\n")[2]
        return lines

    def read_last(self):
        """All lines up to the answer to LAST."""
        lines = self.read(lambda lines: bool(lines) and lines[-1] == LAST_REPLY)
        return lines[:-1] if lines and lines[-1] == LAST_REPLY else lines
