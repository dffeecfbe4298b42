"""Load processes that are unlike their master are refused, with the difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from ahead import ahead
from locust_process import ORDERS, Ended, Locust, free_port, write

from loadkit import keys, payloads
from loadkit.agreement import differences, files, mark, terms
from loadkit.scenario import ProducerWorkload, Scenario, Topic
from loadkit.target import load_target

LOW = ["--target", "simulated", "--warmup", "1s", "-t", "60s"]


def test_what_differs_is_named_with_both_sides() -> None:
    """A name that one side does not know is none there."""
    assert differences({"loadkit": "2", "locust": "3"}, {"loadkit": "2", "locust": "3"}) == ""
    assert (
        differences({"loadkit": "2", "a": "1"}, {"loadkit": "3"})
        == "a none there and 1 here, loadkit 3 there and 2 here"
    )


def test_the_mark_is_of_the_files_that_the_classes_stand_in(tmp_path: Path) -> None:
    """Not of their names or places: a copy elsewhere agrees, a changed one does not; built-in classes have no file."""

    def of(name: str, text: str) -> str:
        module: dict[str, object] = {"__name__": name, "__file__": str(write(tmp_path / f"{name}.py", text))}
        made = type(name, (), {"__module__": name})
        import sys
        from types import ModuleType

        sys.modules[name] = ModuleType(name)
        sys.modules[name].__dict__.update(module)
        try:
            return terms([made, int])["scenario file"]
        finally:
            del sys.modules[name]

    assert of("agreed_one", "rate = 1\n") == of("agreed_two", "rate = 1\n") != of("agreed_three", "rate = 2\n")
    assert set(terms([])) == {"loadkit", "locust", "librdkafka", "scenario file"}


def test_what_payloads_and_keys_are_read_from_is_marked_by_its_contents(tmp_path: Path) -> None:
    """A file that is missing, and one whose contents changed, are another; what reads no file has no mark."""
    values, names = write(tmp_path / "values.jsonl", "{}\n"), write(tmp_path / "names", "a\nb\n")
    topic = Topic("orders", partitions=4)
    scenario = Scenario(name="orders", producers=(
        ProducerWorkload(name="Replayed", topic=topic, payload=payloads.replay(values), key=keys.file(names)),
        ProducerWorkload(name="Made", topic=topic),
    ))  # fmt: skip
    before = files(scenario)
    assert set(before) == {"Replayed.payload.file", "Replayed.key.path"}
    assert files(Scenario.model_validate(scenario.model_dump(mode="json"))) == before
    write(values, "[]\n")
    names.unlink()
    after = files(scenario)
    assert after["Replayed.payload.file"] != before["Replayed.payload.file"]
    assert after["Replayed.key.path"] == "missing"


def test_a_target_file_is_the_same_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its contents count, not its place, and not the secret that a reference in it names on this machine."""
    text = (
        '[client]\n"bootstrap.servers" = "b1:9092"\n"security.protocol" = "SASL_SSL"\n"sasl.mechanism" = "PLAIN"\n'
        '"sasl.username" = "tester"\n"sasl.password" = "${LOADKIT_TEST_PASSWORD}"\n'
    )
    limits = '[limits]\nmax_rate = "50MB/s"\nmax_bytes = "1GB"\nmax_partitions = %d\n'
    monkeypatch.setenv("LOADKIT_TEST_PASSWORD", "one")
    here = mark(load_target(str(write(tmp_path / "staging.toml", text + limits % 100))))
    (tmp_path / "there").mkdir()
    monkeypatch.setenv("LOADKIT_TEST_PASSWORD", "b1")
    there = load_target(str(write(tmp_path / "there" / "staging.toml", text + limits % 100)))
    there.client_config("admin")  # reads it
    assert here == mark(there) is not None
    assert here != mark(load_target(str(write(tmp_path / "staging.toml", text + limits % 101))))
    assert mark(load_target("embedded:3")) is None


@ahead
def unlike(folder: Path) -> tuple[Ended, Ended]:
    """Return a master and a load process whose scenario file is another."""
    other = write(folder / "orders.py", ORDERS.read_text() + "# changed\n")
    port = str(free_port())
    flags = ["--headless", "--master", "--expect-workers", "1", "--master-bind-port", port]
    master = Locust(folder / "master", *flags, *LOW)
    worker = Locust(folder / "worker", "--worker", "--master-port", port, *LOW, file=other)
    try:
        return master.ended(), worker.ended()
    finally:
        master.kill()
        worker.kill()


def test_a_run_does_not_start_with_a_process_that_has_another_file(unlike: tuple[Ended, Ended]) -> None:
    """Both end with 2 and one sentence that names the difference."""
    for ended in unlike:
        assert ended.clean().code == 2, ended.said
        (said,) = ended.errors
        assert "scenario file" in said
        assert "give all hosts the same loadkit and the same scenario file" in said
