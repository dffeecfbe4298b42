"""What turns message numbers into bytes; one file each, more by entry points of the group `loadkit.payloads`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, SerializeAsAny

from loadkit import plugins

# a function has the name of its file, and importing the file puts the module under that name: the function must win
from loadkit.payloads.constant import constant as constant
from loadkit.payloads.json_like import json_like as json_like
from loadkit.payloads.random import random as random
from loadkit.payloads.replay import replay as replay
from loadkit.payloads.spec import Payload as Payload
from loadkit.payloads.spec import PayloadSpec as PayloadSpec
from loadkit.payloads.spec import StampForm as StampForm
from loadkit.payloads.template import template as template

AnyPayload = Annotated[
    SerializeAsAny[PayloadSpec], BeforeValidator(partial(plugins.read, partial(plugins.load, "payloads")))
]
"""A pydantic field that takes a payload, its dict, or its text: `"random"`, `"random(size='1KiB')"`."""
