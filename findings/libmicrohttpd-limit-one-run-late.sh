#!/bin/sh
# Expected: a program that drives libmicrohttpd by its epoll descriptor calls MHD_run when that is readable or MHD_get_timeout says so, and
#     no client waits longer than that. At the limit of connections a client waits until another one goes, and is served then.
# Happens: the daemon stops to look at its listening socket at the limit, and turns to it again at the beginning of MHD_run, before it has
#     closed the connection that went. So after that MHD_run there is room, but the descriptor is not readable and no timeout is due: the client
#     that waits is served only when something else happens. One more MHD_run serves it.
# Source: Debian bookworm's libmicrohttpd12 0.9.75-6.
# shellcheck source=findings/lib/debian.sh
. "$(dirname "$0")/lib/debian.sh"

have_package libmicrohttpd12 bookworm 0.9.75-6

# All libraries but those of libc, which this system's Python has already.
mkdir "$work/libraries"
find "$work/root" -name '*.so.*' | grep -vE '/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|anl|nsl|mvec)\.so[^/]*|libnss[^/]*|libthread_db[^/]*)$' |
    while read -r file; do ln -s "$file" "$work/libraries/"; done

cat >"$work/play.py" <<'X'
import ctypes
import select
import socket
import time

mhd = ctypes.CDLL("libmicrohttpd.so.12")
mhd.MHD_get_version.restype = ctypes.c_char_p
mhd.MHD_start_daemon.restype = ctypes.c_void_p
mhd.MHD_create_response_from_buffer.restype = ctypes.c_void_p
mhd.MHD_get_daemon_info.restype = ctypes.POINTER(ctypes.c_int)
print("libmicrohttpd", mhd.MHD_get_version().decode())

HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p,
                           ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_void_p))


@HANDLER
def answer(_arg, connection, _path, _method, _version, _body, _len, _state):
    response = mhd.MHD_create_response_from_buffer(ctypes.c_size_t(2), b"ok", 0)
    result = mhd.MHD_queue_response(ctypes.c_void_p(connection), 200, ctypes.c_void_p(response))
    mhd.MHD_destroy_response(ctypes.c_void_p(response))
    return result


listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
EPOLL, LISTEN_SOCKET, CONNECTION_LIMIT, END, EPOLL_FD = 512, 12, 2, 0, 3
daemon = ctypes.c_void_p(mhd.MHD_start_daemon(
    EPOLL, 0, None, None, answer, None, LISTEN_SOCKET, listener.fileno(), CONNECTION_LIMIT, ctypes.c_uint(1), END))
watched = select.epoll()
watched.register(mhd.MHD_get_daemon_info(daemon, EPOLL_FD)[0], select.EPOLLIN)


# As the manual says: MHD_run when the descriptor is readable or the timeout has passed, until the client has an answer.
def drive(client, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if client and select.select([client], [], [], 0)[0]:
            return client.recv(1000).startswith(b"HTTP/1.1 200")
        due = ctypes.c_ulonglong()
        wait = end - time.monotonic()
        has_timeout = mhd.MHD_get_timeout(daemon, ctypes.byref(due)) == 1
        if watched.poll(max(0, min(wait, due.value / 1000 if has_timeout else wait))) or has_timeout:
            mhd.MHD_run(daemon)
    return False


def client():
    c = socket.create_connection(listener.getsockname())
    c.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return c


first = client()
print("the first client is served:", drive(first, 5))
second = client()
print("the second one, over the limit of 1:", drive(second, 1))
first.close()
print("after the first one has gone:", drive(second, 2))
mhd.MHD_run(daemon)
print("after one more MHD_run:", drive(second, 5))
X
expect "seen" "libmicrohttpd 0.9.75
the first client is served: True
the second one, over the limit of 1: False
after the first one has gone: False
after one more MHD_run: True" "$(LD_LIBRARY_PATH=$work/libraries timeout 50 python3 "$work/play.py")"
echo "as before"
