"""From the settings to the numbers of the runtime."""

from sessiond.config.settings import Settings
from sessiond.runtime.node import NodePolicy
from sessiond.runtime.restart import RestartPolicy
from sessiond.runtime.services import ActorPolicy

__all__ = ["node_policy"]


def node_policy(settings: Settings) -> NodePolicy:
    """Take what the runtime needs out of *settings*."""
    runtime = settings.runtime
    return NodePolicy(
        session=settings.session,
        actor=ActorPolicy(
            relaxed_seconds=runtime.relaxed_seconds,
            retry_seconds=runtime.retry_seconds,
            max_attempts=runtime.begun_in_runs,
        ),
        restart=RestartPolicy(intensity=runtime.restarts, within=runtime.restart_window_seconds),
        drain=settings.drain,
        lanes=runtime.lanes,
        batch=runtime.batch,
        mailbox=runtime.mailbox,
        resident_sessions=runtime.resident_sessions or 2**62,
        awake_dialogues=runtime.awake_dialogues,
        lease_seconds=settings.node.lease_seconds,
    )
