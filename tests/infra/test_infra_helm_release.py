"""A release as helm makes, upgrades and ends it, on a stand-in of the API server: what comes, what stays, what is said."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from helm_api import Api, serving
from helm_chart import CHART, NAMESPACE, PLAN, RELEASE, VERSION, documents, pods, tool, words

Names = set[tuple[str, str]]
TOKEN = "/api/v1/namespaces/load/secrets/lk-token"
LASTS = {
    ("ConfigMap", "lk-scenario"), ("PersistentVolumeClaim", "lk-results"), ("Secret", "lk-token"), ("ServiceAccount", "lk"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Life:
    """What was there after each step, and what helm said."""

    installed: Names
    notes: str
    token: str
    desk: str
    upgraded: Names
    token_then: str
    upgraded_notes: str
    planned_notes: str
    left: Names
    again: Names


def of_run(name: str) -> Names:
    """Return what belongs to one run."""
    both = {(kind, f"{name}-{part}") for kind in ("Job", "NetworkPolicy") for part in ("master", "workers")}
    return {*both, ("Service", f"{name}-master")}


def helm(api: Api, *asked: str, command: str) -> str:
    """Return what helm said on the stand-in."""
    place = ["--namespace", NAMESPACE, "--kube-apiserver", api.url]
    checks = [] if command in ("uninstall", "get") else ["--disable-openapi-validation"]
    return tool("helm", command, *asked, *place, *checks).ok().out


def token(api: Api) -> str:
    """Return the token that is there."""
    return base64.b64decode(api.objects[TOKEN]["data"]["token"]).decode()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Return the life of a release: installed, upgraded, uninstalled, installed again."""
    folder = tmp_path_factory.mktemp("release")
    values = words("smallest", folder)[2:]
    with serving() as api:
        notes = helm(api, RELEASE, str(CHART), *values, command="install")
        installed, first = api.names(), token(api)
        (folder / "values.yaml").write_text(helm(api, "values", RELEASE, "-o", "yaml", command="get"))
        template = next(line for line in notes.splitlines() if "templates/desk.yaml" in line).split("|")[0]
        _, *asked = shlex.split(
            template.replace("CHART", str(CHART)).replace("values.yaml", str(folder / "values.yaml"))
        )
        desk = tool("helm", *asked, "--kube-version", VERSION).ok().out
        more = helm(api, RELEASE, str(CHART), "--reuse-values", "--set", "workers.count=3", command="upgrade")
        upgraded, second = api.names(), token(api)
        (folder / "plan.json").write_text(json.dumps({"plan": asdict(PLAN)}))
        plan = f"workers.plan={folder / 'plan.json'}"
        planned = helm(api, RELEASE, str(CHART), "--reuse-values", "--set-file", plan, command="upgrade")
        helm(api, RELEASE, command="uninstall")
        left = api.names()
        helm(api, RELEASE, str(CHART), *values, command="install")
        return Life(installed, notes, first, desk, upgraded, second, more, planned, left, api.names())


def test_an_install_makes_one_run(life: Life) -> None:
    """Two Jobs, their policies and the master's name, beside what outlasts a run; no Deployment, no role."""
    assert life.installed == LASTS | of_run("lk-1")


def test_an_upgrade_is_another_run(life: Life) -> None:
    """Its Jobs are new ones, as Jobs cannot be changed; the former run's are gone, the volume is the same."""
    assert life.upgraded == LASTS | of_run("lk-2")
    assert "by 3 load processes; cores of each: 1" in life.upgraded_notes


def test_a_plan_takes_the_place_of_a_count(life: Life) -> None:
    """Also of one that an earlier upgrade gave, which `--reuse-values` cannot take back."""
    assert f"by {PLAN.processes} load processes; cores of each: 2" in life.planned_notes


def test_the_token_is_generated_once(life: Life) -> None:
    """Forty letters and digits that an upgrade keeps."""
    assert re.fullmatch(r"[A-Za-z0-9]{40}", life.token)
    assert life.token_then == life.token


def test_results_outlive_the_release(life: Life) -> None:
    """Nothing else does; an install of the same name finds them again."""
    assert life.left == {("PersistentVolumeClaim", "lk-results")}
    assert life.again == LASTS | of_run("lk-1")


def test_the_notes_name_what_is_there(life: Life) -> None:
    """Every Job, claim, pod and release in them."""
    for kind, name in re.findall(r"\b(job|pvc)[/ ]([\w-]+)", life.notes):
        assert (dict(job="Job", pvc="PersistentVolumeClaim")[kind], name) in life.installed
    assert "-n load logs -f job/lk-1-master" in life.notes
    assert "helm -n load uninstall lk" in life.notes


def test_the_desk_that_the_notes_ask_for_fits_the_release(life: Life) -> None:
    """All that the pod needs is there, under the name by which the notes call it."""
    ((name, pod),) = pods(documents(life.desk)).items()
    assert name in life.notes
    volumes = pod["spec"]["volumes"]
    needs = {("ServiceAccount", pod["spec"]["serviceAccountName"])}
    needs |= {("ConfigMap", one["configMap"]["name"]) for one in volumes if "configMap" in one}
    needs |= {("Secret", one["secret"]["secretName"]) for one in volumes if "secret" in one}
    needs |= {("PersistentVolumeClaim", one["persistentVolumeClaim"]["claimName"]) for one in volumes
              if "persistentVolumeClaim" in one}  # fmt: skip
    assert needs == LASTS


def test_the_commands_of_the_readme_install_a_release(tmp_path: Path) -> None:
    """The one that tries the chart out, and one with the values that it shows for a cluster."""
    text = (CHART / "README.md").read_text()
    first, second, *_ = re.findall(r"^```(?:yaml)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    with serving() as api:
        command = shlex.split(first.replace("\\\n", " ").replace("--create-namespace", ""))
        tool(*command, "--kube-apiserver", api.url, "--disable-openapi-validation").ok()
        assert ("Job", "orders-1-master") in api.names()
        (tmp_path / "shown.yaml").write_text(second)
        more = ["--values", str(tmp_path / "shown.yaml"), *words("strimzi", tmp_path)[4:], "--set", "image=loadkit:0.1.0",
                "--set", "scenario.file=orders.py", "--set", "workers.count=2"]  # fmt: skip
        helm(api, "real", str(CHART), *more, command="install")
        pod = api.objects["/apis/batch/v1/namespaces/load/jobs/real-1-workers"]["spec"]["template"]
    assert set(pod["spec"]["affinity"]) == {"nodeAffinity", "podAntiAffinity"}
    assert pod["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "staging-login"}}]


def test_notes_of_results_in_s3(tmp_path: Path) -> None:
    """They name bucket, prefix and the run's folder, and no volume."""
    with serving() as api:
        notes = helm(api, RELEASE, str(CHART), *words("msk", tmp_path)[2:], command="install")
    assert "s3://loadkit-results/teams/orders/lk-1-master-XXXXX/" in notes
    assert "pvc" not in notes
    assert f"by {PLAN.processes} load processes; cores of each: 2" in notes
