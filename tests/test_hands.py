"""Who makes the load, as flags say it: addresses, tokens, and who may listen where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loadkit.errors import UsageError
from loadkit.gate_sides import Side, reached_by
from loadkit.hands import ALONE, PORT, TOKEN, Hands, address, hands, is_loopback, refuse_public, token
from loadkit.secrets import MASK

SECRET = "a-token-of-the-test-0123456789"


def asked(
    workers: int = 0, expected: int = 0, bind: str | None = None, file: Path | None = None, public: bool = False,
    within: str | None = None,
) -> Hands:  # fmt: skip
    """Return what flags mean."""
    return hands(workers, expected, bind, file, public, within)


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the tester's own token away."""
    monkeypatch.delenv(TOKEN, raising=False)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.5", "10.0.0.5", PORT),
        ("master.local:6000", "master.local", 6000),
        ("*:0", "*", 0),
        ("[fe80::1]:6000", "fe80::1", 6000),
        ("fe80::1", "fe80::1", PORT),
        ("[::1]", "::1", PORT),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(text: str, host: str, port: int) -> None:
    """An IPv6 address with a port stands in brackets."""
    assert address(text, "--master") == (host, port)


@pytest.mark.parametrize("text", ["", ":6000", "host:port", "host:", "host:70000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """The flag is named, with an example."""
    with pytest.raises(UsageError, match=r"--master .* is no address: write it like"):
        address(text, "--master")


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.8.9.10", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("*", False),
     ("::", False), ("10.0.0.5", False), ("no.such.host.invalid", False)],
)  # fmt: skip
def test_only_a_loopback_address_is_this_machines_alone(host: str, here: bool) -> None:
    """Every interface is not, and neither is what cannot be told."""
    assert is_loopback(host) is here


def test_beyond_this_machine_there_must_be_a_token_or_leave_for_all(tmp_path: Path) -> None:
    """The refusal names both ways out; with either of them, or on this machine alone, there is none."""
    with pytest.raises(UsageError, match=r"0\.0\.0\.0:6000") as refused:
        asked(expected=2, bind="0.0.0.0:6000")
    assert refused.value.exit_code == 2
    assert "--token-file" in str(refused.value)
    assert "--allow-public" in str(refused.value)
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    guarded = asked(expected=2, bind="0.0.0.0:6000", file=file)
    assert (guarded.host, guarded.port, guarded.token) == ("0.0.0.0", 6000, SECRET)
    assert asked(expected=2, bind="0.0.0.0", public=True).port == PORT
    assert asked(expected=2) == Hands(expected=2, host="127.0.0.1", port=PORT)
    assert hands(0, 0, None, None, True, None, served=True).public, "it may be about the metrics alone"
    refuse_public("localhost", "--web-host localhost", authenticated=False, allow_public=False)


def test_a_token_is_read_from_a_file_or_the_environment_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file wins; short ones are refused, and no text holds it."""
    file = tmp_path / "token"
    file.write_text(f"{SECRET}-of-a-file\n")
    monkeypatch.setenv(TOKEN, SECRET)
    assert token(None) == SECRET
    assert token(file) == f"{SECRET}-of-a-file"
    assert SECRET not in repr(asked(expected=1))
    assert SECRET not in MASK.text(f"the token is {SECRET}")
    monkeypatch.setenv(TOKEN, "short")
    with pytest.raises(UsageError, match="16 characters or more"):
        token(None)
    file.write_text("")
    with pytest.raises(UsageError, match="16 characters or more"):
        token(file)
    with pytest.raises(UsageError, match="No such file"):
        token(tmp_path / "missing")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (lambda: asked(workers=2, expected=2), "give one of them"),
        (lambda: asked(workers=2, bind="10.0.0.5"), "--master-bind is about"),
        (lambda: asked(public=True), "--allow-public is about"),
        (lambda: asked(within="5m"), "--expect-within is about"),
        (lambda: asked(file=Path("token")), "--token-file is about"),
        (lambda: asked(expected=1, within="soon"), "--expect-within: "),
    ],
)
def test_flags_that_cannot_work_together_are_refused(flags: Callable[[], Hands], said: str) -> None:
    """Each in one sentence."""
    with pytest.raises(UsageError, match=said):
        flags()


def test_a_gate_has_load_processes_only_where_its_sides_run_in_one_process(tmp_path: Path) -> None:
    """Sides with files of their own, and a search of the highest rate, are refused with the way out."""
    one, other = Side("baseline", "simulated", tmp_path / "a.py"), Side("candidate", "simulated", tmp_path / "b.py")
    assert reached_by((one, other), ALONE, searched=True) == (one, other)
    with pytest.raises(UsageError, match="--workers: sides of another file"):
        reached_by((one, other), Hands(own=2), searched=False)
    with pytest.raises(UsageError, match=r"--expect-workers: a gate of max_rate .* --max-from"):
        reached_by((one, one), Hands(expected=2), searched=True)
