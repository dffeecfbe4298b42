"""The chart as helm renders it, what kubeconform says of it, and what must be true of all that it renders."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from infra_tools import TOOLS

from loadkit.capacity import Capacity
from loadkit.fleet_plan import planned

ROOT = Path(__file__).parents[2]
CHART = ROOT / "terraform" / "helm" / "loadkit"
SCENARIO = ROOT / "scenarios" / "orders.py"
VALUES = Path(__file__).parent / "helm-values"
NAMES = tuple(sorted(path.stem for path in VALUES.glob("*.yaml")))
TARGETS = {"strimzi": "strimzi", "msk": "msk-scram"}
"""Values that are used with a target file of `loadkit init target --for PLATFORM`."""
PLAN = planned(5e6, 100, Capacity(rate=600_000, exact=True, text="", cpu=3e-6), cores=16)
"""What `loadkit fleet plan --json` would have under `plan`."""
RELEASE, NAMESPACE, VERSION = "lk", "load", "1.37.2"
PATIENCE = 120.0

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What a tool said."""

    code: int
    out: str
    err: str

    def ok(self) -> Done:
        """Return itself if it ended with 0."""
        assert self.code == 0, self.err + self.out
        return self


def tool(name: str, *words: str, text: str | None = None) -> Done:
    """Return what one of the tools of `make test-infra` did, which knows no cluster and no cache of its user."""
    with TemporaryDirectory() as home:
        done = subprocess.run(
            [str(TOOLS / "bin" / name), *words], input=text, capture_output=True, text=True, timeout=PATIENCE,
            check=False, cwd=ROOT, env={"PATH": os.environ["PATH"], "HOME": home},
        )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def words(name: str, folder: Path, *more: str) -> list[str]:
    """Return helm's words for one of the files of values; what they bring along is written to `folder`."""
    found = ["--kube-version", VERSION, "--values", str(VALUES / f"{name}.yaml")]
    values = yaml.safe_load((VALUES / f"{name}.yaml").read_text())
    if "existingConfigMap" not in values["scenario"]:
        found += ["--set-file", f"scenario.files.orders\\.py={SCENARIO}"]
    if name in TARGETS:
        found += ["--set-file", f"target.file={ROOT}/loadkit/templates/targets/{TARGETS[name]}.toml"]
    if name == "msk":
        plan = folder / "plan.json"
        plan.write_text(json.dumps({"command": "fleet plan", "plan": asdict(PLAN)}))
        found += ["--set-file", f"workers.plan={plan}"]
    return [*found, *more]


def helm(name: str, folder: Path, *more: str, chart: Path = CHART) -> Done:
    """Return what `helm template` said."""
    return tool("helm", "template", RELEASE, str(chart), "--namespace", NAMESPACE, *words(name, folder, *more))


def documents(text: str) -> list[Document]:
    """Return the documents of a text of YAML."""
    return [one for one in yaml.safe_load_all(text) if one]


def render(name: str, folder: Path, *more: str, chart: Path = CHART) -> list[Document]:
    """Return what the chart renders from one of the files of values."""
    return documents(helm(name, folder, *more, chart=chart).ok().out)


def kubeconform(text: str, schemas: str) -> Done:
    """Return what kubeconform says of a text of YAML; a kind without a schema is refused."""
    return tool("kubeconform", "-strict", "-summary", "-schema-location", schemas, "-", text=text)


def of_kind(rendered: Sequence[Document], kind: str, end: str = "") -> Document:
    """Return the one document of a kind, whose name ends so."""
    (found,) = [one for one in rendered if one["kind"] == kind and one["metadata"]["name"].endswith(end)]
    return found


def pods(rendered: Sequence[Document]) -> dict[str, Document]:
    """Return metadata and spec of each kind of pods by the name of what makes them."""
    jobs = {one["metadata"]["name"]: one["spec"]["template"] for one in rendered if one["kind"] == "Job"}
    return jobs | {one["metadata"]["name"]: one for one in rendered if one["kind"] == "Pod"}


def problems(rendered: Sequence[Document]) -> list[str]:
    """Return what is wrong with rendered documents, beyond what a schema can say."""
    return [f"{judge.__name__}: {found}" for judge in JUDGES for found in judge(rendered)]


def confined(rendered: Sequence[Document]) -> Iterator[str]:
    """Yield where a pod is not as Kubernetes' standard `restricted` has it, may write, or gets a token."""
    for name, pod in pods(rendered).items():
        spec = pod["spec"]
        wanted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        yield from _unlike(f"{name} securityContext", spec.get("securityContext", {}), wanted)
        yield from _unlike(name, spec, {"automountServiceAccountToken": False, "enableServiceLinks": False})
        for part in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(part):
                yield f"{name} has {part}"
        for container in spec["containers"]:
            wanted = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            yield from _unlike(f"{name} {container['name']}", container.get("securityContext", {}), wanted)
        for volume in spec["volumes"]:
            if "hostPath" in volume:
                yield f"{name} has the host's {volume['hostPath']}"


def apportioned(rendered: Sequence[Document]) -> Iterator[str]:
    """Yield where requests are not limits, or who makes or directs the load has not whole cores."""
    for name, pod in pods(rendered).items():
        for container in pod["spec"]["containers"]:
            resources = container["resources"]
            if resources["requests"] != resources["limits"] or set(resources["limits"]) != {"cpu", "memory"}:
                yield f"{name} {container['name']} has requests other than limits"
            if container["name"] == "loadkit" and not resources["limits"]["cpu"].isdigit():
                yield f"{name} has a part of a core"


def ends(rendered: Sequence[Document]) -> Iterator[str]:
    """Yield what would never end, or begin a run a second time."""
    for one in rendered:
        if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "CronJob"):
            yield f"{one['metadata']['name']} is a {one['kind']}"
        if one["kind"] == "Job":
            name, spec = one["metadata"]["name"], one["spec"]
            for bound in ("activeDeadlineSeconds", "ttlSecondsAfterFinished"):
                if not spec.get(bound):
                    yield f"{name} has no {bound}"
            if spec["template"]["spec"]["restartPolicy"] != "Never":
                yield f"{name} is restarted"
            if name.endswith("-master") and spec.get("backoffLimit") != 0:
                yield f"{name} is run again"


def kept(rendered: Sequence[Document]) -> Iterator[str]:
    """Yield where results would go with the pod, or with the release."""
    (master,) = [pod for name, pod in pods(rendered).items() if name.endswith("-master")]
    (volume,) = [one for one in master["spec"]["volumes"] if one["name"] == "results"]
    (container,) = master["spec"]["containers"]
    if "persistentVolumeClaim" not in volume and not any(word.endswith("keep.py") for word in container["command"]):
        yield "results are on no claim, and not uploaded"
    for one in rendered:
        if one["kind"] == "PersistentVolumeClaim":
            yield from _unlike("the claim", one["metadata"]["annotations"], {"helm.sh/resource-policy": "keep"})


def closed(rendered: Sequence[Document]) -> Iterator[str]:
    """Yield where a policy is open, and, where there are policies, the pods of the run that none is for."""
    policies = [one["spec"] for one in rendered if one["kind"] == "NetworkPolicy"]
    for policy in policies:
        if set(policy["policyTypes"]) != {"Ingress", "Egress"}:
            yield "a policy is not for both ways"
        for rule in policy.get("ingress", []):
            if not rule.get("from") or not rule.get("ports") or any(peer in ({}, None) for peer in rule["from"]):
                yield f"anybody may come in: {rule}"
        for rule in policy.get("egress", []):
            if not rule.get("ports"):
                yield f"anything may go out: {rule}"
    for name, pod in pods(rendered).items():
        labels = pod["metadata"]["labels"]
        if policies and "loadkit/run" in labels and not any(_selects(one["podSelector"], labels) for one in policies):
            yield f"no policy is for {name}"


def joined(rendered: Sequence[Document]) -> Iterator[str]:
    """Yield what is named and not there, and what selects nothing."""
    found, outside = {(one["kind"], one["metadata"]["name"]) for one in rendered}, GIVEN
    for name, pod in pods(rendered).items():
        for reference in _references(pod["spec"]):
            if reference not in found | outside:
                yield f"{name} needs {' '.join(reference)}"
        mounted = {mount["name"] for one in pod["spec"]["containers"] for mount in one["volumeMounts"]}
        yield from (f"{name} {one} is mounted or declared alone" for one in mounted ^ _names(pod["spec"]["volumes"]))
    labels = [pod["metadata"]["labels"] for pod in pods(rendered).values()]
    selectors = [{"matchLabels": one["spec"]["selector"]} for one in rendered if one["kind"] == "Service"]
    selectors += [one["spec"]["selector"] for one in rendered if one["kind"] == "PodMonitor"]
    selectors += [one["spec"]["podSelector"] for one in rendered if one["kind"] == "NetworkPolicy"]
    yield from (f"{one} selects no one" for one in selectors if sum(_selects(one, own) for own in labels) != 1)


GIVEN = {
    ("ConfigMap", "scenarios"), ("ConfigMap", "staging"), ("PersistentVolumeClaim", "gates"), ("Secret", "fleet"),
    ("Secret", "loadkit"), ("Secret", "msk-login"), ("Secret", "orders-cluster-ca-cert"), ("ServiceAccount", "ci"),
}  # fmt: skip
"""What the files of values say is there."""
JUDGES: tuple[Callable[[Sequence[Document]], Iterator[str]], ...] = (
    apportioned, closed, confined, ends, joined, kept,
)  # fmt: skip


def _names(parts: Sequence[Document]) -> set[str]:
    return {one["name"] for one in parts}


def _unlike(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for key, value in wanted.items():
        if found.get(key) != value:
            yield f"{what} has {key} {found.get(key)}, not {value}"


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items())


def _references(spec: Document) -> Iterator[tuple[str, str]]:
    """Yield kind and name of all that a pod needs."""
    yield "ServiceAccount", spec["serviceAccountName"]
    for container in spec["containers"]:
        for one in container.get("envFrom", []):
            yield "Secret", one["secretRef"]["name"]
    for volume in spec["volumes"]:
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            if "configMap" in source:
                yield "ConfigMap", source["configMap"]["name"]
            if "secret" in source:
                yield "Secret", source["secret"].get("secretName") or source["secret"]["name"]
            if "persistentVolumeClaim" in source:
                yield "PersistentVolumeClaim", source["persistentVolumeClaim"]["claimName"]
