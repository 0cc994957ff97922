"""Where settings come from: defaults, then TOML files in order, then the environment, then flags.

Everything wrong is reported at once, with its path and its source; values are never repeated, they may be secrets.

In the environment a double underscore goes one level down: ``SESSIOND_STORE__URL`` is ``store.url``, and
``SESSIOND_GATEWAYS__SHOP__TOKENS`` is ``gateways.shop.tokens``. Lists are separated by commas; tables are JSON. A
secret may be given as ``<name>_file``, whose content is read, without the white space around it; of a list of secrets
one per line. Relative paths *in* a TOML file are relative to it, so that a server finds its files wherever it is
started.

Not here: what the values must satisfy together (checks.py).
"""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin

import cattrs
from attrs import Factory, define, field, frozen

from sessiond.config.describe import describe_settings
from sessiond.config.gateways import register_gateways
from sessiond.config.known import GATEWAYS, PREFIX, KnownSettings, wrong_accounts
from sessiond.config.settings import Settings
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.accounts import ACCOUNT_NAME
from sessiond.core.structuring import InvalidShape, strict_converter, structure

__all__ = ["PREFIX", "SettingsError", "SettingsProblem", "load_settings"]

#: Names of the environment that mean a setting, or nothing here, though they do not follow the rule.
_ALIASES: Final[Mapping[str, str]] = {"SESSIOND_ADMIN_SOCKET": "SESSIOND_ADMIN__SOCKET"}
_NOT_SETTINGS: Final = frozenset({"SESSIOND_CONFIG", "SESSIOND_STATE_DIR"})

#: What the programs call the flags whose names are not the last part of the path.
_FLAGS: Final = {
    "store.url": "--store",
    "node.name": "--node",
    "admin.socket": "--admin-socket",
    "log.format": "--log-format",
    "log.level": "--log-level",
}

#: Nobody's secret is larger; a device or a log given by mistake is not read to its end.
_MAX_SECRET_BYTES: Final = 64 * 1024


@frozen
class SettingsProblem:
    """One thing that is wrong: *path* like ``store.url``, *source* like ``sessiond.toml`` or a variable's name."""

    path: str
    source: str
    message: str

    def describe(self) -> str:
        """Say all three on one line."""
        where = f"{self.path} ({self.source})" if self.path else self.source
        return f"{where}: {self.message}"


class SettingsError(InvalidInput):
    """The settings cannot be used; *problems* has everything that is wrong."""

    def __init__(self, problems: Sequence[SettingsProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.describe() for problem in self.problems))


def load_settings(
    *,
    files: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Make the settings; *flags* are values by path (``{"listen.port": 80}``), ``None`` values are not given.

    Reads *files* and the files that secrets are in; blocks shortly. Of *environment* only ``SESSIOND_…`` counts.

    Raises:
      SettingsError: with every problem of every source.

    """
    layers = _Layers()
    for file in files:
        layers.add_file(file)
    layers.add_environment(environment or {})
    for path, value in (flags or {}).items():
        if value is not None:
            own = "--" + path.rpartition(".")[2].replace("_", "-")
            layers.put(path, value, _FLAGS.get(path, own))
    layers.read_secret_files()
    settings: Settings | None = None
    try:
        settings = structure(layers.values, Settings, _CONVERTER)
    except InvalidShape as error:
        for problem in error.problems:
            layers.report(problem.path, problem.message)
    reported = {problem.path for problem in layers.problems}
    for path in _negative(layers.values):
        if path not in reported:
            layers.report(path, "must be >= 0")
    if layers.problems or settings is None:
        raise SettingsError(layers.problems)
    return settings


def _negative(values: Mapping[str, Any]) -> Iterator[str]:
    """Find numbers below zero: no setting means anything by one, whether its component says so or not."""
    for path in _PATHS:
        value: object = values
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, int | float) and value < 0:
            yield path


@define
class _Layers:
    """Values of all sources laid over each other, and for each path the source of what counts."""

    values: dict[str, Any] = field(factory=dict)
    sources: dict[str, str] = field(factory=dict)
    problems: list[SettingsProblem] = field(factory=list)
    known: KnownSettings = field(
        init=False, default=Factory(lambda self: KnownSettings(self.values), takes_self=True)
    )

    def report(self, path: str, message: str) -> None:
        self.problems.append(SettingsProblem(path, self.source_of(path), message))

    def source_of(self, path: str) -> str:
        """Find who set *path*, or the nearest table or list around it."""
        place = path
        while place:
            if place in self.sources:
                return self.sources[place]
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        inside = [source for at, source in self.sources.items() if at.startswith(f"{path}.")]
        return inside[-1] if inside else "default"

    def put(self, path: str, value: object, source: str) -> None:
        """Set *path* over what was there; one of a secret and its file replaces the other."""
        *tables, name = path.split(".")
        place = self.values
        for table in tables:
            inner = place.get(table)
            if not isinstance(inner, dict):
                inner = place[table] = {}
            place = inner
        other = self._counterpart(path)
        replaces = other is not None and place.pop(other.rpartition(".")[2], None) is not None
        if other and replaces and self.sources.pop(other, "") == source:
            self.problems.append(SettingsProblem(path, source, f"give either this or {other}"))
        place[name] = value
        self.sources[path] = source

    def add_file(self, file: Path) -> None:
        try:
            document = tomllib.loads(file.read_bytes().decode())
        except OSError as error:
            self._reject(str(file), f"cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self._reject(str(file), "is not UTF-8")
        except tomllib.TOMLDecodeError as error:
            self._reject(str(file), f"is not TOML: {error}")
        else:
            if document.pop("dev", None) is not None:
                self._reject(str(file), "dev cannot be set here: use sessiond dev")
            self._declare(document, str(file))
            for path, value in self._leaves(document, ""):
                self.put(path, self._relative_to(file, path, value), str(file))

    def _declare(self, document: dict[str, Any], source: str) -> None:
        """Note the accounts of a file and their kinds, which say what else there is to set."""
        tables = document.get(GATEWAYS)
        if not isinstance(tables, dict):
            return
        for path, message in wrong_accounts(tables).items():
            self.problems.append(SettingsProblem(path, source, message))
        document[GATEWAYS] = {
            name: table
            for name, table in tables.items()
            if ACCOUNT_NAME.fullmatch(name) and isinstance(table, dict)
        }
        for name, table in document[GATEWAYS].items():
            self.values.setdefault(GATEWAYS, {}).setdefault(name, {})
            self.sources.setdefault(f"{GATEWAYS}.{name}", source)
            if "gateway" in table:
                self.put(f"{GATEWAYS}.{name}.gateway", table["gateway"], source)

    def add_environment(self, environment: Mapping[str, str]) -> None:
        for name in sorted(environment, key=_kinds_first):
            if not name.startswith(PREFIX) or name in _NOT_SETTINGS:
                continue
            path = _ALIASES.get(name, name).removeprefix(PREFIX).lower().replace("__", ".")
            known = self.known.find(path)
            if known is None and not self.known.is_secret(path.removesuffix("_file")):
                self._reject(name, self.known.unknown(name, path))
                continue
            try:
                value = (
                    environment[name]
                    if known is None
                    else _parse(known.annotation, environment[name])
                )
            except ValueError as error:
                self.problems.append(SettingsProblem(path, name, str(error)))
            else:
                self.put(path, value, name)

    def read_secret_files(self) -> None:
        """Replace each ``<name>_file`` of a secret by what the file holds."""
        for path, kind in self.known.secrets().items():
            *tables, name = path.split(".")
            place: Any = self.values
            for table in tables:
                place = place.get(table, {}) if isinstance(place, dict) else {}
            if not isinstance(place, dict) or f"{name}_file" not in place:
                continue
            file = place.pop(f"{name}_file")
            source = self.sources.pop(f"{path}_file", "default")
            try:
                place[name] = _read_secret(file, kind)
            except ValueError as error:
                self.problems.append(SettingsProblem(f"{path}_file", source, str(error)))
            else:
                self.sources[path] = source

    def _reject(self, source: str, message: str) -> None:
        self.problems.append(SettingsProblem("", source, message))

    def _counterpart(self, path: str) -> str | None:
        """Name the other way to give the same secret: itself and its file replace each other."""
        if self.known.is_secret(path):
            return f"{path}_file"
        secret = path.removesuffix("_file")
        return secret if secret != path and self.known.is_secret(secret) else None

    def _leaves(self, table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
        for name, value in table.items():
            path = prefix + name
            if isinstance(value, Mapping) and self.known.find(path) is None:
                yield from self._leaves(value, f"{path}.")
            else:
                yield path, value

    def _relative_to(self, file: Path, path: str, value: object) -> object:
        known = self.known.find(path)
        is_path = path.endswith("_file") or (known is not None and _is_path(known.annotation))
        return str(file.parent / value) if is_path and isinstance(value, str) and value else value


def _kinds_first(variable: str) -> tuple[bool, str]:
    """Order the environment: what the others of an account mean depends on its kind."""
    return not variable.endswith("__GATEWAY"), variable


def _is_path(kind: object) -> bool:
    return Path in (kind, *get_args(kind))


def _read_secret(file: object, kind: Any) -> object:
    if not isinstance(file, str | Path) or not str(file):
        raise ValueError("must be a path")
    try:
        with Path(file).open("rb") as opened:
            raw = opened.read(_MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_SECRET_BYTES:
        raise ValueError(f"holds more than {_MAX_SECRET_BYTES} bytes")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if not text:
        raise ValueError("is empty")
    if get_origin(kind) is tuple:
        return [line.strip() for line in text.splitlines() if line.strip()]
    return json.loads(text) if _is_table(kind) else text


# ------------------------------------------------------------------------- texts of the environment to values


def _parse(kind: Any, text: str) -> object:
    if isinstance(kind, UnionType):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
        if not text:
            return None
    if get_origin(kind) is tuple:
        return [_parse(get_args(kind)[0], one.strip()) for one in text.split(",") if one.strip()]
    if _is_table(kind):
        return json.loads(text)
    return _PARSERS[kind](text) if kind in _PARSERS else text


def _is_table(kind: Any) -> bool:
    return isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number") from None


def _truth(text: str) -> bool:
    try:
        return _WORDS[text.strip().lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


_WORDS: Final = {"true": True, "1": True, "yes": True, "on": True} | {
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
_PARSERS: Final[Mapping[Any, Callable[[str], object]]] = {int: _whole, float: _number, bool: _truth}


def _path_hook(value: object, _: object) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("must be a path")
    return Path(value)


def _make_converter() -> cattrs.Converter:
    converter = strict_converter()
    converter.register_structure_hook(Path, _path_hook)
    register_gateways(converter)
    return converter


_CONVERTER: Final = _make_converter()
_PATHS: Final = tuple(doc.path for doc in describe_settings())
