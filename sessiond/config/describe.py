"""What there is to set, as data: read from the classes, so that it cannot differ from them.

``docs/reference/settings.md`` is generated from it; loading uses it to read texts (environment) and to find secrets.
"""

import functools
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import attrs
from attrs import frozen

from sessiond.config.settings import Settings
from sessiond.core.documented import attribute_docs

__all__ = ["SettingDoc", "describe_settings", "is_secret"]

_UNITS: Mapping[str, str] = {"_seconds": "seconds", "_bytes": "bytes"}


@frozen(kw_only=True)
class SettingDoc:
    """One setting, for people."""

    path: str
    """``store.url``; in TOML ``[store]`` and ``url =``."""
    environment: str
    """``SESSIOND_STORE__URL``."""
    type: str
    default: str
    """As TOML; empty for none and for secrets."""
    unit: str
    bounds: str
    """Like ``>= 0, <= 65535``; empty: any."""
    secret: bool
    doc: str
    annotation: Any = attrs.field(repr=False, eq=False)
    """The type itself, for who parses texts."""


@functools.cache
def describe_settings() -> tuple[SettingDoc, ...]:
    """List every setting, in the order of ``Settings``."""
    return tuple(_describe(Settings, Settings(), ""))


def is_secret(attribute: "attrs.Attribute[Any]") -> bool:
    """Whether a setting holds a secret: it is kept out of the repr."""
    return attribute.repr is False


def _describe(
    cls: type[attrs.AttrsInstance], defaults: object, prefix: str
) -> Iterator[SettingDoc]:
    attrs.resolve_types(cls)
    docs = attribute_docs(cls)
    for attribute in attrs.fields(cls):
        path = f"{prefix}{attribute.name}"
        default = getattr(defaults, attribute.name)
        if attrs.has(type(default)):
            yield from _describe(type(default), default, f"{path}.")
            continue
        if path == "dev":
            continue
        yield SettingDoc(
            path=path,
            environment="SESSIOND_" + path.upper().replace(".", "__"),
            type=_type_name(attribute.type),
            default="" if is_secret(attribute) and path != "store.url" else _toml(default),
            unit=next((unit for end, unit in _UNITS.items() if attribute.name.endswith(end)), ""),
            bounds=", ".join(_bounds(attribute.validator))
            or (">= 0" if attribute.type in (int, float) else ""),
            secret=is_secret(attribute),
            doc=docs.get(attribute.name, ""),
            annotation=attribute.type,
        )


def _type_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(map(str, get_args(kind)))
    if isinstance(kind, types.UnionType):
        return " | ".join(_type_name(one) for one in get_args(kind) if one is not types.NoneType)
    if get_origin(kind) is tuple:
        return f"list of {_type_name(get_args(kind)[0])}"
    if get_origin(kind) is not None:
        return "table"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " | ".join(str(member.value) for member in kind)
    names = {str: "text", int: "whole number", float: "number", bool: "true | false", Path: "path"}
    return names.get(kind, str(kind))


def _toml(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Enum():
            return f'"{value.value}"'
        case str() | Path():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case Mapping():
            inside = ", ".join(f"{name} = {_toml(one)}" for name, one in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _bounds(validator: Any) -> Iterator[str]:
    """Read the bounds of numbers from attrs' own validators, alone or combined."""
    for one in getattr(validator, "_validators", (validator,)):
        operation, bound = getattr(one, "compare_op", None), getattr(one, "bound", None)
        if operation is not None:
            yield f"{operation} {bound}"
