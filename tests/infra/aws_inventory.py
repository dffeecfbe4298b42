"""What there is in an account, by service: a set of names each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aws_stand_in import client


def _unless(name: str, gone: bool) -> str | None:
    return None if gone else name


LISTS: Mapping[str, tuple[str, str, Callable[[Any], str | None]]] = {
    "instances": ("ec2", "describe_instances", lambda one: next(
        (machine["InstanceId"] for machine in one["Instances"] if machine["State"]["Name"] != "terminated"), None)),
    "networks": ("ec2", "describe_vpcs", lambda one: one["VpcId"]),
    "subnets": ("ec2", "describe_subnets", lambda one: one["SubnetId"]),
    "security groups": ("ec2", "describe_security_groups", lambda one: one["GroupId"]),
    "interfaces": ("ec2", "describe_network_interfaces", lambda one: _unless(
        one["NetworkInterfaceId"], "InstanceId" in one.get("Attachment", {}))),
    "endpoints": ("ec2", "describe_vpc_endpoints",
                  lambda one: _unless(one["VpcEndpointId"], one["State"] == "deleted")),
    "gateways": ("ec2", "describe_nat_gateways", lambda one: _unless(one["NatGatewayId"], one["State"] == "deleted")),
    "internet gateways": ("ec2", "describe_internet_gateways", lambda one: one["InternetGatewayId"]),
    "addresses": ("ec2", "describe_addresses", lambda one: one["AllocationId"]),
    "launch templates": ("ec2", "describe_launch_templates", lambda one: one["LaunchTemplateId"]),
    "volumes": ("ec2", "describe_volumes", lambda one: one["VolumeId"]),
    "groups": ("autoscaling", "describe_auto_scaling_groups", lambda one: one["AutoScalingGroupName"]),
    "scheduled actions": ("autoscaling", "describe_scheduled_actions", lambda one: one["ScheduledActionName"]),
    "buckets": ("s3", "list_buckets", lambda one: one["Name"]),
    "roles": ("iam", "list_roles", lambda one: one["RoleName"]),
    "profiles": ("iam", "list_instance_profiles", lambda one: one["InstanceProfileName"]),
    "clusters": ("kafka", "list_clusters", lambda one: one["ClusterArn"]),
    "configurations": ("kafka", "list_configurations", lambda one: one["Arn"]),
    "log groups": ("logs", "describe_log_groups", lambda one: one["logGroupName"]),
    "parameters": ("ssm", "describe_parameters", lambda one: _unless(one["Name"], one["Name"].startswith("/aws/"))),
    "secrets": ("secretsmanager", "list_secrets", lambda one: one["ARN"]),
    "schedules": ("scheduler", "list_schedules", lambda one: one["Name"]),
}  # fmt: skip


def inventory(address: str) -> dict[str, set[str]]:
    """Return what is there now.

    Not counted are keys that wait for their deletion, since they bill nothing; those of AWS itself; and interfaces of
    instances, which go with them (moto keeps them, whatever a launch template says).
    """
    found: dict[str, set[str]] = {}
    for name, (service, call, read) in LISTS.items():
        answer = getattr(client(service, address), call)()
        items = next((value for key, value in answer.items() if isinstance(value, list)), [])
        found[name] = {one for one in map(read, items) if one}
    keys = client("kms", address)
    aliases = keys.list_aliases()["Aliases"]
    of_aws = {one.get("TargetKeyId") for one in aliases if one["AliasName"].startswith("alias/aws/")}
    described = (keys.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in keys.list_keys()["Keys"])
    found["keys"] = {one["Arn"] for one in described if one["KeyId"] not in of_aws and one["KeyState"] == "Enabled"}
    account = client("sts", address).get_caller_identity()["Account"]
    budgets = client("budgets", address).describe_budgets(AccountId=account)["Budgets"]
    found["budgets"] = {one["BudgetName"] for one in budgets}
    return found
