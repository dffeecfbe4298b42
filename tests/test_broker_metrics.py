"""Broker metrics from pages of the JMX exporter."""

from __future__ import annotations

import io
from functools import partial
from http.client import IncompleteRead
from typing import Any

import pytest

from loadkit.telemetry import broker
from loadkit.telemetry.broker import Brokers, parse

PAGE = """\
# HELP jvm_memory_used_bytes Used bytes of a given JVM memory area.
# TYPE jvm_memory_used_bytes gauge
jvm_memory_used_bytes{{area="heap",}} 4.0E8
jvm_memory_used_bytes{{area="nonheap",}} 9.0E7
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu}
# TYPE kafka_server_BrokerTopicMetrics_BytesIn_total counter
kafka_server_BrokerTopicMetrics_BytesIn_total {bytes_in}
kafka_server_BrokerTopicMetrics_BytesIn_total{{topic="orders",}} 77
# TYPE kafka_server_brokertopicmetrics_messagesin_total untyped
kafka_server_brokertopicmetrics_messagesin_total {messages}
# TYPE kafka_server_kafkarequesthandlerpool_requesthandleravgidle_total untyped
kafka_server_kafkarequesthandlerpool_requesthandleravgidle_total {idle}
kafka_network_socketserver_networkprocessoravgidle_percent 0.87
kafka_server_replicamanager_underreplicatedpartitions 3
kafka_network_requestmetrics_totaltimems{{request="Produce",quantile="0.99",}} 12.5
kafka_network_requestmetrics_totaltimems{{request="Produce",quantile="0.50",}} 2.5
kafka_network_requestmetrics_requestqueuetimems{{request="Produce",quantile="0.99",}} 1.5
kafka_network_requestmetrics_totaltimems{{request="FetchConsumer",quantile="0.99",}} 505
"""


def page(cpu: float = 10, bytes_in: float = 1e6, messages: float = 1000, idle: float = 5e9) -> str:
    """Return a page as an exporter serves it."""
    return PAGE.format(cpu=cpu, bytes_in=bytes_in, messages=messages, idle=idle)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what each address answers: a page, or an error to raise."""
    pages: dict[str, Any] = {}

    def open_it(url: str, timeout: float) -> io.BytesIO:
        assert timeout == broker.TIMEOUT
        if isinstance(pages[url], Exception):
            raise pages[url]
        return io.BytesIO(pages[url].encode())

    monkeypatch.setattr(broker, "urlopen", open_it)
    return pages


def test_gauges_are_there_at_once_and_rates_from_the_second_scrape_on(served: dict[str, Any]) -> None:
    """Counters become rates between two scrapes; a topic's own series is not the broker's; names are read in any case."""
    brokers = Brokers(["a"])
    served["a"] = page()
    (first,) = brokers.sample(lambda: 100.0)
    assert first == {
        "kind": "broker", "name": "broker 1", "network_idle": 0.87, "under_replicated": 3.0, "heap": 4e8,
        "produce_p99": 0.0125, "produce_queue_p99": 0.0015, "fetch_p99": 0.505,
    }  # fmt: skip
    served["a"] = page(cpu=11, bytes_in=3e6, messages=1500, idle=5.5e9)
    (second,) = brokers.sample(lambda: 102.0)
    rates = {name: second[name] for name in ("cpu", "bytes_in", "messages_in", "request_idle")}
    assert rates == pytest.approx({"cpu": 0.5, "bytes_in": 1e6, "messages_in": 250, "request_idle": 0.25})


TIMES = """\
kafka_network_requestmetrics_totaltimems_count_total{{request="Produce",}} {count}
kafka_network_requestmetrics_totaltimems_count_total{{request="FetchConsumer",}} 9
"""


def times(count: int, **sums: float) -> str:
    """Return the lines of produce requests' times: so many, and the sum (ms) of each part."""
    lines = [TIMES.format(count=count)]
    for part in ("total", "requestqueue", "local", "remote", "responsequeue", "responsesend"):
        mean = sums.get(part, 0.0) / count
        name = f"kafka_network_requestmetrics_{part}timems"
        lines.append(f'{name}_mean{{request="Produce",}} {mean!r}\n{name}_mean{{request="FetchConsumer",}} 500.0\n')
        if part != "total":
            lines.append(f'{name}_count_total{{request="Produce",}} {count}\n')
    return "".join(lines)


def test_times_of_produce_requests_are_sums_since_the_last_scrape(served: dict[str, Any]) -> None:
    """A mean since the broker's start times a count is a sum; the growth of two of them is exact over any interval."""
    brokers = Brokers(["a"])
    served["a"] = times(1_000_003, total=5_000_000, local=2_000_000, remote=1_000_000, responsequeue=7)
    (first,) = brokers.sample(lambda: 100.0)
    assert not any(name.startswith("produce_") for name in first)
    served["a"] = times(
        1_000_053, total=5_000_900, local=2_000_650, remote=1_000_200, responsequeue=17, responsesend=40
    )
    (second,) = brokers.sample(lambda: 103.0)
    assert {name: value for name, value in second.items() if name.startswith("produce_")} == pytest.approx(
        {"produce_count": 50, "produce_sum": 0.9, "produce_queue_sum": 0, "produce_local_sum": 0.65,
         "produce_remote_sum": 0.2, "produce_response_sum": 0.05}, abs=1e-6
    )  # fmt: skip


def test_an_idle_ratio_is_never_above_one_and_a_restarted_broker_has_no_negative_rate(served: dict[str, Any]) -> None:
    """Timers overlap a little, and counters start anew."""
    brokers = Brokers(["a"])
    for now, idle, bytes_in in ((0.0, 0, 500), (1.0, 1.01e9, 0)):
        served["a"] = page(idle=idle, bytes_in=bytes_in)
        (row,) = brokers.sample(partial(float, now))
    assert (row["request_idle"], row["bytes_in"]) == (1.0, 0.0)


@pytest.mark.parametrize("error", [OSError("refused"), ValueError("bad url"), IncompleteRead(b"ab", 9), TimeoutError()])
def test_a_broker_that_does_not_answer_leaves_the_others_their_names(served: dict[str, Any], error: Exception) -> None:
    """Whatever goes wrong with one page ends neither the run nor the numbering."""
    served |= {"a": error, "b": page()}
    assert [row["name"] for row in Brokers(["a", "b"]).sample(lambda: 1.0)] == ["broker 2"]


@pytest.mark.parametrize("text", ["<html>404</html>", "a{b=", "a 1 2 3 4", 'a{b="c"} x', "\ufffd"])
def test_a_page_that_is_no_metrics_page_is_passed_over(served: dict[str, Any], text: str) -> None:
    """An address that serves something else gives no row, or none of our numbers, and no error."""
    served["a"] = text
    rows = Brokers(["a"]).sample(lambda: 1.0)
    assert all(set(row) == {"kind", "name"} for row in rows)


def test_samples_are_named_in_lower_case_and_no_others_are_parsed() -> None:
    """Exporters' rules differ in case, and a page has hundreds of lines that no row needs."""
    text = 'Process_CPU_seconds_total{A="b"} 5\nkafka_server_x{A="b"} 5\nnot a metric {{{\n'
    assert list(parse(text)) == [("process_cpu_seconds_total", {"A": "b"}, 5.0)]


MSK = """\
# HELP kafka_server_BrokerTopicMetrics_Count Attribute exposed for management
# TYPE kafka_server_BrokerTopicMetrics_Count untyped
kafka_server_BrokerTopicMetrics_Count{{name="BytesInPerSec",}} {bytes_in}
kafka_server_BrokerTopicMetrics_Count{{name="BytesInPerSec",topic="orders",}} 77
kafka_server_BrokerTopicMetrics_Count{{name="MessagesInPerSec",}} {messages}
kafka_server_BrokerTopicMetrics_OneMinuteRate{{name="BytesInPerSec",}} 12345.0
kafka_server_KafkaRequestHandlerPool_Count{{name="RequestHandlerAvgIdlePercent",}} {idle}
kafka_network_SocketServer_Value{{name="NetworkProcessorAvgIdlePercent",}} 0.87
kafka_server_ReplicaManager_Value{{name="UnderReplicatedPartitions",}} 3
kafka_network_RequestMetrics_99thPercentile{{name="TotalTimeMs",request="Produce",}} 12.5
kafka_network_RequestMetrics_99thPercentile{{name="RequestQueueTimeMs",request="Produce",}} 1.5
kafka_network_RequestMetrics_99thPercentile{{name="TotalTimeMs",request="FetchConsumer",}} 505
kafka_network_RequestMetrics_Count{{name="TotalTimeMs",request="Produce",}} {count}
kafka_network_RequestMetrics_Count{{name="LocalTimeMs",request="Produce",}} {count}
kafka_network_RequestMetrics_Mean{{name="TotalTimeMs",request="Produce",}} {mean}
kafka_network_RequestMetrics_Mean{{name="LocalTimeMs",request="Produce",}} {mean}
jvm_memory_bytes_used{{area="heap",}} 4.0E8
process_cpu_seconds_total {cpu}
"""
"""A page of Amazon MSK's open monitoring: an exporter without rules, and an older one."""


def test_a_page_of_an_exporter_without_rules_gives_the_same_row(served: dict[str, Any]) -> None:
    """Open monitoring of MSK serves beans under the exporter's own names; what they say is the same."""
    rows = []
    for text in (page, MSK.format):
        brokers = Brokers(["a"])
        for now, more in ((100.0, 0.0), (102.0, 1.0)):
            told = {
                "cpu": 10 + more,
                "bytes_in": 1e6 + 2e6 * more,
                "messages": 1000 + 500 * more,
                "idle": 5e9 + 5e8 * more,
            }
            extra = {"count": 100 + 50 * more, "mean": 4.0} if text != page else {}
            served["a"] = text(**told, **extra)
            (row,) = brokers.sample(partial(float, now))
        rows.append(row)
    example, msk = rows
    assert {name: msk[name] for name in example} == pytest.approx(example)
    assert {name: msk[name] for name in msk if name not in example} == pytest.approx(
        {"requests_produce": 25, "produce_count": 50, "produce_sum": 0.2, "produce_local_sum": 0.2}
    )
