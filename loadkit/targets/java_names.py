"""Properties that only Java's clients have: translated where librdkafka has the same under another name, or refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from loadkit.units import parse_size


def _kibibytes(value: Any) -> int:
    return max(1, math.ceil(parse_size(value) / 1024))


def _buffer(value: Any) -> int:
    return 0 if str(value) == "-1" else parse_size(value)


TRANSLATED: Mapping[str, tuple[str, Callable[[Any], Any] | None]] = {
    "buffer.memory": ("queue.buffering.max.kbytes", _kibibytes),
    "max.request.size": ("message.max.bytes", None),
    "fetch.max.wait.ms": ("fetch.wait.max.ms", None),
    "send.buffer.bytes": ("socket.send.buffer.bytes", _buffer),
    "receive.buffer.bytes": ("socket.receive.buffer.bytes", _buffer),
    "ssl.truststore.certificates": ("ssl.ca.pem", None),
    "ssl.keystore.certificate.chain": ("ssl.certificate.pem", None),
    "ssl.keystore.key": ("ssl.key.pem", None),
}
"""Java's name to librdkafka's, and what turns the one's value into the other's."""

_PEM = "is a Java key store, which librdkafka cannot read: export it as PEM (`keytool -exportcert -rfc`) and set {}"
_BYTES = "has no meaning here: loadkit sends and reads bytes; leave it out"
_LOGIN = "is Java's login module: set sasl.mechanism, sasl.username and sasl.password"
_CALLBACK = (
    'is a Java class: for OAUTHBEARER set sasl.oauthbearer.method = "oidc" and sasl.oauthbearer.token.endpoint.url'
)
_CHOICE = "is a Java class: set partitioner, where murmur2_random chooses as Java's default does"

HINTS: Mapping[str, str] = {
    "key.serializer": _BYTES,
    "value.serializer": _BYTES,
    "key.deserializer": _BYTES,
    "value.deserializer": _BYTES,
    "ssl.truststore.location": _PEM.format("ssl.ca.location"),
    "ssl.truststore.password": _PEM.format("ssl.ca.location, which needs no password"),
    "ssl.truststore.type": "has no equivalent: librdkafka reads PEM; set ssl.ca.location",
    "ssl.keystore.type": "has no equivalent: ssl.keystore.location is PKCS#12; for PEM set ssl.certificate.location "
    "and ssl.key.location",
    "ssl.protocol": "has no equivalent: librdkafka takes TLS 1.2 and newer; leave it out",
    "ssl.enabled.protocols": "has no equivalent: librdkafka takes TLS 1.2 and newer; leave it out",
    "ssl.provider": "has no equivalent: the nearest is ssl.providers (OpenSSL's); leave it out",
    "sasl.jaas.config": _LOGIN,
    "sasl.login.class": _LOGIN,
    "sasl.login.callback.handler.class": _CALLBACK,
    "sasl.client.callback.handler.class": _CALLBACK,
    "partitioner.class": _CHOICE,
    "partitioner.ignore.keys": "has no equivalent: keys = none() in the scenario sends without a key",
    "partitioner.adaptive.partitioning.enable": "has no equivalent in librdkafka: leave it out",
    "partitioner.availability.timeout.ms": "has no equivalent in librdkafka: leave it out",
    "max.block.ms": "has no equivalent: loadkit never blocks on a full queue but counts what was due as unsent; "
    "queue.buffering.max.messages and .kbytes bound the queue, delivery.timeout.ms the wait",
    "default.api.timeout.ms": "has no equivalent: the nearest is socket.timeout.ms",
    "socket.connection.setup.timeout.max.ms": "has no equivalent: the nearest is socket.connection.setup.timeout.ms",
    "interceptor.classes": "is a list of Java classes: leave it out",
    "metric.reporters": "is a list of Java classes: leave it out; loadkit reads statistics itself",
    "metrics.sample.window.ms": "has no equivalent: loadkit reads statistics itself; leave it out",
    "exclude.internal.topics": "has no equivalent: loadkit subscribes by name; leave it out",
    "compression.gzip.level": "is named compression.level in librdkafka",
    "compression.lz4.level": "is named compression.level in librdkafka",
    "compression.zstd.level": "is named compression.level in librdkafka",
}
"""What to do instead, for names that cannot be translated."""

OWNED: Mapping[str, str] = {
    "group.id": "set group_id on the class, and it gets the target's prefix and the run id",
    "transactional.id": "set transactions on the class; each producer gets one with the target's prefix and the run id",
    "group.instance.id": "one config is shared by several members, which would fence one another",
}
"""Names that carry the prefix and the run id, so that loadkit never joins a team's group or fences its producer."""
