"""Kafka's own tools from the embedded jars, as an application's file or a plan's script would run them."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster

PERF = "org.apache.kafka.tools.ProducerPerformance"
CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
WARNING = "were supplied but are not used"
"""What a client of Kafka's own says of settings that it does not know."""
LOGGING = """\
status=error
rootLogger=INFO, err
appender.err.type=Console
appender.err.name=err
appender.err.target=SYSTEM_ERR
appender.err.layout.type=PatternLayout
appender.err.layout.pattern=%p %m%n
"""


def tool(folder: Path, main: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Return one of Kafka's own tools when it has ended, its warnings on stderr."""
    file = folder / "logging.properties"
    file.write_text(LOGGING)
    java_, *classpath = embedded.java_command()
    command = [java_, "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={file}", *classpath, main, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def at_once(folder: Path, runs: list[tuple[str, list[str]]]) -> list[subprocess.CompletedProcess[str]]:
    """Return several tools when all have ended."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda run: tool(folder, run[0], *run[1]), runs))


def produce(cluster: EmbeddedCluster, topic: str, file: Path, messages: int = 50) -> tuple[str, list[str]]:
    """Return the tool and the arguments that send some messages with a producer file."""
    return PERF, ["--topic", topic, "--num-records", str(messages), "--record-size", "100", "--throughput", "-1",
                  "--bootstrap-server", cluster.bootstrap, "--command-config", str(file)]  # fmt: skip


def consume(cluster: EmbeddedCluster, topic: str, file: Path) -> tuple[str, list[str]]:
    """Return the tool and the arguments that receive a message with a consumer file."""
    return CONSUMER, ["--topic", topic, "--bootstrap-server", cluster.bootstrap, "--max-messages", "1",
                      "--timeout-ms", "60000", "--command-config", str(file)]  # fmt: skip


def made_topics(script: Path, cluster: EmbeddedCluster, folder: Path) -> None:
    """Run a plan's script of topic commands; fail with what it said where it fails."""
    java_, option, classpath = embedded.java_command()
    mains = {"kafka-topics.sh": "org.apache.kafka.tools.TopicCommand", "kafka-configs.sh": "kafka.admin.ConfigCommand"}
    for name, main in mains.items():
        (folder / name).write_text(
            f'#!/bin/sh\nexec {java_} -XX:TieredStopAtLevel=1 {option} "$LOADKIT_CP" {main} "$@"\n'
        )
        (folder / name).chmod(0o755)
    env = {**os.environ, "BOOTSTRAP_SERVERS": cluster.bootstrap, "KAFKA_BIN": str(folder), "LOADKIT_CP": classpath}
    done = subprocess.run([str(script)], env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
