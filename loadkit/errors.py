"""Every error loadkit raises on purpose, as one tree.

    LoadkitError                 70  a bug of ours, when nothing below fits
    ├── UsageError                2  a flag, path or combination that cannot work
    │   ├── ScenarioError         2  the scenario file or a setting in it
    │   ├── TargetFileError       2  the target name or target file
    │   └── PlanError             2  a plan whose config files would break a rule of safety
    ├── TargetError               3  the cluster refused or could not be reached
    │   └── TopicError            3  a topic is missing, foreign, or refuses what we send
    ├── RunError                  3  a run that had begun and could not go on
    ├── FleetError                3  load processes and their master did not come together
    └── Interrupted             130  SIGINT or SIGTERM; what was measured is kept

The number is the exit code of the command. `cli.main` is the one place that catches them.
Each message names the place and the way out, in one or two sentences.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LoadkitError(Exception):
    """Base of every error raised on purpose."""

    exit_code = 70


class UsageError(LoadkitError):
    """A flag, path or combination of them that cannot work."""

    exit_code = 2


class ScenarioError(UsageError):
    """The scenario file, or a setting in it, is wrong."""


class TargetFileError(UsageError):
    """The target's name or file is wrong."""


class PlanError(UsageError):
    """A plan whose config files would break a rule of safety: none is written."""


class TargetError(LoadkitError):
    """The cluster could not be reached or refused what we asked."""

    exit_code = 3
    code = ""
    """The name of Kafka's or librdkafka's error code, where there was one."""


class TopicError(TargetError):
    """A topic is missing, was not made by loadkit, or refuses what we send."""


class RunError(LoadkitError):
    """A run that had begun could not go on; what was measured stays on disk."""

    exit_code = 3


class FleetError(LoadkitError):
    """Load processes and their master did not come together; there was no trial that could have failed."""

    exit_code = 3


class Interrupted(LoadkitError):
    """SIGINT (130) or SIGTERM (143); what was measured stays on disk."""

    exit_code = 130


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
