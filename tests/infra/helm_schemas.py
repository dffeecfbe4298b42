"""Schemas of what the chart and a sizing report's Strimzi files are made of, for kubeconform.

`python tests/infra/helm_schemas.py` makes the committed copy in tests/data/kubernetes anew, from Go modules (needs go).
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

KUBERNETES, OPERATOR = "k8s.io/kubernetes@v1.37.2", "github.com/prometheus-operator/prometheus-operator@v0.85.0"
OPENAPI = "api/openapi-spec/swagger.json"
POD_MONITOR = "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"
KINDS = (
    "batch.v1.Job", "core.v1.ConfigMap", "core.v1.PersistentVolumeClaim", "core.v1.Pod", "core.v1.Secret",
    "core.v1.Service", "core.v1.ServiceAccount", "networking.v1.NetworkPolicy",
)  # fmt: skip
"""What the chart has; a template of another kind is refused until its schema stands here."""
ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
COPY = DATA / "kubernetes" / "schemas.json"
LOCATION = "{{.Group}}/{{.ResourceAPIVersion}}/{{.ResourceKind}}.json"
"""Where kubeconform finds a schema below the folder: by the whole group, so that a wrong one has none."""
_KIND = "x-kubernetes-group-version-kind"
_KEPT = (_KIND, "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")
_REFERENCE = re.compile(r'"#/definitions/([^"]+)"')
_EITHER = {"io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["integer", "string"],
           "io.k8s.apimachinery.pkg.api.resource.Quantity": ["number", "string"]}  # fmt: skip
"""What OpenAPI v2 calls a text, though numbers are taken as well."""


def write(folder: Path) -> str:
    """Write the committed copies as strict schemas, a file a kind, and return kubeconform's `-schema-location`."""
    from test_strimzi_schema import strict  # of pytest's path, which this file as a program has not

    copy = json.loads(COPY.read_text())
    definitions = strict(copy["kubernetes"]["definitions"])
    for name, definition in definitions.items():
        for one in definition.get(_KIND, []):
            if name.endswith(KINDS):
                _write(folder, one, {"$ref": f"#/definitions/{name}", "definitions": definitions})
    _write(folder, copy["prometheus-operator"], strict(copy["prometheus-operator"]["schema"]))
    for kind, schema in json.loads((DATA / "strimzi" / "crds.json").read_text()).items():
        if isinstance(schema, dict):
            _write(folder, {"group": "kafka.strimzi.io", "version": "v1", "kind": kind}, strict(schema))
    return f"{folder}/{LOCATION}"


def _write(folder: Path, what: dict[str, Any], schema: dict[str, Any]) -> None:
    group = what["group"] or what["version"]  # kubeconform takes all before a slash, and `v1` has none
    place = folder / group / what["version"] / f"{what['kind'].lower()}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(schema))


def main() -> None:
    """Make the committed copy anew."""
    definitions = json.loads((_module(KUBERNETES) / OPENAPI).read_text())["definitions"]
    wanted = [name for name in definitions if name.endswith(tuple(f"io.k8s.api.{kind}" for kind in KINDS))]
    assert len(wanted) == len(KINDS), wanted
    crd = yaml.safe_load((_module(OPERATOR) / POD_MONITOR).read_text())["spec"]
    (version,) = crd["versions"]
    made = {
        "kubernetes": {
            "source": f"{KUBERNETES} {OPENAPI}, descriptions left out", "license": "Apache-2.0",
            "definitions": {name: _reduced(definitions[name], name) for name in sorted(_closure(definitions, wanted))},
        },
        "prometheus-operator": {
            "source": f"{OPERATOR} {POD_MONITOR}, descriptions left out", "license": "Apache-2.0",
            "group": crd["group"], "version": version["name"], "kind": crd["names"]["kind"],
            "schema": _reduced(version["schema"]["openAPIV3Schema"]),
        },
    }  # fmt: skip
    COPY.parent.mkdir(parents=True, exist_ok=True)
    COPY.write_text(json.dumps(made, separators=(",", ":")) + "\n")
    print(f"{COPY}: {len(made['kubernetes']['definitions'])} definitions, {COPY.stat().st_size} bytes")


def _module(module: str) -> Path:
    done = subprocess.run(["go", "mod", "download", "-json", module], check=True, stdout=subprocess.PIPE)
    return Path(json.loads(done.stdout)["Dir"])


def _closure(definitions: dict[str, Any], names: list[str]) -> set[str]:
    """Return names with all that they refer to."""
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            names += _REFERENCE.findall(json.dumps(definitions[name]))
    return found


def _reduced(schema: Any, name: str = "") -> Any:
    """Return a schema without texts, and with both types where two are taken."""
    if name in _EITHER:
        return {"type": _EITHER[name]}
    if isinstance(schema, list):
        return [_reduced(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _reduced(value)
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str)) and (not key.startswith("x-") or key in _KEPT)
    }


if __name__ == "__main__":
    main()
