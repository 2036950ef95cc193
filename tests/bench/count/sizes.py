"""sizes: what one more client, server, prefix or pool takes, what a second without requests costs, what a connection costs."""

import os
import re
import socket
import subprocess
import time
import urllib.request

from counting import Instructions
from crowds import TAG, Crowd, Place, many_pools, many_prefixes, many_servers, one_pool
from stage import Failed, dies_with_parent, memory

MOONGATE = os.environ.get("MOONGATE", "build/moongate")
LOAD = os.environ.get("LOAD", "build/bench/load")
IDLE, SLOWER = 3, 5  # seconds of its own clock; callgrind makes a program slow, and the clock with it


def clients_at_most(stage):
    return min(10000, stage.descriptors - 1000)


def idle_client(stage):
    """Over unix sockets, and what the kernel takes over TCP."""
    n, place = clients_at_most(stage), Place(stage)
    moongate, path = stage.moongate("idle", MOONGATE, one_pool(1), "-c", "16000")
    first = Crowd(path, 200)  # for what is there once
    before = memory(moongate.pid)
    crowd = Crowd(path, n)
    grown = memory(moongate.pid) - before
    crowd.leave()
    first.leave()
    stage.end(moongate)
    daemon, _ = stage.daemon("idle-tcp", MOONGATE, one_pool(1), "-c", "16000")
    before = unreclaimable()
    clients = [socket.create_connection(("127.0.0.1", port_of(daemon))) for _ in range(n)]
    kernel = unreclaimable() - before
    for client in clients:
        client.close()
    stage.end(daemon)
    place.release()
    yield f"an idle client, of {n} that have had one reply: our memory", grown / n, "bytes"
    yield "    the kernel's for one end of its TCP connection, about", kernel / n / 2, "bytes"


def unreclaimable():
    """Bytes of the kernel's own objects, of the whole machine."""
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        return 1024 * int(re.search(r"^SUnreclaim: *(\d+)", meminfo.read(), re.M).group(1))


def one_more(stage, name, script, few, many, key="nothing"):
    """Memory of one worker that one more of them takes."""
    place, taken = Place(stage), []
    for n in few, many:
        moongate, path = stage.moongate(f"{name}-{n}", MOONGATE, script(n))
        Crowd(path, 1, key).leave()
        taken.append(memory(moongate.pid))
        stage.end(moongate)
    place.release()
    return (taken[1] - taken[0]) / (many - few)


def memory_of_each(stage):
    yield "one of 1,000 servers with its connection: memory of a worker", one_more(stage, "servers", many_servers, 1, 1000), "bytes"
    yield "one of 10,000 prefixes", one_more(stage, "prefixes", many_prefixes, 1, 10000, TAG), "bytes"
    yield "one of 100 pools of two servers", one_more(stage, "pools", many_pools, 1, 100, "p0:"), "bytes"


def instructions_a_second(stage, name, script, clients, key="nothing"):
    """While nothing is asked."""
    place, counter = Place(stage), Instructions(stage, name)
    moongate, path = stage.moongate(name, MOONGATE, script, "-c", "16000", under=counter.under, slower=SLOWER)
    crowd = Crowd(path, clients, key)
    time.sleep(SLOWER)
    moongate.wait_until_idle()
    moongate.stop()

    def idle():
        moongate.go_on()
        time.sleep(IDLE * SLOWER)
        moongate.wait_until_idle()
        moongate.stop()

    count = counter.count(moongate, idle)
    crowd.leave()
    stage.end(moongate)
    place.release()
    return count / IDLE


def idle_second(stage):
    n = clients_at_most(stage)
    for what, script, clients, key in (
            ("10 clients, 2 servers", one_pool(1), 10, "nothing"), (f"{n} clients, 2 servers", one_pool(1), n, "nothing"),
            ("10 clients, 1,000 servers", many_servers(1000), 10, "nothing"),
            ("10 clients, 100 pools of two servers", many_pools(100), 10, "p0:")):
        yield f"a second without requests, {what}", instructions_a_second(stage, "second", script, clients, key), "instructions"


def cpu_of(pid):
    """Nanoseconds that it has run."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as schedstat:
        return int(schedstat.read().split()[0])


def port_of(process):
    return int(re.search(r"listening on 127\.0\.0\.1:(\d+)", process.said()).group(1))


def connections(stage):
    """What a client costs that connects, asks for one key and goes."""
    n, place = 5000, Place(stage)
    daemon, worker = stage.daemon("connections", MOONGATE, one_pool(1))
    address = "127.0.0.1", port_of(daemon)

    def come_and_go(times):
        for _ in range(times):
            with socket.create_connection(address) as client:
                client.sendall(b"get nothing\r\n")
                if client.recv(100) != b"END\r\n":
                    raise Failed("a wrong reply to a get of nothing")

    come_and_go(200)
    before = cpu_of(daemon.pid), cpu_of(worker)
    come_and_go(n)
    yield "a connection with one get: CPU of the master, which hands it over", (cpu_of(daemon.pid) - before[0]) / n / 1000, "us"
    yield "    CPU of its worker", (cpu_of(worker) - before[1]) / n / 1000, "us"
    stage.end(daemon)
    place.release()


def requests(stage):
    """A get over TCP, by what spends the time."""
    place = Place(stage)
    for what, options in (("depth 1, 50 clients", ("-c", "50", "-d", "1")), ("depth 32, 20 clients", ("-c", "20", "-d", "32"))):
        daemon, worker = stage.daemon("requests", MOONGATE, one_pool(1))
        command = [LOAD, *options, "-m", "0", "-t", "3", "-w", "0.3", "-P", str(worker), f"127.0.0.1:{port_of(daemon)}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=dies_with_parent)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        found = {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", done.stdout)}
        yield f"a get over TCP, {what}: CPU in all", found["cpu_us"], "us"
        yield "    of that in user mode", found["user_us"], "us"
        stage.end(daemon)
    place.release()


def metrics(stage):
    place = Place(stage)
    daemon, _ = stage.daemon("metrics", MOONGATE, many_servers(1000), "--metrics", "127.0.0.1:0")
    address = re.search(r"http://127\.0\.0\.1:\d+|metrics.* 127\.0\.0\.1:\d+", daemon.said())
    if not address:
        raise Failed(f"metrics: no address in: {daemon.said()}")
    port = address.group(0).rpartition(":")[2]
    before, times = cpu_of(daemon.pid), 10
    for _ in range(times):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            size = len(answer.read())
    yield "metrics of a pool of 1,000 servers", size, "bytes"
    yield "    CPU of the master for each answer", (cpu_of(daemon.pid) - before) / times / 1e6, "ms"
    stage.end(daemon)
    place.release()


ROWS = {"idle client": idle_client, "memory": memory_of_each, "idle second": idle_second, "hand-over": connections,
        "requests": requests, "metrics": metrics}
