"""How clients come into an embedded cluster: `?security=NAME[,NAME...]`. Names and the files' texts; arithmetic only.

A *door* is one listener for clients. The first that is named is the one a run uses; the others are there for whoever
asks `EmbeddedCluster.by` for them. `acls` adds an authorizer that lets the user of the doors do no more than a run
needs: all on topics, groups and transactional ids with the usual prefix. Brokers talk to each other, and are set up, by
a plain listener of their own on loopback whose user, like any without a login or certificate, may do all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from loadkit.errors import TargetFileError, nearest
from loadkit.targets.embedded_routes import HOME

USER = "loadkit"
"""Who comes in by a door with a login or a certificate."""
ADMIN = "admin"
"""A second user, who may do all."""
ACLS = "acls"
_ACLS_DOOR = "scram-tls"
_MODULES = "org.apache.kafka.common.security"
_VALIDATOR = f"{_MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler"
_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_LONGEST_SESSION = "3600000"
AUDIENCE = "kafka"


@dataclass(frozen=True, slots=True)
class Door:
    """One way in."""

    name: str
    protocol: str
    """As `security.protocol` has it."""
    mechanism: str = ""
    """As `sasl.mechanism` has it; empty without a login."""
    certificate: str = ""
    """The broker's certificate, by the name of its file; empty without TLS."""
    mutual: bool = False
    """Whether clients have to show a certificate, too."""

    @property
    def listener(self) -> str:
        """Return its name in the brokers' settings."""
        return self.name.upper().replace("-", "_")


def _doors() -> dict[str, Door]:
    found = [Door("plaintext", "PLAINTEXT"), Door("tls", "SSL", certificate="broker")]
    found.append(Door("mtls", "SSL", certificate="broker", mutual=True))
    for name, mechanism in (
        ("sasl-plain", "PLAIN"), ("scram-sha-256", "SCRAM-SHA-256"), ("scram-sha-512", "SCRAM-SHA-512"),
        ("oauthbearer", "OAUTHBEARER"),
    ):  # fmt: skip
        found.append(Door(name, "SASL_PLAINTEXT", mechanism))
        found.append(Door(f"{name}-tls", "SASL_SSL", mechanism, "broker"))
    found.append(Door("scram-tls", "SASL_SSL", "SCRAM-SHA-512", "broker"))
    found += [Door("tls-expired", "SSL", certificate="expired"), Door("tls-misnamed", "SSL", certificate="misnamed")]
    return {door.name: door for door in found}


DOORS: Mapping[str, Door] = _doors()
"""Every door by its name. The last two are wrong on purpose: what clients say of such a broker can be seen there."""


@dataclass(frozen=True, slots=True)
class Security:
    """The doors of a cluster in the order they were named, none for a plain cluster; and whether rights are checked."""

    doors: tuple[Door, ...] = ()
    acls: bool = False

    @property
    def encrypted(self) -> bool:
        """Return whether certificates are needed."""
        return any(door.certificate for door in self.doors)

    @property
    def tokens(self) -> bool:
        """Return whether somebody has to issue tokens."""
        return any(door.mechanism == "OAUTHBEARER" for door in self.doors)

    @property
    def login(self) -> bool:
        """Return whether any door asks for a login."""
        return any(door.mechanism for door in self.doors)

    @property
    def scram(self) -> list[str]:
        """Return the mechanisms whose credentials have to be in the cluster's metadata."""
        return sorted({door.mechanism for door in self.doors if door.mechanism.startswith("SCRAM")})

    def door(self, name: str | None) -> Door:
        """Return a door by its name, the first for None; KeyError where there is none."""
        return self.doors[0] if name is None else {door.name: door for door in self.doors}[name]


def parse(value: str) -> Security:
    """Return what `security=` asks for; `acls` alone comes with SCRAM over TLS.

    Raises ValueError that says what is possible.
    """
    names = [name for name in value.lower().split(",") if name]
    for name in names:
        if name not in DOORS and name != ACLS:
            known = [*DOORS, ACLS]
            raise ValueError(f"{name!r} is no way into a cluster{nearest(name, known)}: use {', '.join(known)}")
        if names.count(name) > 1:
            raise ValueError(f"{name} is given twice")
    doors = [name for name in names if name != ACLS]
    if names and not doors:
        doors = [_ACLS_DOOR]
    return Security(tuple(DOORS[name] for name in doors), ACLS in names)


def checked(text: str, value: str) -> str:
    """Return the value of `security=` as it is written, once it is found right; TargetFileError else."""
    try:
        parse(value)
    except ValueError as wrong:
        raise TargetFileError(f"{text!r}: security={value}: {wrong}") from None
    return value.lower()


@dataclass(frozen=True, slots=True)
class Keys:
    """What a secured cluster's files are made of: where they lie, the password of its users, the issuer's port."""

    folder: Path
    password: str
    issuer: int = 0

    @property
    def issuer_url(self) -> str:
        """Return where tokens are issued: `/token`, or `/token/SECONDS` for another lifetime; and `/jwks`."""
        return f"http://{HOME}:{self.issuer}"


class Placed(Protocol):
    """A node as far as it concerns ways to it; ports are those of 127.0.0.1."""

    @property
    def doors(self) -> Sequence[int]:
        """Return the port of each door."""

    @property
    def inner(self) -> int:
        """Return the port for other brokers."""

    @property
    def controller(self) -> int:
        """Return the port for controllers."""


def identity(security: Security, node: Placed) -> dict[str, str]:
    """Return the properties that open the doors, and the brokers' own listener beside them."""
    doors = [f"{door.listener}://{HOME}:{port}" for door, port in zip(security.doors, node.doors, strict=True)]
    doors.append(f"INNER://{HOME}:{node.inner}")
    protocols = [f"{door.listener}:{door.protocol}" for door in security.doors]
    return {
        "listeners": ",".join([*doors, f"CONTROLLER://{HOME}:{node.controller}"]),
        "advertised.listeners": ",".join(doors),
        "listener.security.protocol.map": ",".join([*protocols, "INNER:PLAINTEXT", "CONTROLLER:PLAINTEXT"]),
        "inter.broker.listener.name": "INNER",
    }


def properties(security: Security, keys: Keys) -> dict[str, str]:
    """Return a broker's settings of all doors, and those of rights."""
    lines: dict[str, str] = {}
    for door in security.doors:
        before = f"listener.name.{door.listener.lower()}."
        settings = {**_certificates(door, keys), **_login(door, keys)}
        lines |= {before + name: value for name, value in settings.items()}
    if security.acls:
        lines["authorizer.class.name"] = _AUTHORIZER
        lines["super.users"] = f"User:{ADMIN};User:ANONYMOUS"
    return lines


def _certificates(door: Door, keys: Keys) -> dict[str, str]:
    if not door.certificate:
        return {}
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keys.folder / f"{door.certificate}.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(keys.folder / "ca.pem"),
        "ssl.client.auth": "required" if door.mutual else "none",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
    }


def _login(door: Door, keys: Keys) -> dict[str, str]:
    if not door.mechanism:
        return {}
    own = f"{door.mechanism.lower()}."
    lines = {"sasl.enabled.mechanisms": door.mechanism}
    if door.mechanism == "PLAIN":
        users = " ".join(f'user_{user}="{keys.password}"' for user in (USER, ADMIN))
        return lines | {f"{own}sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required {users};"}
    if door.mechanism != "OAUTHBEARER":
        return lines | {f"{own}sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;"}
    settings = {
        "sasl.jaas.config": f"{_MODULES}.oauthbearer.OAuthBearerLoginModule required;",
        "sasl.server.callback.handler.class": _VALIDATOR,
        "sasl.oauthbearer.jwks.endpoint.url": f"{keys.issuer_url}/jwks",
        "sasl.oauthbearer.expected.audience": AUDIENCE,
        "sasl.oauthbearer.expected.issuer": keys.issuer_url,
        "sasl.oauthbearer.clock.skew.seconds": "0",
        "connections.max.reauth.ms": _LONGEST_SESSION,
    }
    return lines | {own + name: value for name, value in settings.items()}


def jvm(keys: Keys) -> list[str]:
    """Return the options of a broker's JVM by which it asks the issuer, and nobody else, for keys."""
    return [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.issuer_url}/jwks"] if keys.issuer else []


def credentials(security: Security, keys: Keys) -> list[str]:
    """Return the arguments by which `StorageTool format` puts the SCRAM users into the metadata."""
    users = (USER, ADMIN)
    texts = [f"{how}=[name={user},password={keys.password}]" for how in security.scram for user in users]
    return [word for text in texts for word in ("--add-scram", text)]


def client(door: Door, keys: Keys) -> dict[str, Any]:
    """Return the properties of a client that comes in by a door; its secret stays in its file."""
    lines: dict[str, Any] = {"security.protocol": door.protocol}
    if door.certificate:
        lines["ssl.ca.location"] = str(keys.folder / "ca.pem")
    if door.mutual:
        lines["ssl.certificate.location"] = str(keys.folder / "client.crt")
        lines["ssl.key.location"] = str(keys.folder / "client.key")
    secret = {"file": str(keys.folder / "password")}
    if door.mechanism == "OAUTHBEARER":
        return lines | {
            "sasl.mechanism": door.mechanism, "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.client.id": USER,
            "sasl.oauthbearer.client.secret": secret, "sasl.oauthbearer.scope": AUDIENCE,
            "sasl.oauthbearer.token.endpoint.url": f"{keys.issuer_url}/token",
        }  # fmt: skip
    if door.mechanism:
        lines |= {"sasl.mechanism": door.mechanism, "sasl.username": USER, "sasl.password": secret}
    return lines
