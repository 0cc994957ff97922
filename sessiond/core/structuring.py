"""Plain data to attrs classes, strictly, with *all* problems at once and a path for each.

Settings files and parameters of admin calls are written by people, some of them at night: nothing is converted
silently (``"8080"`` is not a number, ``true`` is not 1), an unknown name is answered with the nearest known one, and
messages never repeat values, which may be secrets.

Paths look like ``store.encryption_keys[2]``. Frozen attrs classes, their validators, enums, literals, optional values,
``tuple[T, ...]``, ``Mapping[str, T]``, ``UserId`` and ``object`` (anything) are understood.

Not here: where a value came from (config/load.py).
"""

import difflib
import math
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import attrs
import cattrs
from attrs import frozen
from cattrs.gen import make_dict_structure_fn, override

from sessiond.core.errors import InvalidInput
from sessiond.core.ids import UserId, parse_user_id

__all__ = ["InvalidShape", "Problem", "nearest", "strict_converter", "structure"]

T = TypeVar("T")
_Hook = Callable[[Any, Any], Any]


@frozen
class Problem:
    """One thing that is wrong, and where; an empty *path* is the value as a whole."""

    path: str
    message: str

    def describe(self) -> str:
        """Say both on one line."""
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidShape(InvalidInput):
    """A value does not fit its class; *problems* has everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.describe() for problem in self.problems))


def structure(value: object, cls: type[T], converter: cattrs.Converter | None = None) -> T:
    """Make a *cls* of *value*.

    Raises:
      InvalidShape: with every problem.

    """
    try:
        return (converter or _STRICT).structure(value, cls)
    except Exception as error:  # noqa: BLE001 -- hooks and validators may raise anything; all of it is bad input
        raise InvalidShape(_problems(error, "")) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest a known name: ``; did you mean "url"?``, or the empty string when none is near."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{matches[0]}"?' if matches else ""


def strict_converter() -> cattrs.Converter:
    """Make a converter with the rules of this module, for callers who add types of their own."""
    converter = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
    for kind, hook in _PRIMITIVES.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
    converter.register_structure_hook_func(lambda kind: kind is UserId, _user_id)
    converter.register_structure_hook_func(_is_enum, _enum)
    converter.register_structure_hook_func(_is_literal, _literal)
    converter.register_structure_hook_factory(
        _is_optional, lambda kind: _optional_hook(kind, converter)
    )
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _tuple_hook(kind, converter))
    converter.register_structure_hook_factory(
        _is_mapping, lambda kind: _mapping_hook(kind, converter)
    )
    converter.register_structure_hook_factory(attrs.has, lambda kind: _class_hook(kind, converter))
    return converter


# ------------------------------------------------------------------------------------ from errors to problems


def _problems(error: BaseException, path: str) -> Iterator[Problem]:
    match error:
        case cattrs.ClassValidationError():
            located, others = error.group_exceptions()
            for child, note in located:
                yield from _problems(child, f"{path}.{note.name}" if path else note.name)
            for other in others:
                yield from _problems(other, path)
        case cattrs.IterableValidationError():
            items, others = error.group_exceptions()
            for child, item in items:
                at = f"[{item.index}]" if isinstance(item.index, int) else f".{item.index}"
                yield from _problems(child, path + at if path else at.removeprefix("."))
            for other in others:
                yield from _problems(other, path)
        case cattrs.ForbiddenExtraKeysError():
            known = [field.name for field in attrs.fields(error.cl)]
            for name in sorted(error.extra_fields):
                at = f"{path}.{name}" if path else name
                yield Problem(at, f"unknown name{nearest(name, known)}")
        case KeyError():
            yield Problem(path, "is required")
        case _:
            text = str(error.args[0]) if error.args else "is not acceptable"
            yield Problem(path, text)


# ----------------------------------------------------------------------------------------------------- hooks


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


def _expected(what: str, value: object) -> TypeError:
    return TypeError(f"must be {what}, not {_kind(value)}")


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise _expected("a text", value)
    return value


def _integer(value: object, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise (
            TypeError("must be a whole number")
            if isinstance(value, float)
            else _expected("a whole number", value)
        )
    return value


def _number(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _expected("a number", value)
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return float(value)


def _boolean(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise _expected("true or false", value)
    return value


def _user_id(value: object, _: object) -> UserId:
    return parse_user_id(_text(value, str))


def _is_enum(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _enum(value: object, kind: Any) -> Any:
    choices = [member.value for member in kind]
    if value not in choices:
        raise ValueError(f"must be one of {', '.join(map(str, choices))}")
    return kind(value)


def _unless_enum(hook: _Hook) -> _Hook:
    return lambda value, kind: (_enum if _is_enum(kind) else hook)(value, kind)


def _is_literal(kind: object) -> bool:
    return get_origin(kind) is Literal


def _literal(value: object, kind: Any) -> Any:
    choices = get_args(kind)
    if value not in choices:
        raise ValueError(f"must be one of {', '.join(map(str, choices))}")
    return value


def _is_optional(kind: object) -> bool:
    arguments = get_args(kind)
    return isinstance(kind, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments


def _optional_hook(kind: Any, converter: cattrs.Converter) -> _Hook:
    (inner,) = (argument for argument in get_args(kind) if argument is not types.NoneType)
    return lambda value, _: None if value is None else converter.structure(value, inner)


def _is_tuple(kind: object) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[1:] == (...,)


def _tuple_hook(kind: Any, converter: cattrs.Converter) -> _Hook:
    inner = get_args(kind)[0]

    def hook(value: object, _: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _expected("a list", value)
        return tuple(_each(kind, ((i, converter, item, inner) for i, item in enumerate(value))))

    return hook


def _is_mapping(kind: object) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping) and get_args(kind)[0] is str


def _mapping_hook(kind: Any, converter: cattrs.Converter) -> _Hook:
    inner = get_args(kind)[1]

    def hook(value: object, _: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise _expected("a table", value)
        items = _each(kind, ((key, converter, item, inner) for key, item in value.items()))
        return types.MappingProxyType(dict(zip(value, items, strict=True)))

    return hook


def _each(
    kind: Any, items: Iterable[tuple[int | str, cattrs.Converter, object, Any]]
) -> list[object]:
    made: list[object] = []
    errors: list[Exception] = []
    for index, converter, item, inner in items:
        try:
            made.append(converter.structure(item, inner))
        except Exception as error:  # noqa: BLE001 -- collected, with its place
            error.add_note(cattrs.IterableValidationNote(f"at {index}", index, inner))
            errors.append(error)
    if errors:
        raise cattrs.IterableValidationError("some items do not fit", errors, kind)
    return made


def _class_hook(cls: Any, converter: cattrs.Converter) -> _Hook:
    """Check each attribute with its own validator, so that all that are out of bounds are found at once."""
    attrs.resolve_types(cls)
    options: dict[str, Any] = {
        "_cattrs_forbid_extra_keys": True,
        "_cattrs_detailed_validation": True,
    }
    for field in attrs.fields(cls):
        if field.init:
            options[field.name] = override(struct_hook=_validated(field, converter))
    make = make_dict_structure_fn(cls, converter, **options)

    def hook(value: object, kind: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _expected("a table", value)
        return make(value, kind)

    return hook


def _validated(field: "attrs.Attribute[Any]", converter: cattrs.Converter) -> _Hook:
    kind = cast("Any", field.type)

    def hook(value: object, _: object) -> Any:
        made = converter.structure(value, kind)
        if field.validator is not None:
            try:
                field.validator(None, field, made)
            except (TypeError, ValueError) as error:
                raise ValueError(str(error.args[0]).removeprefix(f"'{field.name}' ")) from None
        return made

    return hook


# cattrs finds the rule of str for a StrEnum too, before it asks the predicates.
_PRIMITIVES: Mapping[type, _Hook] = {
    str: _unless_enum(_text),
    int: _unless_enum(_integer),
    float: _number,
    bool: _boolean,
}

_STRICT = strict_converter()
