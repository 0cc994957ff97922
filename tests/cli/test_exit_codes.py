"""The table of exit codes."""

from sessiond.cli.exit_codes import EXIT_OF_FAULT, ExitCode
from sessiond.edges.admin.faults import FaultCode
from sessiond.server import EXIT_DRAINED, EXIT_LEASE_LOST


def test_every_fault_has_an_exit_code() -> None:
    """No error of the admin protocol is left out, none is success."""
    assert EXIT_OF_FAULT.keys() == {code.label for code in FaultCode}
    assert ExitCode.OK not in EXIT_OF_FAULT.values()


def test_the_server_ends_with_codes_of_the_table() -> None:
    """What serve returns is documented here."""
    assert (EXIT_DRAINED, EXIT_LEASE_LOST) == (ExitCode.OK, ExitCode.LEASE_LOST)
