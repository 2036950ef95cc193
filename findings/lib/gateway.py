"""gateway.py: etcd's JSON gateway for the findings.

Gateway(PORT) waits until it answers. ask(PATH, BODY) gives the status and the answer of a POST; put(KEY, VALUE) the revision. watch(BODY,
HEADERS) begins a watch; heard(WATCH, SECONDS) gives what comes of it in that time, without what is another in each run.
"""

import base64
import http.client
import json
import select
import time


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Gateway:
    def __init__(self, port):
        self.port = port
        until = time.monotonic() + 15
        while True:
            try:
                if self.ask("/v3/kv/range", {"key": b64("none")})[0] == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > until:
                raise SystemExit("etcd does not answer")
            time.sleep(0.1)

    def post(self, path, body, headers=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request("POST", path, json.dumps(body), headers or {})
        return connection

    def ask(self, path, body, timeout=10):
        response = self.post(path, body, timeout=timeout).getresponse()
        return response.status, json.loads(response.read())

    def put(self, key, value):
        return int(self.ask("/v3/kv/put", {"key": b64(key), "value": b64(value)})[1]["header"]["revision"])

    def watch(self, request, headers=None):
        connection = self.post("/v3/watch", {"create_request": request}, headers)
        watch = connection.sock
        watch.setblocking(False)
        return watch


def heard(watch, seconds):
    """A list: "created", "canceled", "error: ..." or the keys of an event; and "the end" when the connection is closed."""
    bytes_, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if not select.select([watch], [], [], left)[0]:
            break
        more = watch.recv(65536)
        bytes_ += more
        if not more or bytes_.endswith(b"\r\n0\r\n\r\n"):
            bytes_ += b"\nend"
            break
    said = []
    for line in bytes_.decode().splitlines():
        if line == "end":
            said.append("the end")
        elif line.startswith("{"):
            message = json.loads(line)
            result = message.get("result", {})
            said += [word for word in ("created", "canceled") if result.get(word)]
            said += [base64.b64decode(event["kv"]["key"]).decode() for event in result.get("events", [])]
            if "error" in message:
                said.append("error: " + message["error"]["message"])
    return ", ".join(said) or "nothing"
