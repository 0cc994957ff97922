"""``MODULE:APP``: import the app that a command names, from the current directory too."""

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from sessiond.core.errors import InvalidInput

if TYPE_CHECKING:
    from sessiond.app import App

__all__ = ["load_app", "load_module"]


def load_app(target: str) -> "App":
    """Import the app called *target*; the current directory is searched first.

    Raises:
      InvalidInput: it is not ``MODULE:APP``, cannot be imported, or is no ``App``. An error inside the module is
        shown with its traceback.

    """
    from sessiond.app import App

    module_name, separator, name = target.partition(":")
    if not separator:
        module_name, name = target, "app"
    if not module_name or not name.isidentifier():
        raise InvalidInput(f"{target!r} is not MODULE:APP, like shop:app")
    module = load_module(module_name)
    found = getattr(module, name, None)
    if isinstance(found, App):
        return found
    others = [key for key, value in vars(module).items() if isinstance(value, App)]
    hint = f"; it has {', '.join(others)}" if others else ""
    what = "no" if found is None else "something else as"
    raise InvalidInput(f"module {module_name!r} has {what} App called {name!r}{hint}")


def load_module(name: str) -> ModuleType:
    """Import a module of an app; the current directory is searched first.

    Raises:
      InvalidInput: there is none, or it cannot be imported; an error inside it is shown with its traceback.

    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise InvalidInput(
                f"there is no module {error.name!r} (searched {here} first)"
            ) from None
        raise InvalidInput(_failure(name)) from None
    except Exception:  # noqa: BLE001 -- the app author's module may raise anything
        raise InvalidInput(_failure(name)) from None


def _failure(module_name: str) -> str:
    return f"module {module_name!r} cannot be imported:\n{traceback.format_exc(limit=-3).rstrip()}"
