"""What TLS costs, as a case of the bench."""

from __future__ import annotations

from pathlib import Path

from bench.case import Case
from bench.figures import Criterion, ratios
from bench.lab import Lab, column
from loadkit.targets import embedded

_DOORS = {"plaintext": "plaintext", "TLS": "tls"}


def tls(lab: Lab, pairs: int) -> Case:
    """Return flat-out producers at two listeners of one cluster: in the clear and over TLS."""
    warmup, seconds = lab.length(5), lab.length(8)
    spec = embedded.EmbeddedSpec.parse(f"embedded?security={','.join(_DOORS.values())}")
    with embedded.start(spec, lab.say) as cluster:
        state = embedded.state_of(cluster)

        def target(door: str) -> Path:
            path, client = lab.folder / f"{door}.toml", cluster.by(door)
            path.write_text(embedded.target_toml(state.through(client)), "utf-8")
            return path

        def through(door: str) -> dict[str, float]:
            trial = lab.loadkit("producing", warmup, seconds, target=target(door))
            start, end = trial.measured
            rate = trial.total("producer", "acked", start, end) / (end - start)
            return {"rate": rate, "cpu": trial.metric("client.cpu_per_message")}

        contestants = {name: (lambda door=door: through(door)) for name, door in _DOORS.items()}
        contestants["plaintext"]()  # the broker's JVM is cold
        rounds = lab.interleaved(pairs, contestants)

    def over(figure: str) -> tuple[float, ...]:
        return tuple(ratios(column(rounds, "TLS", figure), column(rounds, "plaintext", figure)))

    return Case(
        "tls", "Producing 100 B flat out over TLS",
        "The producers of `producing` at two listeners of one broker, which shares the cores with them; TLS 1.3 with a "
        f"P-256 certificate. {warmup:g} s of warm-up, then {seconds:g} s. What TLS costs is the cluster's and the "
        "client library's, not loadkit's: it is stated, not judged.",
        rounds,
        [
            Criterion("rate, TLS / plaintext", over("rate")),
            Criterion("CPU a message, TLS / plaintext", over("cpu"), sense="<="),
        ],
    )  # fmt: skip
