"""Which points Optuna would try next: the only code that knows it, imported when a guided sweep first asks.

The sampler is the multivariate, multi-objective Tree-structured Parzen Estimator (Bergstra et al., NIPS 2011; Ozaki et
al., JAIR 73, 2022). It is made anew for each suggestion, told everything that was measured, and seeded: the same trials
always give the same points, so a sweep that was killed needs nothing from the process that died.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from loadkit.errors import UsageError
from loadkit.sweep.goals import Losses
from loadkit.sweep.lattice import Lattice
from loadkit.sweep.screening import Digits


def require() -> None:
    """Raise UsageError naming the extra where Optuna is not installed; it is not imported yet."""
    if find_spec("optuna") is None:
        raise UsageError(
            "--budget is less than the whole grid takes, and choosing among its points needs Optuna: "
            "pip install 'loadkit[search]', or give the time that --dry-run names without --budget"
        )


def proposals(
    lattice: Lattice, base: Digits, live: Sequence[int], told: Mapping[Digits, Losses], seed: int
) -> Iterator[Digits]:
    """Yield points that promise most by what was measured, without end; the live axes move, the others stand at base.

    A point that was told and is proposed again is told again before the next one.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {str(axis): _distribution(optuna, lattice, axis) for axis in live}
    goals = len(next(iter(told.values())))
    study = optuna.create_study(directions=["minimize"] * goals, sampler=_sampler(optuna, seed))
    for digits, losses in told.items():
        params = {str(axis): lattice.rank(axis, digits[axis]) for axis in live}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, values=list(losses)))
    while True:
        trial = study.ask(space)
        found = list(base)
        for axis in live:
            found[axis] = lattice.at_rank(axis, trial.params[str(axis)])
        digits = tuple(found)
        yield digits
        if digits in told:
            study.tell(trial, list(told[digits]))
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)


def _sampler(optuna: Any, seed: int) -> Any:
    """Return the sampler; without random trials at the start, for screening has gone before."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # `multivariate` has been one since 2.2
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=True)


def _distribution(optuna: Any, lattice: Lattice, axis: int) -> Any:
    """Return an axis as Optuna sees it: ranks of numbers lie side by side, words do not."""
    ranks = range(lattice.sizes[axis])
    if lattice.ordered(axis):
        return optuna.distributions.IntDistribution(0, len(ranks) - 1)
    return optuna.distributions.CategoricalDistribution(list(ranks))
