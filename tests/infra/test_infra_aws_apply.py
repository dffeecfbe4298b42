"""terraform/aws applied for real, by the real provider, to a stand-in of AWS: apply, run, results, destroy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aws_stand_in
import pytest
from aws_inventory import inventory
from aws_stand_in import SETTINGS, client, stand_in
from aws_terraform import ROOT, Terraform
from fleet_stand import until

from loadkit.sizing import plan as planning
from loadkit.sizing import requirements
from loadkit.sizing.handover import facts_of
from loadkit.sizing.recommend import texts

MOTOS_DOING = {
    ("aws_vpc_security_group_egress_rule", "description"): "moto drops it where a prefix list is named",
    ("aws_vpc_security_group_ingress_rule", "description"): "moto drops it where a group is named",
}
"""What a second plan changes although nothing has changed: resource type and attribute."""
FORGOTTEN = {"capacity_reservation_specification", "mixed_instances_policy"}
"""What moto forgets of a group when an update, as of its size, does not say it again."""
BIN = Path(sys.executable).parent


@dataclass
class World:
    """The module as applied."""

    terraform: Terraform
    address: str
    before: dict[str, set[str]]
    report: dict[str, str]
    """Files of a sizing report by name."""
    out: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield the module, applied with the variables of a sizing report for MSK as they are."""
    made = planning.make(requirements.read(ROOT / "scenarios/sizing/orders.toml"), None, date(2026, 11, 26))
    report = texts(facts_of(made))
    folder = tmp_path_factory.mktemp("apply")
    with stand_in() as address:
        before = inventory(address)
        terraform = Terraform(folder, address)
        (terraform.folder / "kafka.auto.tfvars").write_text(report["terraform/kafka.auto.tfvars"], encoding="utf-8")
        plan = folder / "fleet.json"
        plan.write_text(json.dumps({"plan": {"machines": 2, "on_each": 3, "cores": 4, "processes": 5}}))
        (terraform.folder / "run.auto.tfvars").write_text(
            f'authentication = ["scram", "iam"]\nfleet_plan = "{plan}"\ndeadline_hours = 2\n'
            'tags = { team = "data" }\n'
            'arguments = ["--duration", "10s", "--slo", "latency.p99 < 20ms"]\n', encoding="utf-8"
        )  # fmt: skip
        print(terraform.run("apply", "-auto-approve", "-input=false").stdout[-5000:])
        output = json.loads(terraform.run("output", "-json").stdout)
        yield World(terraform, address, before, report, {name: one["value"] for name, one in output.items()}, folder)


def new(world: World, kind: str) -> set[str]:
    """Return what was made of a kind."""
    return inventory(world.address)[kind] - world.before[kind]


def test_the_stand_in_dies_with_its_owner() -> None:
    """When nobody holds its standard input any more, as when who started it was killed."""
    process = subprocess.Popen([sys.executable, aws_stand_in.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    assert int(process.stdout.readline()) > 0
    process.stdin.close()
    assert process.wait(60) == 0


def test_the_fleet_stands(world: World) -> None:
    """One master at its address and the planned workers, none with a public address, disks and metadata safe."""
    groups = {one["AutoScalingGroupName"]: one for one in
              client("autoscaling", world.address).describe_auto_scaling_groups()["AutoScalingGroups"]}  # fmt: skip
    assert {name: (one["DesiredCapacity"], len(one["Instances"])) for name, one in groups.items()} == {
        "loadkit-master": (1, 1), "loadkit-worker": (2, 2)
    }  # fmt: skip
    assert world.out["fleet"]["machines"] == 2
    assert world.out["fleet"]["processes"] == 6
    ec2, interfaces = client("ec2", world.address), []
    for template in new(world, "launch templates"):
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Latest"])
        data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert [disk["Ebs"]["Encrypted"] for disk in data["BlockDeviceMappings"]] == [True]
        interfaces += data["NetworkInterfaces"]
    assert not any(one.get("AssociatePublicIpAddress") for one in interfaces)
    machines = [one for found in ec2.describe_instances()["Reservations"] for one in found["Instances"]]
    assert len(machines) == 3
    assert all({"Key": "team", "Value": "data"} in one["Tags"] for one in machines)
    (kept,) = (one["NetworkInterfaceId"] for one in interfaces if "NetworkInterfaceId" in one)
    (interface,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[kept])["NetworkInterfaces"]
    assert world.out["fleet"]["master"] == f"{interface['PrivateIpAddress']}:5557"


def test_nobody_comes_in(world: World) -> None:
    """No rule of any group names an address, and nothing goes out but to the network itself and S3."""
    rules, groups = client("ec2", world.address).describe_security_group_rules(), new(world, "security groups")
    mine = [one for one in rules["SecurityGroupRules"] if one["GroupId"] in groups]
    ways_in = [one for one in mine if not one["IsEgress"]]
    assert len(ways_in) >= 5
    assert not [one for one in ways_in if one.get("CidrIpv4") or one.get("CidrIpv6") or one.get("PrefixListId")]
    assert all(one["ReferencedGroupInfo"]["GroupId"] in groups for one in ways_in)
    assert not [one for one in mine if one.get("CidrIpv4") == "0.0.0.0/0" or one.get("CidrIpv6") == "::/0"]


def test_the_bucket_is_closed(world: World) -> None:
    """Encrypted by our key, versioned, by TLS only, not public."""
    s3, (bucket,) = client("s3", world.address), new(world, "buckets")
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] in new(world, "keys")
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    statement = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    statement = statement[0] if isinstance(statement, list) else statement
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    keys = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert {"inputs/orders.py", "inputs/target.toml", "software/master.sh", "software/worker.sh"} <= keys


def test_msk_is_what_the_sizing_report_says(world: World) -> None:
    """Number, shape, disk and version; the report's server.properties, all of it, is the configuration."""
    kafka, (cluster,), (configuration,) = (
        client("kafka", world.address), new(world, "clusters"), new(world, "configurations"),
    )  # fmt: skip
    found = kafka.describe_cluster(ClusterArn=cluster)["ClusterInfo"]
    assert found["NumberOfBrokerNodes"] == 6
    group = found["BrokerNodeGroupInfo"]
    assert (group["InstanceType"], group["StorageInfo"]["EbsStorageInfo"]["VolumeSize"]) == ("kafka.m7g.large", 1889)
    assert found["CurrentBrokerSoftwareInfo"]["KafkaVersion"] == "3.9.x.kraft"
    assert found["EncryptionInfo"]["EncryptionInTransit"] == {"ClientBroker": "TLS", "InCluster": True}
    assert found["EncryptionInfo"]["EncryptionAtRest"]["DataVolumeKMSKeyId"] in new(world, "keys")
    assert found["ClientAuthentication"]["Sasl"] == {"Iam": {"Enabled": True}, "Scram": {"Enabled": True}}
    assert found["OpenMonitoring"]["Prometheus"]["JmxExporter"]["EnabledInBroker"] is True
    text = kafka.describe_configuration_revision(Arn=configuration, Revision=1)["ServerProperties"].decode()
    given = dict(line.split("=", 1) for line in text.splitlines())
    wanted = [line for line in world.report["server/server.properties"].splitlines() if line and line[0] != "#"]
    assert dict(line.split("=", 1) for line in wanted).items() <= given.items()
    assert given["min.insync.replicas"] == "2"
    secret = client("kafka", world.address).list_scram_secrets(ClusterArn=cluster)["SecretArnList"]
    assert set(secret) == new(world, "secrets")


def test_loadkit_takes_the_target_file(world: World) -> None:
    """Its own check without a connection finds nothing to mend once the password is there."""
    file = world.folder / "target.toml"
    file.write_text(world.out["target_toml"], encoding="utf-8")
    command = [sys.executable, "-m", "loadkit", "doctor", "--offline", "--json", "--target", str(file)]
    told = subprocess.run(
        command, check=False, env={**os.environ, "password": "x" * 20}, capture_output=True, text=True, timeout=120,
        cwd=ROOT,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert "brokers = 6" in world.out["target_toml"]
    assert world.out["target_toml"].count(":11001/metrics") == 6


def test_no_secret_is_in_state_plan_or_user_data(world: World) -> None:
    """The token and the password are where they belong, and nowhere else."""
    token = client("ssm", world.address).get_parameter(Name="/loadkit/token", WithDecryption=True)["Parameter"]["Value"]
    (secret,) = new(world, "secrets")
    login = json.loads(client("secretsmanager", world.address).get_secret_value(SecretId=secret)["SecretString"])
    assert (len(token), login["username"], len(login["password"])) == (48, "loadkit", 48)
    state = (world.terraform.folder / "terraform.tfstate").read_text(encoding="utf-8")
    for text in (state, json.dumps(world.out)):
        assert token not in text
        assert login["password"] not in text


@pytest.mark.parametrize("role", ["master", "worker"])
def test_user_data_is_clean_shell(world: World, role: str) -> None:
    """As Terraform wrote it, shellcheck finds nothing."""
    told = subprocess.run(
        [BIN / "shellcheck", "-"], check=False, input=world.out["user_data"][role], capture_output=True, text=True
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_the_deadline_ends_what_bills(world: World) -> None:
    """Two hours after the start both groups go to zero, and cluster and endpoints are deleted by their own names."""
    deadline = datetime.fromisoformat(world.out["deadline"])
    assert timedelta(0) < deadline - datetime.now(UTC) <= timedelta(hours=2)
    actions = client("autoscaling", world.address).describe_scheduled_actions()["ScheduledUpdateGroupActions"]
    assert {one["AutoScalingGroupName"] for one in actions} == {"loadkit-master", "loadkit-worker"}
    assert {(one["DesiredCapacity"], one["MaxSize"], one["StartTime"]) for one in actions} == {(0, 0, deadline)}
    scheduler = client("scheduler", world.address)
    made = {name: scheduler.get_schedule(Name=name) for name in new(world, "schedules")}
    assert {one["ScheduleExpression"] for one in made.values()} == {f"at({deadline:%Y-%m-%dT%H:%M:%S})"}
    cluster = made["loadkit-cluster"]["Target"]
    assert cluster["Arn"] == "arn:aws:scheduler:::aws-sdk:kafka:deleteCluster"
    assert json.loads(cluster["Input"]) == {"ClusterArn": world.out["cluster_arn"]}
    ended = json.loads(made["loadkit-endpoints"]["Target"]["Input"])["VpcEndpointIds"]
    assert len(ended) == 4
    assert set(ended) < new(world, "endpoints")


def test_the_master_may_do_what_it_must_and_no_more(world: World) -> None:
    """It scales these two groups and writes results; a worker does neither; nobody may do everything."""
    iam, rights = client("iam", world.address), {}
    for role in new(world, "roles"):
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            rights[role.rsplit("-", 1)[0]] = {
                action: one["Resource"] for one in document["Statement"]
                for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])
            }  # fmt: skip
        assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    (bucket,) = new(world, "buckets")
    master, worker = rights["loadkit-master"], rights["loadkit-worker"]
    assert master["s3:PutObject"] == f"arn:aws:s3:::{bucket}/results/*"
    scaled = {one.rsplit("/", 1)[1] for one in master["autoscaling:UpdateAutoScalingGroup"]}
    assert scaled == {"loadkit-master", "loadkit-worker"}
    assert not {"s3:PutObject", "autoscaling:UpdateAutoScalingGroup"} & worker.keys()
    everywhere = {action for found in rights.values() for action, resource in found.items() if resource == "*"}
    assert everywhere == {"ssm:UpdateInstanceInformation", *(f"ssmmessages:{verb}{kind}Channel" for verb in
                          ("Create", "Open") for kind in ("Control", "Data"))}  # fmt: skip
    assert not [action for found in rights.values() for action in found if "*" in action]


def test_the_budget_tells_somebody(world: World) -> None:
    """At 80 % spent and when 100 % are forecast, of what bears the fleet's tag."""
    account = client("sts", world.address).get_caller_identity()["Account"]
    (budget,) = client("budgets", world.address).describe_budgets(AccountId=account)["Budgets"]
    assert budget["CostFilters"] == {"TagKeyValue": ["user:loadkit$loadkit"]}
    told = client("budgets", world.address).describe_notifications_for_budget(AccountId=account, BudgetName="loadkit")
    alarms = {(one["NotificationType"], one["Threshold"]) for one in told["Notifications"]}
    assert alarms == {("ACTUAL", 80.0), ("FORECASTED", 100.0)}


def test_a_second_plan_changes_nothing(world: World) -> None:
    """But for what moto does not give back as it was given."""
    changes = [one for one in world.terraform.plan()["resource_changes"] if one["mode"] == "managed"]
    assert [one["address"] for one in changes if set(one["change"]["actions"]) - {"no-op", "update"}] == []
    found = {(one["type"], attribute) for one in changes for attribute in differing(one["change"])}
    assert found - MOTOS_DOING.keys() == set()


def test_an_instance_type_that_does_not_exist_is_refused(world: World) -> None:
    """One that looks like a name is asked for where the fleet is to stand."""
    told = world.terraform.run("plan", "-input=false", "-var", "worker_instance_type=c9z.large", check=False)
    assert told.returncode == 1
    assert 'data.aws_ec2_instance_type.fleet["worker"]' in told.stderr


def test_another_run_makes_the_groups_anew(world: World) -> None:
    """With a deadline of its own; the cluster, the network and what runs left stay."""
    changes = world.terraform.plan("-refresh=false", "-var", "run=second")["resource_changes"]
    again = {one["address"] for one in changes if {"create", "delete"} <= set(one["change"]["actions"])}
    assert again == {
        "terraform_data.start", "aws_autoscaling_group.master", "aws_autoscaling_group.worker",
        'aws_autoscaling_schedule.deadline["master"]', 'aws_autoscaling_schedule.deadline["worker"]',
    }  # fmt: skip


def test_run_to_completion_then_nothing_is_left(world: World) -> None:
    """User data as Terraform wrote it: a worker makes load until the master is done, results are in S3, none is left.

    Then a plan finds nothing to put back; `destroy` leaves the bucket where that is asked for, and else nothing.
    """
    with machine(world, "worker") as worker:
        load = world.folder / "worker" / "work" / "inputs" / "load.json"
        until(lambda: load.exists() or worker.poll() is not None, "called loadkit")
        with machine(world, "master") as master:
            print(*master.communicate(timeout=600))
        print(*worker.communicate(timeout=600))
    assert (master.returncode, worker.returncode) == (0, 0)
    words = json.loads(load.read_text(encoding="utf-8"))
    assert words[:4] == ["worker", "orders.py", "--master", world.out["fleet"]["master"]]
    s3, (bucket,) = client("s3", world.address), new(world, "buckets")
    told = json.loads(s3.get_object(Bucket=bucket, Key="results/first/done.json")["Body"].read())
    print(told)
    assert told["exit_code"] == 0
    words = json.loads(s3.get_object(Bucket=bucket, Key="results/first/run/result.json")["Body"].read())
    assert words[:6] == ["run", "orders.py", "--target", "target.toml", "--duration", "10s"]
    assert words[6:8] == ["--slo", "latency.p99 < 20ms"]
    assert words[words.index("--expect-workers") + 1] == "6"
    assert words[words.index("--master-bind") + 1].endswith(":5557")
    groups = client("autoscaling", world.address).describe_auto_scaling_groups()["AutoScalingGroups"]
    assert {one["DesiredCapacity"] for one in groups} == {0}

    changes = world.terraform.plan()["resource_changes"]
    groups = [one["change"] for one in changes if one["type"] == "aws_autoscaling_group"]
    assert len(groups) == 2
    assert all(differing(one) <= FORGOTTEN for one in groups), [differing(one) for one in groups]

    keep = ("-auto-approve", "-input=false", "-var", "keep_results=true")
    world.terraform.run("apply", *keep, "-target=aws_s3_bucket_server_side_encryption_configuration.results")
    told = world.terraform.run("destroy", *keep, check=False).stderr
    assert "BucketNotEmpty" in told
    assert {kind: found - world.before[kind] for kind, found in inventory(world.address).items() if
            found != world.before[kind]} == {"buckets": {bucket}}  # fmt: skip
    assert s3.get_object(Bucket=bucket, Key="results/first/run/result.json")["Body"].read()

    world.terraform.run("apply", "-auto-approve", "-input=false", "-target=aws_s3_bucket.results")
    print(world.terraform.run("destroy", "-auto-approve", "-input=false").stdout[-500:])
    assert inventory(world.address) == world.before


def differing(change: dict[str, Any]) -> set[str]:
    """Return the attributes that a planned change changes; those only known afterwards follow from others."""
    before, after = change["before"] or {}, change["after"] or {}
    unknown = change["after_unknown"] or {}
    known = {name for name in before.keys() | after.keys() if unknown.get(name) is not True}
    return {name for name in known if before.get(name) != after.get(name)}


LOADKIT = f"""#!{sys.executable}
import json, pathlib, subprocess, sys, time
words = sys.argv[1:]
token = pathlib.Path(words[words.index("--token-file") + 1])
assert len(token.read_text().strip()) == 48 and token.stat().st_mode & 0o77 == 0
subprocess.run([sys.executable, "-m", "loadkit", "doctor", "--offline", "--target", "target.toml"], check=True)
out = pathlib.Path("load.json")
if "--out" in words:
    out = pathlib.Path(words[words.index("--out") + 1], "result.json")
    out.parent.mkdir(parents=True)
out.write_text(json.dumps(words))
time.sleep(3)
"""
"""In loadkit's place: checks its target file, writes down how it was called, takes a while."""
INSTALL = f"""set -euo pipefail
[[ $PIP_NO_INDEX == 1 && -d $PIP_FIND_LINKS && $1 == "$PIP_FIND_LINKS"/loadkit-0.1.0-py3-none-any.whl?aws? ]]
mkdir -p "$LOADKIT_HOME/bin"
cat >"$LOADKIT_HOME/bin/loadkit" <<'PROGRAM'
{LOADKIT}
PROGRAM
chmod +x "$LOADKIT_HOME/bin/loadkit"
"""
"""In install.sh's place."""


def machine(world: World, role: str) -> subprocess.Popen[str]:
    """Run a machine's user data here; what it would change of the system is only written down."""
    home = world.folder / role
    stubs = home / "stubs"
    stubs.mkdir(parents=True)
    for name in ("shutdown", "dnf", "systemctl", "useradd", "chown"):
        stub(stubs / name, f'echo "{name} $*" >>"{home}/calls"')
    stub(stubs / "chronyc", f'echo "chronyc $*" >>"{home}/calls"; echo "^* 169.254.169.123 3 4 377 1 +1us"')
    stub(stubs / "runuser", 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    (bucket,) = new(world, "buckets")
    client("s3", world.address).put_object(Bucket=bucket, Key="software/install.sh", Body=INSTALL.encode())
    environment = {
        **os.environ, **SETTINGS, "AWS_ENDPOINT_URL": world.address, "PATH": f"{stubs}:{BIN}:{os.environ['PATH']}",
        "LOADKIT_HOME": str(home / "opt"), "LOADKIT_FLEET_ENV": str(home / "etc" / "fleet.env"),
        "LOADKIT_WORK": str(home / "work"), "LOADKIT_PAUSE": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    script = home / "user_data.sh"
    script.write_text(world.out["user_data"][role], encoding="utf-8")
    return subprocess.Popen(["bash", str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)  # fmt: skip


def stub(file: Path, text: str) -> None:
    """Write a program."""
    file.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
