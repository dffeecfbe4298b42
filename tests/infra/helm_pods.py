"""Containers of rendered pods as processes of this machine: their commands, variables and files, at other paths.

A volume is a folder, each path below a mount stands for one in that folder, and the master's name is this machine's.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from helm_chart import ROOT, Document, of_kind, pods
from running import Command, give_way

DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_VARIABLE = re.compile(r"\$\((\w+)\)")
_WORD = re.compile(r"[\w-]+")


class Container(Command):
    """One of a pod's containers under way; used as a context it is gone afterwards."""

    def __init__(self, log: Path, words: Sequence[str], env: Mapping[str, str]) -> None:
        """Start it with these variables alone; what it says goes to files named after `log`."""
        self.out, self._begun = log, time.monotonic()
        self._files = [Path(f"{log}.{name}") for name in ("stdout", "stderr")]
        with self._files[0].open("w") as out, self._files[1].open("w") as err:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, *words], cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(env),
                start_new_session=True,
            )  # fmt: skip
        give_way(self.process.pid)


class Pods:
    """The pods of a rendered release on this machine."""

    def __init__(self, folder: Path, rendered: Sequence[Document], instead: Mapping[str, str]) -> None:
        """Put volumes into `folder`; `instead` says what stands for a word, like a port or a name of a host."""
        self._folder, self._rendered, self._instead = folder, rendered, instead

    def claim(self, name: str) -> Path:
        """Return the folder of a claim."""
        return self._folder / "claims" / name

    def start(self, owner: str, name: str) -> Container:
        """Start the container of a pod called `name` of what `owner` makes."""
        spec = pods(self._rendered)[owner]["spec"]
        (found,) = spec["containers"]
        places = {one["name"]: self._volume(self._folder / name / one["name"], one) for one in spec["volumes"]}
        paths = {one["mountPath"]: places[one["name"]] for one in found["volumeMounts"]}
        env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        for variable, value in self._variables(found, name):
            env[variable] = self._moved(_expanded(value, env), paths)
        words = [self._moved(_expanded(word, env), paths) for word in [*found["command"], *found.get("args", [])]]
        return Container(self._folder / f"{name}-log", words, env)

    def _volume(self, place: Path, volume: Document) -> Path:
        """Make a volume's folder and return it."""
        if "persistentVolumeClaim" in volume:
            place = self.claim(volume["persistentVolumeClaim"]["claimName"])
        place.mkdir(parents=True, exist_ok=True)
        for source in volume.get("projected", {}).get("sources", [volume]):
            for path, contents in self._files(source):
                (place / path).write_bytes(contents)
        return place

    def _files(self, source: Document) -> Iterator[tuple[str, bytes]]:
        """Yield what a ConfigMap or a Secret puts into a volume."""
        if part := source.get("configMap"):
            data = {
                key: text.encode() for key, text in of_kind(self._rendered, "ConfigMap", part["name"])["data"].items()
            }
        elif part := source.get("secret"):
            data = self._secret(part.get("secretName") or part["name"])
        else:
            return
        for item in part.get("items") or [{"key": key, "path": key} for key in data]:
            yield item["path"], data[item["key"]]

    def _secret(self, name: str) -> dict[str, bytes]:
        secret = of_kind(self._rendered, "Secret", name)
        plain = {key: text.encode() for key, text in secret.get("stringData", {}).items()}
        return plain | {key: base64.b64decode(text) for key, text in secret.get("data", {}).items()}

    def _variables(self, container: Document, name: str) -> Iterator[tuple[str, str]]:
        for source in container.get("envFrom", []):
            for variable, contents in self._secret(source["secretRef"]["name"]).items():
                yield variable, contents.decode()
        for one in container.get("env", []):
            if "valueFrom" in one:
                assert one["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
                yield one["name"], name
            else:
                yield one["name"], one["value"]

    def _moved(self, text: str, paths: Mapping[str, Path]) -> str:
        """Return a text with the paths and words of this machine."""
        for path, place in paths.items():
            if text == path or text.startswith(f"{path}/"):
                return f"{place}{text.removeprefix(path)}"
        return _WORD.sub(lambda word: self._instead.get(word[0], word[0]), text)


def _expanded(text: str, env: Mapping[str, str]) -> str:
    """Return a text with its `$(NAME)`s read, as the kubelet does."""
    return _VARIABLE.sub(lambda name: env.get(name[1], name[0]), text)
