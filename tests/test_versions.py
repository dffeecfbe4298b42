"""ApiVersions answers, byte by byte."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.targets import versions
from loadkit.targets.versions import Answer

NAME = b"metadata.version"


def answer(fetch: int, level: int | None) -> bytes:
    """Return a response of version 3 with one API and one feature, as the protocol guide lays it out."""
    body = struct.pack(">ihB", 7, 0, 2) + struct.pack(">hhhB", 1, 0, fetch, 0) + struct.pack(">i", 0)
    if level is None:
        return body + b"\0"
    supported = bytes([2, len(NAME) + 1]) + NAME + struct.pack(">hhB", 1, level, 0)
    finalized = bytes([2, len(NAME) + 1]) + NAME + struct.pack(">hhB", level - 1, 1, 0)
    epoch = struct.pack(">q", 3)
    return (
        body
        + bytes([3, 0, len(supported)])
        + supported
        + bytes([1, 8])
        + epoch
        + bytes([2, len(finalized)])
        + finalized
    )


@pytest.mark.parametrize(
    ("level", "release"), [(1, "3.0"), (14, "3.6"), (19, "3.7"), (25, "4.0"), (30, "4.3"), (99, "4.4")]
)
def test_the_highest_feature_level_tells_the_release(level: int, release: str) -> None:
    """Levels as in Kafka's MetadataVersion."""
    found = versions.parse(answer(17, level))
    assert found.release == release
    assert found.finalized == {"metadata.version": level - 1}


@pytest.mark.parametrize(
    ("fetch", "release"), [(11, "at least 2.3"), (13, "at least 3.1"), (17, "at least 3.9"), (2, "")]
)
def test_without_features_the_protocol_gives_a_least_release(fetch: int, release: str) -> None:
    """Brokers with ZooKeeper have none."""
    assert versions.parse(answer(fetch, None)).release == release


def test_a_broker_before_2_4_answers_in_version_0() -> None:
    """Error 35 comes in the old layout, with what it knows."""
    old = struct.pack(">ihi", 7, 35, 1) + struct.pack(">hhh", 1, 0, 11)
    assert versions.parse(old) == Answer({1: 11}, {}, {})


def test_the_request_has_the_length_it_says() -> None:
    """And its header names API 18, version 3."""
    (size,) = struct.unpack_from(">i", versions.request())
    assert size == len(versions.request()) - 4
    assert struct.unpack_from(">hhi", versions.request(), 4) == (18, 3, 7)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_otherwise(junk: bytes) -> None:
    """What is no answer raises one of three errors, which `ask` turns into None."""
    with contextlib.suppress(ValueError, IndexError, struct.error):
        versions.parse(struct.pack(">ih", 7, 0) + junk)


def test_a_closed_port_is_no_answer() -> None:
    """None, not an exception: a version is nice to have."""
    assert versions.ask("127.0.0.1", 1, None, 0.5) is None


def test_tls_is_off_without_a_tls_protocol() -> None:
    """And verification follows librdkafka's two switches."""
    assert versions.tls({"security.protocol": "sasl_plaintext"}) is None
    strict = versions.tls({"security.protocol": "ssl"})
    assert strict is not None
    assert strict.check_hostname
    lax = versions.tls({"security.protocol": "sasl_ssl", "enable.ssl.certificate.verification": "false"})
    assert lax is not None
    assert not lax.check_hostname
