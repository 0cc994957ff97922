"""``sessionctl`` as a whole: options, exit codes, help."""

from pathlib import Path

from sessiond.cli.exit_codes import ExitCode
from sessiond.cli.sessionctl import app
from tests.cli.conftest import Ctl, run, undocumented

SESSIONCTL = "sessiond.cli.sessionctl"


def test_no_server_is_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """A script can tell a server that is down from one that refuses; the message names the socket."""
    done = run(SESSIONCTL, ["ls"], tmp_path)

    assert done.code == ExitCode.CANNOT_CONNECT
    assert f"no admin socket {tmp_path}/state/admin.sock" in done.err
    assert done.out == ""


def test_the_socket_is_named_by_option_environment_or_default(ctl: Ctl) -> None:
    """An option before or after the command, the environment, or the file that sessiond serve makes here."""
    folder = ctl.socket.parent
    after = run(SESSIONCTL, ["version", "--socket", str(ctl.socket)], folder)
    environment = run(SESSIONCTL, ["version"], folder, SESSIOND_ADMIN_SOCKET=str(ctl.socket))
    ctl.socket.rename(folder / "sessiond-admin.sock")
    default = run(SESSIONCTL, ["version"], folder)

    assert after.code == environment.code == default.code == 0
    assert "n1" in after.out
    assert after.out == environment.out == default.out


def test_wrong_usage_is_two(ctl: Ctl) -> None:
    """Unknown commands, missing arguments, unknown options, values that are none of the choices."""
    for arguments in (["frob"], ["show"], ["ls", "--frob"], ["ls", "--phase", "odd"]):
        done = ctl(*arguments)
        assert done.code == ExitCode.USAGE, arguments
        assert "Traceback" not in done.err
        assert "--help" in done.err


def test_parameters_the_server_refuses_are_usage_too(ctl: Ctl) -> None:
    """The server's own check names the parameter."""
    done = ctl("send", "ann", "phx_reply")

    assert (done.code, done.err) == (ExitCode.USAGE, "sessionctl: the event is reserved\n")


def test_server_errors_have_their_codes(ctl: Ctl) -> None:
    """Refused, failed, and to be tried again are told apart."""
    assert ctl("show", "nobody").code == ExitCode.REFUSED
    draining = ctl("send", "ann", "draining")
    assert draining.code == ExitCode.REFUSED
    assert "try again in 2 s" in draining.err
    assert ctl("send", "ann", "bug").code == ExitCode.SERVER_ERROR
    assert ctl("send", "ann", "away").code == ExitCode.TRY_AGAIN
    assert ctl("send", "ann", "late").code == ExitCode.TRY_AGAIN


def test_help_lists_the_commands(tmp_path: Path) -> None:
    """Without a server; each command has a summary, the exit codes are told."""
    done = run(SESSIONCTL, ["--help"], tmp_path)

    assert done.code == 0
    for words in ("dead-letters", "List live sessions.", "Release a user", "3 cannot connect"):
        assert words in done.out
    assert "--connection" in run(SESSIONCTL, ["kick", "--help"], tmp_path).out


def test_help_of_a_command_is_its_docstring() -> None:
    """What `ls` of the commands says is what the command says of itself."""
    assert [] == undocumented(app)
