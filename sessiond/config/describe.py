"""What there is to set, as data: read from the classes, so that it cannot differ from them.

``docs/reference/settings.md`` is generated from it; loading uses it to read texts (environment) and to find secrets.
"""

import functools
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import attrs
from attrs import frozen

from sessiond.config.settings import Settings
from sessiond.core.documented import attribute_docs
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.core.gateways.port import GatewayKind

__all__ = [
    "ACCOUNT",
    "SettingDoc",
    "describe_accounts",
    "describe_kind",
    "describe_settings",
    "is_secret",
]

#: What the settings of an account begin with, in place of its name.
ACCOUNT: Final = "gateways.<account>."

#: Not described with the others: ``sessiond dev`` alone sets the one; what the other has depends on its kind.
_ELSEWHERE: Final = frozenset({"dev", "gateways"})

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
    required: bool
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


@functools.cache
def describe_accounts() -> tuple[SettingDoc, ...]:
    """List what every account of a gateway has; paths begin with ``ACCOUNT``."""
    return tuple(_describe(AccountSettings, None, ACCOUNT))


@functools.cache
def describe_kind(kind: GatewayKind) -> tuple[SettingDoc, ...]:
    """List what accounts of *kind* have beside that; paths begin with ``ACCOUNT``."""
    return tuple(_describe(kind.settings, None, ACCOUNT))


def _describe(
    cls: type[attrs.AttrsInstance], defaults: object | None, prefix: str
) -> Iterator[SettingDoc]:
    """List the settings of *cls*; without *defaults* they are what its fields say."""
    attrs.resolve_types(cls)
    docs = _docs(cls)
    for attribute in attrs.fields(cls):
        path = f"{prefix}{attribute.name}"
        if path in _ELSEWHERE or not attribute.init:
            continue
        is_required = defaults is None and attribute.default is attrs.NOTHING
        default = _default(attribute) if defaults is None else getattr(defaults, attribute.name)
        if path == f"{ACCOUNT}name":
            default = None  # the account's, unless it is given (gateways.py)
        inner = _inner(attribute.type)
        if inner is not None:
            yield from _describe(inner, default, f"{path}.")
            continue
        yield SettingDoc(
            path=path,
            environment="SESSIOND_" + path.upper().replace(".", "__"),
            type=_type_name(attribute.type),
            default="" if is_secret(attribute) and path != "store.url" else _toml(default),
            unit=next((unit for end, unit in _UNITS.items() if attribute.name.endswith(end)), ""),
            bounds=", ".join(_bounds(attribute.validator)) or _least(attribute, path),
            secret=is_secret(attribute),
            required=is_required,
            doc=docs.get(attribute.name, ""),
            annotation=attribute.type,
        )


def _docs(cls: type) -> Mapping[str, str]:
    """Read the docstrings of fields; a package that is plugged in may have no source."""
    try:
        return attribute_docs(cls)
    except (OSError, TypeError, SyntaxError):
        return {}


def _default(attribute: "attrs.Attribute[Any]") -> object:
    default: Any = attribute.default
    if hasattr(default, "takes_self"):  # attrs.Factory, which is no class to its stub
        return None if default.takes_self else default.factory()
    return None if default is attrs.NOTHING else default


def _inner(kind: Any) -> type[attrs.AttrsInstance] | None:
    """Find the class whose settings are a table inside this one."""
    (inner, *others) = [one for one in get_args(kind) if one is not types.NoneType] or [kind]
    is_table = isinstance(inner, type) and attrs.has(inner) and not others
    return inner if is_table and get_origin(kind) is not tuple else None


def _least(attribute: "attrs.Attribute[Any]", path: str) -> str:
    """Numbers of ours are never below zero (load.py); what numbers of a kind mean is its own business."""
    is_ours = attribute.type in (int, float) and not path.startswith(ACCOUNT)
    return ">= 0" if is_ours else ""


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
