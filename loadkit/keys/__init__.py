"""What turns message numbers into keys; one file each, more by entry points of the group `loadkit.keys`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, SerializeAsAny

from loadkit import plugins

# a function has the name of its file, and importing the file puts the module under that name: the function must win
from loadkit.keys.file import file as file
from loadkit.keys.hot import hot as hot
from loadkit.keys.none import none as none
from loadkit.keys.round_robin import round_robin as round_robin
from loadkit.keys.spec import Keys as Keys
from loadkit.keys.spec import KeysSpec as KeysSpec
from loadkit.keys.uniform import uniform as uniform
from loadkit.keys.zipf import zipf as zipf

AnyKeys = Annotated[SerializeAsAny[KeysSpec], BeforeValidator(partial(plugins.read, partial(plugins.load, "keys")))]
"""A pydantic field that takes keys, their dict, or their text: `"none"`, `"zipf(1000, exponent=1.1)"`."""
