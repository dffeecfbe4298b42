"""A stand-in of Kubernetes' API server, enough for helm: objects that are made, read, changed, listed and deleted.

It checks nothing and runs nothing: what it is for is which objects helm makes of the chart, leaves and takes away.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from helm_chart import VERSION

KINDS = {
    "/api/v1": {"configmaps": "ConfigMap", "persistentvolumeclaims": "PersistentVolumeClaim", "pods": "Pod",
                "secrets": "Secret", "serviceaccounts": "ServiceAccount", "services": "Service"},
    "/apis/batch/v1": {"jobs": "Job"},
    "/apis/networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
}  # fmt: skip
"""Resources and kinds of each version of a group."""
_PROTOBUF = b"k8s\0"
_VERBS = ["create", "delete", "get", "list", "patch", "update"]


class Api(ThreadingHTTPServer):
    """Objects by the path of each."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen at a free port."""
        super().__init__(("127.0.0.1", 0), _Answers)
        self.objects: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def names(self) -> set[tuple[str, str]]:
        """Return kind and name of all objects but helm's own records."""
        found = {(one["kind"], one["metadata"]["name"]) for one in self.objects.values()}
        return {(kind, name) for kind, name in found if not name.startswith("sh.helm.release")}


@contextmanager
def serving() -> Iterator[Api]:
    """Yield one that is there as long as the context."""
    api = Api()
    thread = Thread(target=api.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.shutdown()
        api.server_close()
        thread.join()


class _Answers(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        """Answer with what there is to know, an object or a list."""
        path = urlsplit(self.path).path
        if path in self.server.objects:
            self._answer(200, self.server.objects[path])
        elif found := _known(path):
            self._answer(200, found)
        elif "/namespaces/" in path and _kind(path):
            self._answer(200, self._listed(path))
        else:
            self._missing()

    def do_POST(self) -> None:
        """Make an object."""
        made = self._body()
        place = f"{urlsplit(self.path).path}/{made['metadata']['name']}"
        if place in self.server.objects:
            self._answer(409, _status(409, "AlreadyExists"))
            return
        made["metadata"].setdefault("namespace", place.split("/")[-3])
        self.server.objects[place] = made
        self._answer(201, made)

    def do_PUT(self) -> None:
        """Replace an object."""
        self._change(lambda _, new: new)

    def do_PATCH(self) -> None:
        """Change fields of an object."""
        self._change(_merged)

    def do_DELETE(self) -> None:
        """Take an object away, however that is asked for."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        gone = self.server.objects.pop(urlsplit(self.path).path, None)
        self._answer(200, gone) if gone else self._missing()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _change(self, how: Any) -> None:
        place, new = urlsplit(self.path).path, self._body()
        if place not in self.server.objects:
            self._missing()
            return
        self.server.objects[place] = how(self.server.objects[place], new)
        self._answer(200, self.server.objects[place])

    def _listed(self, path: str) -> dict[str, Any]:
        wanted = parse_qs(urlsplit(self.path).query).get("labelSelector", [""])[0]
        pairs = dict(one.split("=") for one in wanted.split(",") if one)
        items = [
            one for place, one in self.server.objects.items()
            if place.rpartition("/")[0] == path and pairs.items() <= one["metadata"].get("labels", {}).items()
        ]  # fmt: skip
        return {"kind": f"{_kind(path)}List", "apiVersion": _version(path), "metadata": {}, "items": items}

    def _body(self) -> Any:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return _secret(body) if body.startswith(_PROTOBUF) else json.loads(body or b"{}")

    def _missing(self) -> None:
        self._answer(404, _status(404, "NotFound"))

    def _answer(self, code: int, what: dict[str, Any]) -> None:
        body = json.dumps(what).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _known(path: str) -> dict[str, Any] | None:
    """Return what the server says of itself."""
    if path == "/version":
        major, minor, _ = VERSION.split(".")
        return {"major": major, "minor": minor, "gitVersion": f"v{VERSION}"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [one.removeprefix("/apis/") for one in KINDS if one.startswith("/apis/")]
        versions = [{"groupVersion": one, "version": one.partition("/")[2]} for one in groups]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
            {"name": one["groupVersion"].partition("/")[0], "versions": [one], "preferredVersion": one} for one in versions
        ]}  # fmt: skip
    if path in KINDS:
        resources = [
            {"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": _VERBS}
            for name, kind in KINDS[path].items()
        ]
        return {"kind": "APIResourceList", "groupVersion": _version(f"{path}/"), "resources": resources}
    return None


def _secret(body: bytes) -> dict[str, Any]:
    """Return a Secret of Kubernetes' protobuf, in which alone helm sends its records."""
    secret = _fields(_fields(body.removeprefix(_PROTOBUF))[2][0])
    metadata = _fields(secret[1][0])
    return {
        "apiVersion": "v1", "kind": "Secret", "type": secret[3][0].decode(),
        "metadata": {"name": metadata[1][0].decode(),
                     "labels": {key: value.decode() for key, value in _map(metadata[11])}},
        "data": {key: base64.b64encode(value).decode() for key, value in _map(secret[2])},
    }  # fmt: skip


def _map(entries: list[bytes]) -> Iterator[tuple[str, bytes]]:
    for entry in map(_fields, entries):
        yield entry[1][0].decode(), entry[2][0]


def _fields(message: bytes) -> dict[int, list[bytes]]:
    """Return the fields of a message of protobuf that have a length, by number; numbers themselves are left out."""
    found: dict[int, list[bytes]] = {}
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        size, at = _number(message, at)
        if tag & 7 == 2:
            found.setdefault(tag >> 3, []).append(message[at : at + size])
            at += size
    return found


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, and where it ends."""
    number = shift = 0
    while True:
        number |= (message[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 128:
            return number, at


def _kind(path: str) -> str | None:
    return KINDS.get(path.partition("/namespaces/")[0], {}).get(path.rpartition("/")[2])


def _version(path: str) -> str:
    return next(one for one in KINDS if path.startswith(f"{one}/")).split("/", 2)[2]


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    both = {key: _merged(old.get(key), value) for key, value in new.items() if value is not None}
    return {key: value for key, value in old.items() if key not in new} | both


def _status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code}
