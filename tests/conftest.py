"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("loadkit", deadline=None)  # machines are shared: no test may fail for being slow
settings.load_profile("loadkit")
