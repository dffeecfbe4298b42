"""Names to declarations: a payload or key distribution is one file, found by its name or by an entry point.

`loadkit/<group>/<name>.py` exports `SPEC`, a `Spec` whose `kind` is `<name>`. Another distribution offers
one as an entry point of the group `loadkit.<group>` whose value is the class.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from loadkit.errors import nearest


class Spec(BaseModel):
    """What a user declares: immutable, unknown fields refused, `kind` says which one it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str


def load(group: str, name: str) -> type[Spec]:
    """Return the declaration called `name` in `group` ("payloads", "keys").

    Raises ValueError listing the known names when there is none.
    """
    offered = _own(group).get(name)
    if offered is not None:
        return offered
    for entry in entry_points(group=f"loadkit.{group}", name=name):
        return cast(type[Spec], entry.load())
    raise ValueError(unknown(name, known(group)))


def known(group: str) -> list[str]:
    """Return every name `load` finds in `group`, sorted."""
    return sorted({*_own(group), *entry_points(group=f"loadkit.{group}").names})


def unknown(name: str, names: list[str]) -> str:
    """Return the sentence for a name that is not there, with the nearest and all that are."""
    return f"unknown kind {name!r}{nearest(name, names)}: use one of {', '.join(names)}"


def one_of(table: Mapping[str, type[Spec]]) -> Callable[[str], type[Spec]]:
    """Return a finder over a closed table, for `read`."""

    def find(name: str) -> type[Spec]:
        if name not in table:
            raise ValueError(unknown(name, sorted(table)))
        return table[name]

    return find


def read(find: Callable[[str], type[Spec]], value: object) -> Any:
    """Return the declaration `value` stands for; what is neither text nor a mapping comes back as it is.

    `value` is a mapping with `kind`, or text: a name (`"random"`) or the call a scenario would hold
    (`"random(size='1KiB', compressibility=0.5)"`). Raises ValueError naming the field that is wrong.
    """
    if isinstance(value, str):
        value = _called(find, value)
    if not isinstance(value, Mapping):
        return value
    fields = {str(key): item for key, item in value.items()}
    if "kind" not in fields:
        raise ValueError("a mapping needs 'kind', the name of what it declares")
    spec = find(str(fields["kind"]))
    try:
        return spec.model_validate(fields)
    except ValidationError as error:
        raise ValueError(_plain(error, spec)) from None


def _own(group: str) -> dict[str, type[Spec]]:
    package = importlib.import_module(f"loadkit.{group}")
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    modules = {name: importlib.import_module(f"loadkit.{group}.{name}") for name in names}
    return {name: module.SPEC for name, module in modules.items() if hasattr(module, "SPEC")}


def _called(find: Callable[[str], type[Spec]], text: str) -> dict[str, Any]:
    """Return the fields of `name` or `name(1, field=2)`; positions follow the order of the fields."""
    try:
        match ast.parse(text.strip(), mode="eval").body:
            case ast.Name(id=name):
                return {"kind": name}
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=words):
                values = [ast.literal_eval(argument) for argument in arguments]
                named = {str(word.arg): ast.literal_eval(word.value) for word in words}
            case _:
                raise SyntaxError
    except (ValueError, SyntaxError):
        raise ValueError(f"{text!r} is neither a name nor a call like name(field=1)") from None
    fields = [field for field in find(name).model_fields if field != "kind"]
    if len(values) > len(fields):
        raise ValueError(f"{name} takes at most {len(fields)} values: {', '.join(fields)}")
    return {"kind": name} | dict(zip(fields, values, strict=False)) | named


def _plain(error: ValidationError, spec: type[Spec]) -> str:
    return "; ".join(_sentence(dict(item), spec) for item in error.errors())


def _sentence(item: dict[str, Any], spec: type[Spec]) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{place}: no such field{nearest(place, spec.model_fields)}"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
