"""Registration: names, a birthday, an optional e-mail address, and a look at all of it before it counts.

Shown here: ``check`` and ``transform``, an answer that may be empty, going back to one question, what a flow remembers
(who is registered is not asked again), and a result that is not JSON by itself (``as_type``).
"""

import re
from datetime import date

from sessiond import App, Conversation, InvalidAnswer

app = App()

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def birthday(text: str) -> date:
    """Read a date as people write it: 24/12/1990, or 1990-12-24."""
    numbers = [int(part) for part in re.split(r"\D+", text.strip()) if part]
    if len(numbers) != 3:
        raise InvalidAnswer("Please write day, month and year, like 24/12/1990.")
    first, month, last = numbers
    year, day = (first, last) if first > 31 else (last, first)
    return date(year, month, day)


def is_past(day: date) -> str | None:
    """Turn down birthdays that cannot be."""
    return None if date(1900, 1, 1) <= day < date(2020, 1, 1) else "That cannot be."


def email(text: str) -> str:
    """Take an address, or nothing."""
    if text and not _EMAIL.fullmatch(text):
        raise InvalidAnswer("That is no e-mail address. Leave it empty if you have none.")
    return text.lower()


async def register(run_id: str, person: dict[str, str]) -> str:
    """Write to the database; *run_id* is its idempotency key. Returns the number of the membership."""
    return f"M-{len(person['first'] + person['last']):03}-{run_id[:4]}"


@app.flow(
    "registration",
    starts_on=["register"],
    takes_everything=True,
    on_expire="We have not heard from you. Write register to begin again.",
)
async def registration(c: Conversation) -> dict[str, str] | None:
    """Register a person."""
    number = c.session.get("number")
    if number is not None:
        await c.say(f"You are registered already: {number}.")
        return None
    first = await c.ask("first", "What is your first name?", transform=str.title)
    last = await c.ask("last", f"And your last name, {first}?", transform=str.title)
    born = await c.ask(
        "born", "When were you born?", parse=birthday, check=is_past, as_type=date,
        error="There is no such day.",
    )  # fmt: skip
    mail = await c.ask(
        "mail", "Your e-mail address? Write - if you have none.",
        parse=lambda text: email("" if text == "-" else text),
    )  # fmt: skip
    summary = f"{first} {last}, born on {born:%d %B %Y}, {mail or 'no e-mail'}."
    change = {"first": "First name", "last": "Last name", "born": "Birthday", "mail": "E-mail"}
    wrong = await c.select("right", f"{summary} Is that right?", {"yes": "Yes", **change})
    if wrong != "yes":
        await c.go_back(wrong)
    person = {"first": first, "last": last, "born": born.isoformat(), "mail": mail}
    number = await c.run("register", register, c.run_id, person)
    c.session.set("number", number)
    await c.say(f"Welcome, {first}! Your number is {number}.")
    return person
