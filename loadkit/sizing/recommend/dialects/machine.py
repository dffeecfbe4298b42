"""The JVM's options, the kernel's settings and the limits of the broker's service."""

from __future__ import annotations

from loadkit.sizing.recommend.words import about, commented, header, joined
from loadkit.sizing.settings.model import Recommended

TITLE = "JVM and operating system"


def files(plan: Recommended) -> dict[str, str]:
    """Return the environment of `kafka-server-start.sh`, a file for /etc/sysctl.d and a drop-in for systemd."""
    return {"machine/kafka-env.sh": _env(plan), "machine/99-kafka.conf": _sysctl(plan),
            "machine/kafka.service.d/limits.conf": _limits(plan)}  # fmt: skip


def _env(plan: Recommended) -> str:
    heap = " ".join(one.name + one.value for one in plan.jvm if one.name.startswith("-Xm"))
    other = " ".join(one.name + one.value for one in plan.jvm if not one.name.startswith("-Xm"))
    lines = commented([*header(plan.facts, "JVM of the brokers"), "Source it before kafka-server-start.sh, whose own "
                       "default is a heap of 1 GB."])  # fmt: skip
    for option in plan.jvm:
        lines += ["", *commented(about(option, ""))]
    return joined([*lines, "", f"export KAFKA_HEAP_OPTS='{heap}'", f"export KAFKA_JVM_PERFORMANCE_OPTS='{other}'"])


def _sysctl(plan: Recommended) -> str:
    lines = commented([*header(plan.facts, "Kernel of the brokers' machines"), "For /etc/sysctl.d, then sysctl -p."])
    for setting in plan.kernel:
        lines += ["", *commented(about(setting, "")), f"{setting.name} = {setting.value}"]
    return joined(lines)


def _limits(plan: Recommended) -> str:
    lines = [*commented(header(plan.facts, "Limits of the brokers' service")), "[Service]"]
    for setting in plan.limits:
        lines += ["", *commented(about(setting, "")), f"{setting.name}={setting.value}"]
    return joined(lines)
