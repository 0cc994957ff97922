"""What the turns of accounts tell: entries of the person's journal, and the telemetry that goes with them."""

from collections.abc import Mapping

from sessiond.core.conversations.inputs import Settled
from sessiond.core.conversations.journal import Channel, JournalSettings, TurnJournal
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.inputs import FileUpload
from sessiond.core.gateways.outgoing import Outgoing
from sessiond.core.rendering.paging import Page, Paging
from sessiond.runtime.computed import Computed
from sessiond.runtime.services import Services

__all__ = ["tell", "tell_downloads", "tell_page", "tell_upload"]


def tell(
    turn: Computed,
    services: Services,
    event: JournalEvent,
    facts: Mapping[str, str | int | float | bool | None],
    *,
    failed: bool = False,
    error: str = "",
    conversation: str = "",
    flow: str = "",
    account: Account | None = None,
) -> None:
    """Make one entry of the journal part of the turn; facts that say nothing are left out."""
    book = services.book
    settings = JournalSettings() if book is None else book.journal
    gateway = None if account is None else account.gateway
    channel = Channel() if gateway is None else Channel(gateway.platform, gateway.name)
    journal = TurnJournal(services.clock.now(), channel, settings)
    journal.add(
        event,
        status=JournalStatus.FAILURE if failed else JournalStatus.SUCCESS,
        facts={name: value for name, value in facts.items() if value not in {None, ""}},
        error=error,
        conversation=conversation,
        flow=flow,
    )
    turn.journal = (*turn.journal, *journal.encoded())


def tell_page(
    turn: Computed,
    services: Services,
    account: Account,
    page: Page,
    before: Paging | None = None,
    *,
    conversation: str = "",
    flow: str = "",
) -> None:
    """Tell that a text is shown in pages, or that one of them was turned; *before*: where the person was.

    What fits on one page, and a page that is shown again, is not told. Names and numbers are FlowChat's.
    """
    paging, limits = page.paging or before, account.gateway.limits.pages
    if paging is None or limits is None or (before is not None and page.number == before.at + 1):
        return
    action = "initial" if before is None else "next" if page.number > before.at + 1 else "back"
    numbers = {
        "current_page": page.number,
        "total_pages": page.total,
        "content_length": len(paging.text),
        "page_limit": limits.septets,
    }
    facts: dict[str, str | int] = {**numbers, "navigation_action": action, "account": account.name}
    tell(
        turn,
        services,
        JournalEvent.PAGINATION,
        facts,
        conversation=conversation,
        flow=flow,
        account=account,
    )
    about = {
        "user": turn.state.user,
        "account": account.name,
        "platform": account.gateway.platform,
        "gateway": account.gateway.name,
        "navigation_action": action,
    }
    turn.signals.append(("pagination.triggered", numbers, about))


def tell_upload(
    turn: Computed, services: Services, message: Outgoing, upload: FileUpload | None
) -> None:
    """Tell that the file of *message* was given to its provider, or could not be."""
    if upload is None:
        return
    tell(
        turn,
        services,
        JournalEvent.MEDIA_UPLOAD,
        {"account": message.account, "mime_type": upload.mime_type, "size": upload.size},
        failed=bool(upload.reason),
        error=upload.reason,
        conversation=message.conversation,
        flow=message.flow,
        account=services.accounts.get(message.account),
    )


def tell_downloads(turn: Computed, services: Services, settled: Settled, *, flow: str) -> None:
    """Tell what a function of *flow* has fetched of what the person sent."""
    for one in settled.downloads:
        tell(
            turn,
            services,
            JournalEvent.MEDIA_DOWNLOAD,
            {
                "account": one.account,
                "mime_type": one.mime_type,
                "size": one.size,
                "outcome": one.outcome,
            },
            failed=one.outcome not in {"whole", "left"},
            conversation=settled.conversation,
            flow=flow,
            account=services.accounts.get(one.account),
        )
