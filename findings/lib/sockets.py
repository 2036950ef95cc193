"""sockets.py: unix sockets for the findings: connected(PATH) gives a client's connection, serve(PATH, answer) starts a server."""

import socket
import threading
import time


def connected(path):
    """The server has five seconds to open its socket, and for each answer."""
    until = time.monotonic() + 5
    while True:
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(path)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
            continue
        peer.settimeout(5)
        return peer


def serve(path, answer):
    """It sends to each client what answer(LINE) returns for each line that comes, and nothing for None."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve_one(peer):
        for line in peer.makefile("rb"):
            said = answer(line.decode().strip())
            if said is not None:
                peer.sendall(said.encode())

    def accept():
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=serve_one, args=[peer], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
