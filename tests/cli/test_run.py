"""From a command's end to the process's."""

import sys

import cyclopts
import pytest

from sessiond.cli.exit_codes import ExitCode
from sessiond.cli.run import CommandFailed, run_app
from sessiond.core.errors import StoreInUse


def end_of(result: object, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run an app whose only command returns, or raises, *result*."""
    app = cyclopts.App(name="x", backend="trio")

    @app.default
    async def command() -> object:
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(sys, "argv", ["x"])
    with pytest.raises(SystemExit) as caught:
        run_app(app)
    return caught.value.code


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, 0),
        (75, 75),
        (CommandFailed(ExitCode.TRY_AGAIN), 5),
        (StoreInUse("in use"), 1),
        (ExceptionGroup("", [ExceptionGroup("", [StoreInUse("in use")])]), 1),
        (KeyboardInterrupt(), 130),
        (BaseExceptionGroup("", [BaseExceptionGroup("", [KeyboardInterrupt()])]), 130),
    ],
)
def test_each_end_has_its_code(result: object, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors raised on purpose, also inside nurseries, are not bugs."""
    assert end_of(result, monkeypatch) == code


def test_an_error_on_purpose_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, without a traceback."""
    end_of(StoreInUse("another process has it"), monkeypatch)

    assert capsys.readouterr() == ("", "another process has it\n")


@pytest.mark.parametrize(
    "bug",
    [
        ZeroDivisionError(),
        ExceptionGroup("", [StoreInUse("x"), ZeroDivisionError()]),
        BaseExceptionGroup("", [KeyboardInterrupt(), ZeroDivisionError()]),
    ],
)
def test_a_bug_keeps_its_traceback(bug: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beside an error raised on purpose."""
    with pytest.raises(type(bug)):
        end_of(bug, monkeypatch)
