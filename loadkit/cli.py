"""The command: parse, call, print, exit code. With `drive` and `plain_locust` the only code that sees both halves.

Locust must be imported before anything that opens sockets, and only where load is made: each command
imports what it needs when it runs.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from loadkit import cli_cluster, cli_fleet, cli_results
from loadkit.cli_options import AnyHost, HistoryDir, Json, Metrics, Sets, Target, default_out, show, with_hands
from loadkit.errors import Interrupted, LoadkitError, UsageError
from loadkit.hands import ALONE, Hands
from loadkit.secrets import MASK, say
from loadkit.streams import Unbroken

app = typer.Typer(
    name="loadkit", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Open-loop load testing and capacity planning for clusters that speak the Kafka protocol.",
)  # fmt: skip
app.add_typer(cli_cluster.app, name="cluster")
app.add_typer(cli_fleet.app, name="fleet")


@app.command()
def quickstart(
    target: Target = "embedded",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files and the result; default: reports/quickstart-<time>.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sweep two settings on a real Kafka, started for it, and plan a cluster from that: a few minutes, two reports."""
    from loadkit import drive_size, drive_sweep, init

    folder = out or default_out(Path("quickstart"))
    file = init.quickstart(folder)
    say(f"{file} and scenario.py beside it say what is done: six points, two repeats, about three minutes")
    run = drive_sweep.Run(folder / "sweep", quiet=as_json)
    document = drive_sweep.sweep(drive_sweep.Request(file, target=target), run)
    needs = folder / "requirements.toml"
    say(f"\nand what a sizing report looks like, of {needs} and this sweep:")
    planned = drive_size.size(drive_size.Request(needs, (folder / "sweep",), folder / "plan", demo=True), quiet=as_json)
    show({**document, "plan": planned["plan"]}, as_json)
    say(f"change {file}, scenario.py or {needs.name} as you like, and try it: loadkit sweep {file}")


@app.command()
@with_hands
def run(
    scenario: Annotated[Path, typer.Argument(help="A Locust file with ProducerUser or ConsumerUser classes.")],
    target: Target = "embedded",
    set_: Sets = None,
    duration: Annotated[str, typer.Option(help="Length of the measured phase.")] = "30s",
    warmup: Annotated[str | None, typer.Option(help="Length of the warm-up; default: until flat, 5 to 30 s.")] = None,
    messages: Annotated[
        int | None, typer.Option(min=1, help="Measure until so many messages were due, instead of --duration.")
    ] = None,
    slo: Annotated[list[str] | None, typer.Option(help="Exit 1 unless this holds, like 'latency.p99 < 20ms'.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the result; default: reports/<scenario>-<time>.")] = None,
    drain_timeout: Annotated[str, typer.Option(help="Longest wait for what is in flight at the end.")] = "30s",
    keep_topics: Annotated[bool, typer.Option(help="Leave the run's topics on an external cluster.")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What happens to an embedded broker: 'kill broker 2 at 20s for 10s'; or pause, partition."),
    ] = None,
    who: Hands = ALONE,
    metrics: Metrics = None,
    as_json: Json = False,
) -> None:
    """Run one trial: connect, warm up, measure, drain, verify, report."""
    from loadkit import drive

    request = drive.Request(
        scenario=scenario, target=target, sets=tuple(set_ or ()), duration=duration, warmup=warmup, messages=messages,
        slo=tuple(slo or ()), out=out or default_out(scenario), drain_timeout=drain_timeout, keep_topics=keep_topics,
        who=who, faults=tuple(fault or ()), metrics=metrics,
    )  # fmt: skip
    document = drive.run(request, quiet=as_json)
    show(document, as_json)
    raise typer.Exit(1 if document["verdict"] == "fail" else 0)


@app.command("max")
@with_hands
def max_(
    scenario: Annotated[Path, typer.Argument(help="A Locust file with a ProducerUser class.")],
    target: Target = "embedded",
    slo: Annotated[
        list[str] | None, typer.Option(help="What must hold, like 'latency.p99 < 20ms'; as often as there are some.")
    ] = None,
    set_: Sets = None,
    start: Annotated[
        str | None, typer.Option(help="Total rate of the first probe, like 5k/s; default: the scenario's.")
    ] = None,
    duration: Annotated[str | None, typer.Option(help="Length of a probe; default: 10s, less in virtual time.")] = None,
    hold: Annotated[str | None, typer.Option(help="Length of a hold; default: 30s, less in virtual time.")] = None,
    warmup: Annotated[str | None, typer.Option(help="Length of each warm-up; default: until flat, 5 to 30 s.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the search, also of one that is to go on; default: reports/<scenario>-<time>."),
    ] = None,
    who: Hands = ALONE,
    metrics: Metrics = None,
    as_json: Json = False,
) -> None:
    """Find the highest rate within objectives: ramp, bisect, then confirm it with holds."""
    from loadkit import drive_max

    request = drive_max.Request(
        scenario=scenario, target=target, slo=tuple(slo or ()), sets=tuple(set_ or ()), start=start,
        duration=duration, hold=hold, warmup=warmup, out=out or default_out(scenario), who=who, metrics=metrics,
    )  # fmt: skip
    document, code = drive_max.find(request, quiet=as_json)
    show(document, as_json)
    raise typer.Exit(code)


@app.command()
@with_hands
def sweep(
    scenario: Annotated[Path, typer.Argument(help="A Locust file, or a TOML file of `loadkit init sweep`.")],
    target: Annotated[
        str | None, typer.Option(envvar="LOADKIT_TARGET", help="As for run; default: the file's, or embedded.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=V1,V2", help="A setting and its values: linger.ms=0,5,20; every combination is tried."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change one setting of all points.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Trials of each point; default 1.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the order of trials; default 1.")] = None,
    duration: Annotated[str | None, typer.Option(help="Measured phase of each trial; default 30s.")] = None,
    warmup: Annotated[str | None, typer.Option(help="Warm-up of each trial; default: until flat, 5 to 30 s.")] = None,
    slo: Annotated[list[str] | None, typer.Option(help="Exit 1 unless a safe point keeps this.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="The metric that names the best point; default latency.p99.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Time to spend, like 30m: the grid if it fits, else the points that promise most."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep; one that was begun goes on.")] = None,
    drain_timeout: Annotated[str, typer.Option(help="Longest wait for what is in flight at a trial's end.")] = "30s",
    who: Hands = ALONE,
    metrics: Metrics = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do, take and send.")] = False,
    as_json: Json = False,
) -> None:
    """Try every combination of settings, each on a fresh topic, and name the best."""
    from loadkit import drive_sweep

    request = drive_sweep.Request(
        scenario=scenario, target=target, vary=tuple(vary or ()), sets=tuple(set_ or ()), repeats=repeats, seed=seed,
        duration=duration, warmup=warmup, slo=tuple(slo or ()), objective=objective, budget=budget,
    )  # fmt: skip
    if dry_run:
        show(drive_sweep.dry_run(request, quiet=as_json), as_json)
        return
    document = drive_sweep.sweep(
        request, drive_sweep.Run(out or default_out(scenario), drain_timeout, as_json, who, metrics)
    )
    show(document, as_json)
    raise typer.Exit(1 if document["verdict"] == "fail" else 0)


@app.command()
def size(
    requirements: Annotated[
        Path | None, typer.Argument(help="A TOML file of `loadkit init requirements`.", show_default=False)
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Folder of a sweep, a search or a run; as often as there are some."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Plan with simulated or co-located results, labelled throughout.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(help="An older plan's folder: say what changed since, and how old its data is.")
    ] = None,
    from_cluster: Annotated[
        str | None, typer.Option(help="Only propose requirements from this running cluster, read-only: a target file.")
    ] = None,
    verify_java: Annotated[
        bool,
        typer.Option("--verify-java", help="Then run kafka-producer-perf-test with the files, beside librdkafka."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the plan; default: reports/<name>-<time>.")] = None,
    as_json: Json = False,
) -> None:
    """Plan a cluster: how many brokers of which shape, why, how long they last."""
    from loadkit import drive_size

    if from_cluster:
        if requirements or results:
            raise UsageError("--from-cluster proposes requirements: leave out the file and --from, and plan afterwards")
        show(drive_size.propose(from_cluster, out or default_out(Path("requirements")), say), as_json)
        return
    if requirements is None:
        raise UsageError("name a requirements file: `loadkit init requirements` or --from-cluster writes one")
    request = drive_size.Request(
        requirements, tuple(results or ()), out or default_out(requirements), demo, against, verify_java=verify_java
    )
    show(drive_size.size(request, quiet=as_json), as_json)


@app.command()
@with_hands
def gate(
    scenario: Annotated[Path, typer.Argument(help="A Locust file; with --candidate-scenario it is the baseline's.")],
    baseline: Annotated[str, typer.Option(help="Target of the baseline, as for run.")] = "embedded",
    candidate: Annotated[str, typer.Option(help="Target of the candidate.")] = "embedded",
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            help="'latency.p99 > +10%' of the baseline, or 'latency.p99 > 50ms'; the first is the primary. "
            "Counts are told with fewest pairs: 'requests.per_mb > +5%', 'client.cpu_per_mb > +5%'."
        ),
    ] = None,
    baseline_set: Annotated[
        list[str] | None, typer.Option(metavar="PATH=VALUE", help="Change one setting of the baseline.")
    ] = None,
    candidate_set: Annotated[
        list[str] | None, typer.Option(metavar="PATH=VALUE", help="Change one setting of the candidate.")
    ] = None,
    baseline_scenario: Annotated[Path | None, typer.Option(help="Another scenario file for the baseline.")] = None,
    candidate_scenario: Annotated[Path | None, typer.Option(help="Another scenario file for the candidate.")] = None,
    baseline_env: Annotated[str | None, typer.Option(metavar="PYTHON", help="The baseline's interpreter.")] = None,
    candidate_env: Annotated[str | None, typer.Option(metavar="PYTHON", help="The candidate's interpreter.")] = None,
    baseline_rev: Annotated[
        str | None, typer.Option(metavar="GITREV", help="Revision of the scenario's repository for the baseline.")
    ] = None,
    candidate_rev: Annotated[str | None, typer.Option(metavar="GITREV", help="The same for the candidate.")] = None,
    max_pairs: Annotated[int | None, typer.Option(min=1, help="Most pairs of trials; default 20.")] = None,
    duration: Annotated[
        str | None, typer.Option(help="Measured phase of each trial; default 30s, 10s in virtual time.")
    ] = None,
    warmup: Annotated[str | None, typer.Option(help="Warm-up of each trial; default: until flat, 5 to 30 s.")] = None,
    budget: Annotated[str | None, typer.Option(help="Time to spend, like 5m: as many pairs as fit.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of sides and of every trial.")] = 1,
    slo: Annotated[list[str] | None, typer.Option(help="What max_rate is within: 'latency.p99 < 20ms'.")] = None,
    full: Annotated[bool, typer.Option("--full", help="max_rate by a search a side, not at three rates.")] = False,
    max_from: Annotated[Path | None, typer.Option(help="A finished `loadkit max` of the baseline.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="The baseline against itself: store what this machine can resolve.")
    ] = False,
    history: HistoryDir = None,
    any_host: AnyHost = False,
    who: Hands = ALONE,
    out: Annotated[Path | None, typer.Option(help="Folder of the gate; one that was begun goes on.")] = None,
    as_json: Json = False,
) -> None:
    """Compare a candidate with a baseline in interleaved pairs: exit 0 pass, 1 fail, 4 inconclusive."""
    if not (baseline_scenario or candidate_scenario or baseline_env or candidate_env or baseline_rev or candidate_rev):
        import_module("loadkit.session")  # brings Locust, which patches sockets, before anything else opens one
    from loadkit import drive_gate, drive_history
    from loadkit.gate_sides import Side

    sides = (
        Side("baseline", baseline, baseline_scenario or scenario, tuple(baseline_set or ()), baseline_env, baseline_rev),
        Side("candidate", candidate, candidate_scenario or scenario, tuple(candidate_set or ()), candidate_env,
             candidate_rev),
    )  # fmt: skip
    request = drive_gate.Request(
        sides=sides, fail_if=tuple(fail_if or ()), out=out or default_out(scenario), max_pairs=max_pairs,
        duration=duration, warmup=warmup, budget=budget, seed=seed, slo=tuple(slo or ()), full=full, max_from=max_from,
        history=drive_history.History(history, any_host) if history else None, who=who,
    )  # fmt: skip
    if calibrate:
        from loadkit import drive_calibrate

        document, code = drive_calibrate.calibrate(request, quiet=as_json)
    else:
        document, code = drive_gate.gate(request, quiet=as_json)
    show(document, as_json)
    raise typer.Exit(code)


app.command()(cli_fleet.calibrate)
app.command()(cli_fleet.worker)
app.command()(cli_results.report)
app.command()(cli_results.compare)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Configs of clients, topics, brokers, alerts; or folders.")],
    outage: Annotated[
        str | None, typer.Option(help="Longest that consumers may be away and catching up, like 8h.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option(help="What the cluster runs on, like msk-express, where that sets copies itself.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is unsafe in config files, whoever wrote them, and the way out; exit 1 if anything is."""
    from loadkit import drive_check

    judged = drive_check.judge(files, outage, platform)
    if as_json:
        show(drive_check.document(judged), as_json)
    else:
        print(MASK.text(drive_check.text(judged)))
    raise typer.Exit(judged.exit_code)


@app.command()
def doctor(
    target: Target = "embedded",
    offline: Annotated[bool, typer.Option(help="Only read and check the file.")] = False,
    as_json: Json = False,
) -> None:
    """Check that a target can be loaded, and say what to fix."""
    from loadkit import commands

    findings = commands.doctor(target, offline, say)
    if as_json:
        show({"schema": 1, "command": "doctor", "findings": [asdict(finding) for finding in findings]}, as_json)
    else:
        print(commands.findings_text(findings))
    raise typer.Exit(3 if any(finding.status == "fail" for finding in findings) else 0)


@app.command()
def init(
    kind: Annotated[str, typer.Argument(help="target, scenario, sweep, requirements, dashboard or alerts.")],
    path: Annotated[
        Path | None, typer.Argument(help="Where to write it; default: target.toml, scenario.py, ... here.")
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="Of a target: msk-iam, msk-scram, confluent-cloud, event-hubs, google-managed-kafka, redpanda, strimzi.",
        ),
    ] = None,
) -> None:
    """Write a commented target file, scenario, sweep or requirements to start from; or what watches --metrics."""
    from loadkit import init as templates

    print(f"wrote {templates.write(kind, path, platform)}")


@app.command()
def clean(
    target: Target = "embedded", run_id: Annotated[str | None, typer.Option(help="Only this run's.")] = None
) -> None:
    """Delete what loadkit's ledger says earlier runs made on a target and left there."""
    from loadkit import commands

    print(commands.clean(target, run_id))


def main() -> None:
    """Run the command and exit with the code that `errors` gives each failure; a reader that is gone is none."""
    sys.stdout, sys.stderr = Unbroken(sys.stdout), Unbroken(sys.stderr)  # type: ignore[assignment]
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
        sys.exit(code)
    except LoadkitError as error:
        say(str(error) if isinstance(error, Interrupted) else f"error: {error}")
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except Exception as error:
        _usage_or_bug(error)


def _usage_or_bug(error: Exception) -> None:
    """Exit 2 for what the command line parser refused, 70 for a bug of ours with its traceback in a file."""
    if hasattr(error, "format_message"):
        say(f"error: {error.format_message()}")
        sys.exit(UsageError.exit_code)
    with tempfile.NamedTemporaryFile("w", prefix="loadkit-bug-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(MASK.text(traceback.format_exc()))
    say(f"error: a bug in loadkit ({type(error).__name__}: {error}); the traceback is in {file.name}")
    sys.exit(70)
