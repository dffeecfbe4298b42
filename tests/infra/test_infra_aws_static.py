"""terraform/aws without AWS: formatted, valid, linted, safe; and each planted fault is refused."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aws_invariants import blocks, broken
from aws_terraform import ROOT, Terraform, plugins
from infra_tools import TOOLS

MODULE = ROOT / "terraform" / "aws"
CHECKOV, TFLINT = TOOLS / "checkov" / "bin" / "checkov", TOOLS / "bin" / "tflint"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Return a copy for tests that change nothing."""
    return Terraform(tmp_path_factory.mktemp("aws"))


@pytest.fixture
def mocked(tmp_path: Path) -> Terraform:
    """Return a copy to run its own tests in, with a fault or without."""
    return Terraform(tmp_path, mock=True)


def test_formatted_and_valid(module: Terraform) -> None:
    """As `terraform fmt` writes it, and every reference and argument exists in the provider's schema."""
    module.run("fmt", "-check", "-recursive", "-diff")
    assert json.loads(module.run("validate", "-json").stdout)["diagnostics"] == []


def test_terraforms_own_tests_pass(mocked: Terraform) -> None:
    """tests/*.tftest.hcl with a mock provider: each variable's validation, and what each choice changes."""
    passed, failed = own_tests(mocked)
    print(f"{passed} passed, {failed} failed")
    assert (passed >= 15, failed) == (True, 0)


def test_tflint_finds_nothing(module: Terraform) -> None:
    """All rules of its own set."""
    done = told([TFLINT, "--no-color"], module.folder)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


def test_checkov_finds_nothing() -> None:
    """Of its checks all pass, but those that say beside the resource why not."""
    found = checkov(MODULE)
    assert found["summary"]["failed"] == 0, [one["check_id"] for one in found["results"]["failed_checks"]]
    assert found["summary"]["passed"] > 80
    reasons = [one["check_result"]["suppress_comment"] for one in found["results"]["skipped_checks"]]
    assert all(len(reason) > 8 for reason in reasons), reasons


def test_the_invariants_hold() -> None:
    """No way in from outside, no volume in the clear, no right to everything, in whatever file."""
    assert broken(MODULE) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("network.tf", "referenced_security_group_id = aws_security_group.fleet.id\n  ip_protocol                  = "
         '"tcp"\n  from_port                    = local.master_port', 'cidr_ipv4 = "0.0.0.0/0"\n  ip_protocol = "tcp"\n'
         "  from_port = local.master_port", "workers_to_master lets others in"),
        ("network.tf", 'description = "Master and workers: nobody comes in but they themselves"',
         'ingress {\n    from_port = 22\n    to_port = 22\n    protocol = "tcp"\n    cidr_blocks = ["0.0.0.0/0"]\n  }',
         "aws_security_group.fleet has rules of its own"),
        ("network.tf", "map_public_ip_on_launch = false", "map_public_ip_on_launch = true", "private is public"),
        ("fleet.tf", "encrypted             = true", "encrypted             = false", "not encrypted"),
        ("fleet.tf", "encrypted             = true", "", "not encrypted"),
        ("fleet.tf", 'http_tokens                 = "required"', 'http_tokens                 = "optional"', "IMDSv1"),
        ("msk.tf", '    "min.insync.replicas"                      = "2"\n', "", "safe_properties lacks min.insync"),
        ("msk.tf", '"unclean.leader.election.enable"           = "false"',
         '"unclean.leader.election.enable"           = "true"', "safe_properties lacks unclean"),
        ("msk.tf", 'client_broker = "TLS"', 'client_broker = "TLS_PLAINTEXT"', "own talks in the clear"),
        ("msk.tf", "unauthenticated = false", "unauthenticated = true", "own talks in the clear"),
        ("iam.tf", '"s3:ListBucket"', '"s3:*"', "allows s3:*"),
        ("storage.tf", "#checkov:skip=CKV_AWS_144:results are copied home, not to another region",
         "#checkov:skip=CKV_AWS_144", "without a reason"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_refused(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    """An open door, a disk in the clear, IMDSv1, too few copies in sync, a right to everything, a skip without why."""
    for source in MODULE.glob("*.tf"):
        (tmp_path / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text, "the planted fault is out of date"
    (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    assert [one for one in broken(tmp_path) if said in one], broken(tmp_path)


def test_checkov_refuses_a_planted_fault(tmp_path: Path) -> None:
    """A machine with IMDSv1, and a bucket that may be made public."""
    for source in MODULE.glob("*.tf"):
        text = source.read_text(encoding="utf-8")
        text = text.replace('http_tokens                 = "required"', "")
        text = re.sub(r"block_public_policy +=.*", "block_public_policy = false", text)
        (tmp_path / source.name).write_text(text, encoding="utf-8")
    failed = {one["check_id"] for one in checkov(tmp_path)["results"]["failed_checks"]}
    assert failed >= {"CKV_AWS_54", "CKV_AWS_79"}, failed


def test_terraforms_own_tests_refuse_a_planted_fault(mocked: Terraform) -> None:
    """Where MSK is no longer given min.insync.replicas, and where any broker's type is taken."""
    mocked.edit("msk.tf", '      "min.insync.replicas",\n', "")
    mocked.edit("variables.tf", "(kafka\\\\.|express\\\\.)?(t3", "(kafka\\\\.|express\\\\.)?(zz\\\\.large|t3")
    done = mocked.run("test", "-json", check=False)
    assert done.returncode == 1
    assert "Two copies are in sync" in done.stdout
    assert "broker_shape" in done.stdout


def test_msk_is_given_the_properties_that_sizing_knows_it_takes() -> None:
    """The module and loadkit's own table of platforms agree."""
    table = tomllib.loads((ROOT / "loadkit/sizing/data/platforms.toml").read_text(encoding="utf-8"))
    text = "".join(str(body["taken_properties"]) for kind, _, body in blocks(MODULE) if "taken_properties" in body)
    standard, express = re.findall(r"= \[(.*?)\]", text)
    assert re.findall(r'"([\w.]+)"', standard) == sorted(table["msk-standard"]["broker_keys"])
    assert re.findall(r'"([\w.]+)"', express) == sorted(table["msk-express"]["broker_keys"])


def test_a_sizing_reports_variables_have_the_same_types() -> None:
    """`kafka.auto.tfvars` of a report fits as it is."""
    from loadkit.sizing.recommend.dialects.tfvars import _TYPES

    text = (MODULE / "variables.tf").read_text(encoding="utf-8")
    for name, (kind, _) in _TYPES.items():
        assert re.search(rf'variable "{name}" {{\n  type        = {re.escape(kind)}\n', text), name


def test_the_readme_names_every_variable_and_output() -> None:
    """And none that is not there."""
    text = (MODULE.parent / "README.md").read_text(encoding="utf-8")
    declared = "".join((MODULE / file).read_text(encoding="utf-8") for file in ("variables.tf", "outputs.tf"))
    tables = "".join(line for line in text[text.index("## Variables") :].splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(\w+)`", tables)) == set(
        re.findall(r'^(?:variable|output) "(\w+)"', declared, re.MULTILINE)
    )


def test_a_provider_that_is_not_there_fails_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named folder without it is no reason to look elsewhere."""
    monkeypatch.setenv("TF_PLUGIN_DIR", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="holds no provider hashicorp/aws"):
        plugins()


def test_a_plugin_folder_is_found_where_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the home folder, before those of the machine."""
    (tmp_path / "tf-plugins" / "registry.example" / "hashicorp" / "aws").mkdir(parents=True)
    monkeypatch.delenv("TF_PLUGIN_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert plugins() == tmp_path / "tf-plugins"


def own_tests(mocked: Terraform) -> tuple[int, int]:
    """Run `terraform test`; return how many passed and failed, which must have been told."""
    done = mocked.run("test", check=False)
    found = re.search(r"(\d+) passed, (\d+) failed", done.stdout)
    assert found, done.stdout[-3000:] + done.stderr[-3000:]
    assert (int(found[2]) == 0) == (done.returncode == 0)
    if int(found[2]):
        print(done.stdout[-6000:], done.stderr[-6000:])
    return int(found[1]), int(found[2])


def checkov(folder: Path) -> dict[str, Any]:
    """Return what checkov finds in a folder; it needs no network."""
    words = ["--framework", "terraform", "--output", "json", "--skip-download"]
    return dict(json.loads(told([CHECKOV, "--directory", folder, *words], folder).stdout))


def told(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a tool in a folder and return what it said."""
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=600)
