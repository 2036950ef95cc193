"""lockstep: clients that load a moongate in steps, so that each run does the same work in the same order.

A closed loop on a real machine decides by chance how many requests a turn of the worker finds, and so how many share a system
call. Here only one side runs at a time. All clients send while moongate is stopped; then it runs until it sleeps, and is
stopped; then the servers run until they sleep, and are stopped; and so on until every reply has come. So moongate finds all
requests in one turn, and all responses in another. Counts of instructions and system calls then differ from run to run by a
part of a percent, on a busy machine, too. Every reply is compared byte by byte with what memcached would say.
"""

import socket

from stage import Failed

STEPS_WITHOUT_PROGRESS = 500


class Client:
    """A connection. `due` is what it must still get."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.setblocking(False)
        self.out = self.due = b""

    def push(self):
        """Sends what the socket takes. Returns whether any went."""
        if not self.out:
            return False
        try:
            n = self.socket.send(self.out)
        except BlockingIOError:
            return False
        self.out = self.out[n:]
        return n > 0

    def pull(self):
        """Takes what has come, which must be what was due. Returns whether any came."""
        came = []
        try:
            while data := self.socket.recv(1 << 20):
                came.append(data)
            raise Failed(f"the connection was closed; due were {self.due[:80]!r}")
        except BlockingIOError:
            pass
        data = b"".join(came)
        if not self.due.startswith(data):
            at = next(i for i in range(len(data)) if data[:i + 1] != self.due[:i + 1])
            raise Failed(f"a wrong reply: {data[max(0, at - 40):at + 80]!r}, expected {self.due[max(0, at - 40):at + 80]!r}")
        self.due = self.due[len(data):]
        return bool(data)

    def close(self):
        self.socket.close()


class Lockstep:
    """A moongate and its servers, all of them stopped between the steps."""

    def __init__(self, moongate, servers):
        self.moongate, self.servers = moongate, servers
        for process in [moongate, *servers]:
            process.wait_until_idle()
            process.stop()

    def run(self, processes):
        for process in processes:
            process.go_on()
        for process in processes:
            process.wait_until_idle()
            process.stop()

    def settle(self):
        """Lets everybody work until nothing is left to do: connections are made and closed by that."""
        for _ in range(3):
            self.run([self.moongate])
            self.run(self.servers)
        self.run([self.moongate])

    def connect(self, path, n):
        clients = []
        while len(clients) < n:  # as many at a time as a backlog surely takes
            clients += [Client(path) for _ in range(min(100, n - len(clients)))]
            self.run([self.moongate])
        return clients

    def exchange(self, clients, requests):
        """requests: for each client what it sends, and what it must get."""
        idle = 0
        for client, (client.out, client.due) in zip(clients, requests):
            client.push()
        while True:
            self.run([self.moongate])
            progress = sum([client.pull() + client.push() for client in clients])
            if not any(client.due or client.out for client in clients):
                return
            idle = 0 if progress else idle + 1
            if idle > STEPS_WITHOUT_PROGRESS:
                waits = next(client for client in clients if client.due or client.out)
                raise Failed(f"no reply; due is {waits.due[:80]!r}")
            self.run(self.servers)
