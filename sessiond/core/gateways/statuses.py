"""What providers tell later of a message that they had accepted."""

from collections.abc import Callable

from sessiond.core.gateways.arrivals import StatusUpdate
from sessiond.core.gateways.port import GivenUp, Judgement

__all__ = ["judge_status"]


def judge_status(
    update: StatusUpdate, judge_code: Callable[[int], Judgement | None]
) -> Judgement | None:
    """Say what became of the message; ``None``: it is on its way, or arrived.

    *judge_code* says what a provider's code means, if that is known. A failure is final, whatever it is.
    """
    if update.state != "failed":
        return None
    code = update.error_code
    judged = judge_code(code) if isinstance(code, int) else None
    return judged or GivenUp("failed, for a reason that is not known")
