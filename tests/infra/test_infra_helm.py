"""The chart: what it renders fits the real schemas and keeps its promises; mistakes in values and chart are caught."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import helm_schemas
import pytest
import yaml
from facts_fixture import CUSTOMERS, FACTS, ORDERS, facts
from helm_chart import (
    CHART,
    NAMES,
    PLAN,
    VALUES,
    VERSION,
    documents,
    helm,
    kubeconform,
    of_kind,
    pods,
    problems,
    render,
    tool,
    words,
)
from typer.core import TyperGroup
from typer.main import get_command

from loadkit.cli import app
from loadkit.sizing.facts import Facts
from loadkit.sizing.recommend import texts


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return where kubeconform finds the schemas."""
    return helm_schemas.write(tmp_path_factory.mktemp("schemas"))


# what ships


@pytest.mark.parametrize("name", NAMES)
def test_the_chart_is_clean(name: str, tmp_path: Path, schemas: str) -> None:
    """Helm lints it strictly, kubeconform takes every document, and nothing breaks a promise."""
    tool("helm", "lint", "--strict", str(CHART), *words(name, tmp_path)).ok()
    made = helm(name, tmp_path).ok().out
    said = kubeconform(made, schemas).ok().out
    assert "Invalid: 0, Errors: 0, Skipped: 0" in said
    assert problems(documents(made)) == []


def test_the_chart_is_clean_without_values() -> None:
    """As `helm lint` finds it in a checkout."""
    tool("helm", "lint", "--strict", str(CHART), "--kube-version", VERSION).ok()


def test_the_schema_knows_every_value_and_no_other() -> None:
    """Wherever `values.yaml` names the fields of something, the schema names the same ones and is closed."""
    shown = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["properties"].pop("global") == {"type": "object"}  # helm itself adds it
    assert list(differing("", shown, schema)) == []


def differing(place: str, value: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    """Yield the places at which values and schema differ."""
    if schema.get("additionalProperties") is not False or set(value) != set(schema["properties"]):
        yield place
    for name, within in schema["properties"].items():
        if "properties" in within:
            yield from differing(f"{place}/{name}", value[name], within)


def test_the_readme_names_every_value() -> None:
    """Its table has a row for each name at the top."""
    shown = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = set(re.findall(r"^\| `(\w+)", (CHART / "README.md").read_text(), re.MULTILINE))
    assert rows == set(shown)


@pytest.mark.parametrize("command", ["run", "max", "sweep", "gate"])
def test_each_command_takes_its_words(command: str, tmp_path: Path) -> None:
    """As loadkit itself reads them; an unknown flag would be refused."""
    metrics = ["--set", "metrics.podMonitor=true", "--set-json", 'metrics.from=[{"podSelector":{}}]']
    made = render("smallest", tmp_path, "--set", f"run.command={command}", *([] if command == "gate" else metrics))
    name, *args = of_kind(made, "Job", "-master")["spec"]["template"]["spec"]["containers"][0]["args"]
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    said = group.commands[name].make_context(name, args).params
    assert (said["expect_workers"], said["expect_within"], said["master_bind"]) == (2, "15m", "0.0.0.0:5557")
    assert {said.get("target", said.get("baseline")), said.get("candidate", "simulated?sink=1")} == {"simulated?sink=1"}
    with pytest.raises(Exception, match="No such option: --replcas"):
        group.commands[name].make_context(name, [*args, "--replcas", "2"])


# who runs where


def test_workers_are_as_many_as_the_plan_says(tmp_path: Path) -> None:
    """A pod for each process of `loadkit fleet plan --json`, its cores rounded up, and the master waits for all."""
    made = render("msk", tmp_path)
    workers, master = of_kind(made, "Job", "-workers")["spec"], of_kind(made, "Job", "-master")["spec"]
    assert workers["completionMode"] == "Indexed"
    assert workers["completions"] == workers["parallelism"] == PLAN.processes > 1
    assert PLAN.process_cores is not None
    assert workers["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == str(ceil(PLAN.process_cores))
    args = master["template"]["spec"]["containers"][0]["args"]
    assert args[args.index("--expect-workers") + 1] == str(PLAN.processes)


def test_pods_keep_away_from_brokers_and_stay_in_their_zones(tmp_path: Path) -> None:
    """Master and workers alike; workers are spread by their own labels."""
    made = render("strimzi", tmp_path)
    for pod in pods(made).values():
        spec = pod["spec"]
        (apart,) = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert apart["labelSelector"]["matchLabels"] == {"strimzi.io/kind": "Kafka"}
        assert (apart["namespaces"], apart["topologyKey"]) == (["kafka"], "kubernetes.io/hostname")
        near = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert near[0]["matchExpressions"][0]["values"] == ["zone-a", "zone-b", "zone-c"]
        assert (spec["nodeSelector"], spec["priorityClassName"]) == ({"pool": "load"}, "load")
        assert spec["tolerations"][0]["key"] == "dedicated"
    workers = pods(made)["lk-nightly-workers"]
    spread = workers["spec"]["topologySpreadConstraints"]
    assert [one["maxSkew"] for one in spread] == [1, 1]
    for one in spread:
        assert one["labelSelector"]["matchLabels"].items() <= workers["metadata"]["labels"].items()


def test_an_own_affinity_is_taken_as_it_is(tmp_path: Path) -> None:
    """In place of what brokers and zones make."""
    own: dict[str, Any] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    made = render("strimzi", tmp_path, "--set-json", f"placement.affinity={json.dumps(own)}")
    assert all(pod["spec"]["affinity"] == own for pod in pods(made).values())


def test_a_worker_that_is_evicted_comes_again_and_one_without_a_master_does_not(tmp_path: Path) -> None:
    """An eviction does not count; exit codes 2 and 3 of the container end an index at once."""
    spec = of_kind(render("smallest", tmp_path), "Job", "-workers")["spec"]
    ignored, failed = spec["podFailurePolicy"]["rules"]
    assert ignored == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert (failed["action"], failed["onExitCodes"]["values"]) == ("FailIndex", [2, 3])
    assert failed["onExitCodes"]["containerName"] == spec["template"]["spec"]["containers"][0]["name"]
    assert spec["backoffLimitPerIndex"] == 3


# secrets and results


def test_secrets_are_in_secrets_alone(tmp_path: Path) -> None:
    """No pod and no ConfigMap has a password in it; the environment names the Secret."""
    made = render("gate", tmp_path)
    holders = [one["kind"] for one in made if "not-a-real-one" in json.dumps(one)]
    assert holders == ["Secret"]
    for pod in pods(made).values():
        assert {"secretRef": {"name": "lk-secrets"}} in pod["spec"]["containers"][0]["envFrom"]


def test_a_token_that_is_given_is_the_only_one(tmp_path: Path) -> None:
    """Where a Secret is named, none is made."""
    assert not [one for one in render("msk", tmp_path) if one["kind"] == "Secret"]


def test_files_of_a_target_come_from_secrets(tmp_path: Path) -> None:
    """Beside target.toml, as the file of `loadkit init target --for strimzi` names them."""
    for pod in pods(render("strimzi", tmp_path)).values():
        (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "target"]
        paths = [
            item["path"] for source in volume["projected"]["sources"] for item in next(iter(source.values()))["items"]
        ]
        assert paths == ["target.toml", "ca.crt", "user.crt", "user.key"]


# mistakes in values


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("smallest", "workers.count=0", "minimum"),
        ("smallest", "workers.count=two", "integer"),
        ("smallest", "worker.count=2", "worker"),
        ("smallest", "workers.replicas=2", "replicas"),
        ("smallest", "workers.cpu=500m", "integer"),
        ("smallest", "workers.memory=1G1", "pattern"),
        ("smallest", "workers.memory=1024", "string"),
        ("smallest", "results.size=ten", "pattern"),
        ("smallest", "results.claim.size=10Gi", "size"),
        ("smallest", "image=loadkit", "pattern"),
        ("smallest", "image=loadkit:latest", "image"),
        ("smallest", "run.command=quickstart", "command"),
        ("smallest", "run.within=15", "within"),
        ("smallest", "run.arguments={--target=other.toml}", "arguments"),
        ("smallest", "run.folder=../up", "folder"),
        ("smallest", "target.builtin=embedded", "builtin"),
        ("smallest", "secrets.env.A-B=x", "A-B"),
        ("smallest", "placement.zones=a", "array"),
        ("smallest", "networkPolicy.enabled=maybe", "boolean"),
        ("smallest", "image=", "image is missing: name one"),
        ("smallest", "scenario.file=order.py", "order.py is not among scenario.files, which has orders.py"),
        ("smallest", "scenario.existingConfigMap=other", "give the scenario once"),
        ("smallest", "target.existingConfigMap=other", "give the target once"),
        ("smallest", "target.builtin=", "give the target once"),
        ("smallest", "workers.count=null", "workers.count is missing: say how many"),
        ("msk", "networkPolicy.brokers=null", "networkPolicy.brokers is missing, so nobody would reach them"),
        ("msk", "results.claim.existing=mine", "not to both"),
        ("strimzi", "metrics.from=null", "metrics.from is missing"),
        ("strimzi", "run.command=gate", "loadkit gate serves no metrics"),
        ("strimzi", "metrics.interval=fast", "interval"),
    ],
)
def test_a_mistake_in_values_is_told(name: str, change: str, said: str, tmp_path: Path) -> None:
    """By what is wrong and where; nothing is rendered."""
    done = helm(name, tmp_path, "--set", change)
    assert done.code != 0, done.out
    assert said in done.err
    assert not done.out.strip()


def test_a_plan_that_is_none_is_told(tmp_path: Path) -> None:
    """And how to give one."""
    plan = tmp_path / "plan.txt"
    plan.write_text("12 load processes")
    done = helm("smallest", tmp_path, "--set", "workers.count=null", "--set-file", f"workers.plan={plan}")
    assert done.code != 0
    assert "workers.plan is not the text of `loadkit fleet plan --json`: --set-file" in done.err


# mistakes in the chart


PLANTED = [
    ("templates/workers-job.yaml", "  completions:", "  replcas:", "additional properties 'replcas' not allowed"),
    ("templates/master-service.yaml", "port: 5557,", 'port: "5557",', "want integer"),
    ("templates/master-job.yaml", "apiVersion: batch/v1", "apiVersion: batch/v1beta1", "could not find schema"),
    ("templates/networkpolicy.yaml", "apiVersion: networking.k8s.io/v1", "apiVersion: networking.k8s.com/v1",
     "could not find schema"),
    ("templates/podmonitor.yaml", "podMetricsEndpoints:", "podMetricEndpoints:", "'podMetricEndpoints' not allowed"),
    ("templates/results.yaml", "accessModes: [{{ .Values.results.claim.accessMode }}]", "accessModes: ReadWriteOnce",
     "want array"),
    ("templates/_pod.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true",
     "'readOnlyRootFileSystem' not allowed"),
]  # fmt: skip
BROKEN = [
    ("templates/_pod.tpl", "runAsNonRoot: true", "runAsNonRoot: false", "confined: lk-nightly-master securityContext"),
    ("templates/_pod.tpl", "  readOnlyRootFilesystem: true\n", "", "readOnlyRootFilesystem None"),
    ("templates/_pod.tpl", "drop: [ALL]", "drop: [NET_RAW]", "confined: lk-nightly-workers loadkit has capabilities"),
    ("templates/_pod.tpl", "type: RuntimeDefault", "type: Unconfined", "seccompProfile"),
    ("templates/_pod.tpl", "automountServiceAccountToken: false\n", "", "automountServiceAccountToken None"),
    ("templates/_pod.tpl", 'limits:\n  cpu: {{ index . 0 | quote }}', 'limits:\n  cpu: "9"', "requests other than limits"),
    ("templates/_pod.tpl", "  persistentVolumeClaim:\n    claimName: {{ include \"loadkit.claim\" . }}", "  emptyDir: {}",
     "kept: results are on no claim"),
    ("templates/results.yaml", "    helm.sh/resource-policy: keep", "    kept: soon", "kept: the claim"),
    ("templates/master-job.yaml", "backoffLimit: 0", "backoffLimit: 6", "ends: lk-nightly-master is run again"),
    ("templates/workers-job.yaml", "  ttlSecondsAfterFinished: {{ .Values.run.keepSeconds }}\n", "",
     "ends: lk-nightly-workers has no ttlSecondsAfterFinished"),
    ("templates/networkpolicy.yaml", "    - from: {{- toYaml .Values.metrics.from | nindent 8 }}\n      ports:",
     "    - ports:", "closed: anybody may come in"),
    ("templates/networkpolicy.yaml", 'include "loadkit.podSelector" (list . "worker") | nindent 6',
     'include "loadkit.podSelector" (list . "workers") | nindent 6', "closed: no policy is for lk-nightly-workers"),
    ("templates/master-service.yaml", '(list . "master")', '(list . "leader")', "joined: {'matchLabels'"),
]  # fmt: skip


def planted(folder: Path, file: str, old: str, new: str) -> Path:
    """Return a copy of the chart with something else in it."""
    copy = folder / "loadkit"
    shutil.copytree(CHART, copy)
    text = (copy / file).read_text()
    assert old in text, file
    (copy / file).write_text(text.replace(old, new))
    return copy


@pytest.mark.parametrize(("file", "old", "new", "said"), PLANTED)
def test_a_typo_in_the_chart_is_refused_by_the_schemas(
    file: str, old: str, new: str, said: str, tmp_path: Path, schemas: str
) -> None:
    """Helm renders it, kubeconform names it."""
    made = helm("strimzi", tmp_path, chart=planted(tmp_path, file, old, new)).ok().out
    done = kubeconform(made, schemas)
    assert done.code == 1
    assert said in done.out


@pytest.mark.parametrize(("file", "old", "new", "said"), BROKEN)
def test_a_broken_promise_is_seen(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    """What fits the schemas and is wrong all the same."""
    found = problems(render("strimzi", tmp_path, chart=planted(tmp_path, file, old, new)))
    assert any(said in one for one in found), found


def test_what_is_named_and_not_there_is_seen(tmp_path: Path) -> None:
    """A ConfigMap whose name only pods know."""
    copy = planted(tmp_path, "templates/inputs.yaml", '{{ include "loadkit.scenarioMap" . }}', "scenario")
    assert "joined: lk-nightly-master needs ConfigMap lk-scenario" in problems(render("strimzi", tmp_path, chart=copy))


# a sizing report's files


@pytest.mark.parametrize("made", [FACTS, facts(zones=1, kafka_version="4.2.0"), facts(topics=(CUSTOMERS, ORDERS))])
def test_a_plan_for_strimzi_is_taken(made: Facts, schemas: str) -> None:
    """Each file, by the schemas of Strimzi's own resources."""
    found = {
        path: text for path, text in texts(replace(made, platform="strimzi")).items() if path.startswith("strimzi/")
    }
    assert sorted(found) == ["strimzi/kafka.yaml", "strimzi/topics.yaml"]
    for text in found.values():
        said = kubeconform(text, schemas).ok().out
        assert "Invalid: 0, Errors: 0, Skipped: 0" in said
        assert not re.search(r"Summary: 0 resources", said)


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("strimzi/kafka.yaml", "  replicas:", "  replcas:", "'replcas' not allowed"),
        ("strimzi/kafka.yaml", "port: 9093", 'port: "9093"', "want integer"),
        ("strimzi/topics.yaml", "kafka.strimzi.io/v1", "kafka.strimzi.io/v1alpha1", "could not find schema"),
        ("strimzi/topics.yaml", "  partitions:", "  partition:", "'partition' not allowed"),
    ],
)
def test_a_mistake_in_a_plan_for_strimzi_is_refused(path: str, old: str, new: str, said: str, schemas: str) -> None:
    """Names, types and versions."""
    text = texts(facts(platform="strimzi"))[path]
    assert old in text
    done = kubeconform(text.replace(old, new), schemas)
    assert done.code == 1
    assert said in done.out


def test_values_files_are_for_the_tests_alone() -> None:
    """They name no registry, and each is rendered above."""
    assert tuple(sorted(path.stem for path in VALUES.iterdir())) == NAMES
