"""ask.py SOCKET REQUEST...: sends each request on one connection, with `mn` behind it, and prints it with what came before `MN`.

A line end is written "|" on both sides, no answer "(nothing)". The server has five seconds to open its socket, and for each answer.
"""

import sys

from sockets import connected


def answer(peer, request):
    peer.sendall(request.replace("|", "\r\n").encode() + b"\r\nmn\r\n")
    got = b""
    while not got.endswith(b"MN\r\n"):
        more = peer.recv(65536)
        if not more:
            sys.exit("the server closed the connection")
        got += more
    return got[: -len(b"MN\r\n")].decode().removesuffix("\r\n").replace("\r\n", "|") or "(nothing)"


peer = connected(sys.argv[1])
for request in sys.argv[2:]:
    print(f"{request} -> {answer(peer, request)}")
