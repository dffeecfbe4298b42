"""What must hold of every resource in terraform/aws, whichever file it stands in, read from the HCL itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

SAFE = {
    "auto.create.topics.enable": "false",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
}
BROAD = {"key": "a key's policy speaks of that key alone", "tls_only": "it denies"}
"""Policies that may say all actions."""
TLS = ('"client_broker": "\\"TLS\\""', '"in_cluster": "true"', '"unauthenticated": "false"')
DISKS = ("aws_ebs_volume", "aws_instance", "aws_launch_template")
_ACTION = re.compile(r'"\\"([\w-]+:[\w]*\*)\\""')
_PUBLIC = re.compile(r'"(map_public_ip_on_launch|associate_public_ip_address|publicly_accessible)": "true"')
_SKIP = re.compile(r"#\s*checkov:skip=(\w+)(?::(.*))?")
_TFLINT = re.compile(r"#\s*tflint-ignore: \w+\s*(.*)")


def blocks(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield kind (`resource.TYPE`, `data.TYPE`, `locals`), name and body of each block."""
    for file in sorted(folder.glob("*.tf")):
        for kind, found in _read(file).items():
            if kind not in ("resource", "data"):
                yield from ((kind, "", body) for body in found if isinstance(body, dict))
                continue
            for one in found:
                for label, named in one.items():
                    for name, body in named.items():
                        if isinstance(body, dict):
                            yield f"{kind}.{label.strip(chr(34))}", name.strip('"'), body


def _read(file: Path) -> dict[str, Any]:
    with file.open(encoding="utf-8") as stream:
        return dict(hcl2.load(stream))


def broken(folder: Path) -> list[str]:
    """Return what does not hold, one sentence each."""
    found, safe = [*_skips(folder)], {}
    for kind, name, body in blocks(folder):
        where, text = f"{kind.split('.')[-1]}.{name}", _plain(json.dumps(body))
        if kind == "locals":
            safe |= {key.strip('"'): str(value).strip('"') for key, value in body.get("safe_properties", {}).items()}
        if kind.startswith("resource."):
            found += [f"{where} {said}" for said in (*_doors(kind[9:], body, text), *_clear(kind[9:], text))]
        if kind == "data.aws_iam_policy_document" and name not in BROAD:
            found += [f"{where} allows {action}" for action in _ACTION.findall(text)]
    return found + [f"safe_properties lacks {key} = {value}" for key, value in SAFE.items() if safe.get(key) != value]


def _doors(kind: str, body: dict[str, Any], text: str) -> Iterator[str]:
    by_address = {"cidr_ipv4", "cidr_ipv6", "prefix_list_id"} & body.keys()
    if kind.endswith("_ingress_rule") and (by_address or "referenced_security_group_id" not in body):
        yield "lets others in than a security group"
    if kind in ("aws_security_group", "aws_default_security_group") and "ingress" in body:
        yield "has rules of its own"
    if kind == "aws_security_group_rule":
        yield "is of the old kind: write aws_vpc_security_group_ingress_rule or _egress_rule"
    if _PUBLIC.search(text):
        yield "is public"


def _clear(kind: str, text: str) -> Iterator[str]:
    if kind == "aws_msk_cluster" and not all(said in text for said in TLS):
        yield "talks in the clear, or with anybody"
    volumes = (
        text.count('"volume_type"') if kind == "aws_launch_template" else kind in ("aws_ebs_volume", "aws_instance")
    )
    if volumes != text.count('"encrypted": "true"') and kind in DISKS:
        yield "has a volume that is not encrypted"
    if kind in ("aws_instance", "aws_launch_template") and '"http_tokens": "\\"required\\""' not in text:
        yield "takes IMDSv1"


def _plain(text: str) -> str:
    return re.sub(r": (true|false)", r': "\1"', text)


def _skips(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*.tf")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            skip, ignored = _SKIP.search(line), _TFLINT.search(line)
            if skip and len((skip[2] or "").strip()) < 8:
                yield f"{file.name}:{number} skips {skip[1]} without a reason"
            if ignored and len(ignored[1].strip(" #")) < 8:
                yield f"{file.name}:{number} ignores a finding of tflint without a reason"
