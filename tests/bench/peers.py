"""Servers and proxies of the bench: how each is started, and where it listens."""
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from loads import NEW, OLD
from processes import Failed, Processes, answers, free_port, memory_kib

HERE = Path(__file__).resolve().parent
LARGEST = 32 << 20  # bytes of a value that large servers take
CONNECTIONS = 4096


def output_of(*command):
    """What a command says, both ways; nothing when it is not there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


@dataclass
class Peer:
    """What a load is sent to. pid: None for a server that is asked without a proxy."""
    address: str
    pid: int = None
    idle_kib: int = 0


@dataclass
class Servers:
    ports: list
    pids: list

    def first(self):
        return self.ports[: (len(self.ports) + 1) // 2]

    def second(self):
        return self.ports[len(self.ports) // 2:]


def addresses(ports):
    return ", ".join(f'"127.0.0.1:{port}"' for port in ports)


def script_for(text, servers):
    """A script that names 127.0.0.1:11401 to 11404, with the real servers in it: pairs stand for a half of all."""
    text = text.replace(addresses((11401, 11402)), addresses(servers.first()))
    text = text.replace(addresses((11403, 11404)), addresses(servers.second()))
    last = len(servers.ports)
    for n in range(1, 5):
        text = text.replace(f"127.0.0.1:1140{n}", f"127.0.0.1:{servers.ports[min(n, last) - 1]}")
    return text


class Peers:
    """All that a run needs, started when it is first asked for."""

    def __init__(self, folder, build):
        self.folder = folder
        self.processes = Processes(folder)
        self.moongate = os.environ.get("MOONGATE") or str(build / "moongate")
        self.base = os.environ.get("BASE", "")
        self.memcached = {OLD: os.environ.get("MEMCACHED", "memcached")}
        listed = build / "servers/list"
        for line in listed.read_text().splitlines() if listed.is_file() else []:
            suite, _, path = line.split(" ", 2)
            if suite == NEW and os.access(path, os.X_OK):
                self.memcached[NEW] = path
        self.servers = {}
        self.started = {}

    # --- what there is -------------------------------------------------------------------------------

    def missing(self, row, peer):
        """Why this peer cannot be measured here, or nothing."""
        needed = {row.version} | ({NEW} if peer == "memcached-proxy" else set())
        if NEW in needed and NEW not in self.memcached:
            return "memcached of Debian's forky is not there: run: sh deps/install servers"
        if peer == "base" and not self.base:
            return "no BASE=path/of/another/moongate was given"
        return ""

    def versions(self):
        known = {"moongate": output_of(self.moongate, "-V"), "nutcracker": output_of("nutcracker", "-V"),
                 "haproxy": output_of("haproxy", "-v"), **{f"memcached ({v})": output_of(p, "-V") for v, p in self.memcached.items()}}
        if self.base:
            known["base"] = output_of(self.base, "-V")
        numbers = {name: re.search(r"\d+(\.\d+)+[^\s-]*", said) for name, said in known.items()}
        return {name: found[0] for name, found in numbers.items() if found}

    def version_of(self, version):
        return output_of(self.memcached[version], "-V").strip().split(" ")[-1]

    # --- servers -------------------------------------------------------------------------------------

    def start_memcached(self, name, path, *options):
        """Its process and port, which it chooses itself."""
        port_file = self.folder / f"{name}.port"
        user = ["-u", "root"] if os.getuid() == 0 else []
        process, log = self.processes.start(
            name, [path, "-U", "0", "-l", "127.0.0.1", "-p", "-1", "-c", CONNECTIONS, *user, *options],
            {"MEMCACHED_PORT_FILENAME": str(port_file)}, may_be_killed=True)

        def port():
            text = port_file.read_text() if port_file.exists() else ""
            found = re.search(r"^TCP INET: (\d+)$", text, re.M)
            return found and int(found[1])

        return process, self.processes.wait_until("memcached", process, log, port)

    def servers_of(self, row):
        key = (row.version, row.servers, row.load.is_large)
        if key not in self.servers:
            size = ["-I", LARGEST, "-m", "1024"] if row.load.is_large else ["-m", "64"]
            name = f"server-{row.version}-{'large' if row.load.is_large else 'small'}-{row.servers}"
            pairs = [self.start_memcached(f"{name}-{i}", self.memcached[row.version], "-t", "1", *size) for i in range(row.servers)]
            self.servers[key] = Servers([port for _, port in pairs], [process.pid for process, _ in pairs])
        return self.servers[key]

    # --- proxies -------------------------------------------------------------------------------------

    def start_moongate(self, name, row, servers, binary, script):
        path = self.folder / f"{name}.lua"
        path.write_text(script_for(script.read_text(encoding="utf-8"), servers), encoding="utf-8")
        more = ["--max-value", LARGEST] if row.load.is_large else []
        if row.is_tls:
            more += ["--tls-cert", self.certificate()]
        process, log = self.processes.start(name, [binary, "-j", row.workers, "-b", "127.0.0.1", "-p", "0", *more, path])

        def address():
            said = log.read_text(errors="replace")
            found = re.search(r"listening on (\S+)", said)
            return ": ready: " in said and found and found[1]

        return Peer(self.processes.wait_until("moongate", process, log, address), process.pid)

    def start_nutcracker(self, name, servers):
        port = free_port()
        path = self.folder / f"{name}.yml"
        path.write_text("\n".join([
            "bench:", f"  listen: 127.0.0.1:{port}", "  hash: fnv1a_64", "  distribution: ketama", "  server_connections: 1",
            "  preconnect: true", "  auto_eject_hosts: false", "  timeout: 5000", "  backlog: 1024", "  servers:",
            *(f"   - 127.0.0.1:{port}:1" for port in servers.ports), ""]))
        process, log = self.processes.start(name, ["nutcracker", "-c", path, "-v", "4", "-a", "127.0.0.1", "-s", free_port(),
                                                   "-m", "16384"], may_be_killed=True)
        self.processes.wait_until("nutcracker", process, log, lambda: answers(port))
        return Peer(f"127.0.0.1:{port}", process.pid)

    def start_memcached_proxy(self, name, row, servers):
        """Its own library routes by the prefix before the colon: to the same halves as prefix.lua."""
        path = self.folder / f"{name}.lua"
        path.write_text(
            f"pools{{ users = {{ backends = {{ {addresses(servers.first())} }} }},\n"
            f"    others = {{ backends = {{ {addresses(servers.second())} }} }} }}\n"
            'routes{ conf = { mode = "prefix", stop = ":" }, map = { user = route_direct{ child = "users" } },\n'
            '    default = route_direct{ child = "others" } }\n')
        large = ["-I", LARGEST] if row.load.is_large else []
        process, port = self.start_memcached(name, self.memcached[NEW], "-t", row.workers, *large,
                                             "-o", f"proxy_config=routelib,proxy_arg={path}")
        return Peer(f"127.0.0.1:{port}", process.pid)

    def certificate(self):
        """A file with a certificate of this run and its key."""
        path = self.folder / "tls.pem"
        if not path.exists():
            said = output_of("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3",
                             "-subj", "/CN=bench", "-keyout", path, "-out", f"{path}.cert")
            if not path.exists():
                raise Failed(f"openssl makes no certificate: {said.strip()}")
            with path.open("a", encoding="utf-8") as to:
                to.write(Path(f"{path}.cert").read_text(encoding="utf-8"))
        return path

    def start_haproxy(self, name, row, servers):
        """Bytes to and from the first server: what any process in between costs."""
        port = free_port()
        path = self.folder / f"{name}.cfg"
        path.write_text("\n".join([
            "global", "    nbthread 1", f"    maxconn {CONNECTIONS}", "defaults", "    mode tcp", "    timeout connect 5s",
            "    timeout client 1h", "    timeout server 1h", "listen bench", f"    bind 127.0.0.1:{port}" + (f" ssl crt {self.certificate()}" if row.is_tls else ""),
            f"    server first 127.0.0.1:{servers.ports[0]}", ""]))
        process, log = self.processes.start(name, ["haproxy", "-db", "-f", path], may_be_killed=True)
        self.processes.wait_until("haproxy", process, log, lambda: answers(port))
        return Peer(f"127.0.0.1:{port}", process.pid)

    def start(self, peer, row, name):
        servers = self.servers_of(row)
        if peer == "direct":
            return Peer(f"127.0.0.1:{servers.ports[0]}")
        if peer in row.scripts:
            return self.start_moongate(name, row, servers, self.moongate, row.scripts[peer])
        if peer in ("moongate", "base"):
            return self.start_moongate(name, row, servers, getattr(self, peer), HERE / "prefix.lua")
        if peer == "nutcracker":
            return self.start_nutcracker(name, servers)
        if peer == "memcached-proxy":
            return self.start_memcached_proxy(name, row, servers)
        if peer == "haproxy":
            return self.start_haproxy(name, row, servers)
        raise Failed(f"no peer is called {peer}")

    def peer(self, peer, row):
        key = (peer, row.version, row.servers, row.workers, row.load.is_large, row.is_tls)
        if key not in self.started:
            self.started[key] = self.start(peer, row, f"{peer}-{len(self.started)}")
            if self.started[key].pid:
                self.started[key].idle_kib = memory_kib(self.started[key].pid, "VmRSS")
        return self.started[key]

    def end(self):
        self.processes.end()
