"""The simulator of ``sessiond dev`` in a real browser: real flows, answered through the doors of real accounts."""

import json
from pathlib import Path

from sessiond.core.rendering.gsm import is_gsm, text_length
from tests.scenarios.simulating import open_simulator

APP = "tests.scenarios.simulated_app:app"
STATE = "document.body.dataset.ussd"
FRAMES = "document.querySelector('#socket-frames').textContent"


async def test_a_handset(short_tmp_path: Path, tmp_path: Path) -> None:
    """One dials, turns a page, reads to the end, redials and orders; each screen is counted against the page, and
    each exchange is in the log as it was, without the token.
    """
    async with open_simulator(short_tmp_path, tmp_path) as one:
        page = one.page
        await one.dial()
        menu = await one.until_shown("Welcome to Pizza!")
        await page.click("#ussd-keypad button:nth-child(2)")
        typed = await page.run("document.querySelector('#ussd-input').value")
        await one.dial()
        await one.until_shown("We bake every day")
        counted = await page.text("#ussd-counter")
        await one.dial("#")
        await one.until_shown("Orders of the last half hour")
        while await page.run(STATE) != "session ended":
            before = await page.text("#ussd-screen")
            await one.dial("#")
            await page.until(
                f"{STATE} !== 'waiting' && document.querySelector('#ussd-screen').textContent !== {json.dumps(before)}"
            )
        last = await page.text("#ussd-screen")
        await page.click("#ussd-redial")
        await one.until_shown("Welcome")
        await one.dial("1")
        await one.until_shown("What size?")
        await page.click("#ussd-cancel")
        hung_up = await page.run(STATE)
        log = await page.text("#log")
        await page.save_screenshot(tmp_path / "ussd.png")

    assert "1. Order\n2. Opening hours" in menu
    assert "2" == typed
    assert counted.endswith(" / 120 GSM-7")
    assert "the driver tells the price" in last
    assert "hung up" == hung_up
    assert "→ POST /gateways/nalo?token=… 200" in log
    assert '"USERDATA": "*920*44#"' in log
    assert "dev-only" not in log


async def test_every_account_that_answers(short_tmp_path: Path, tmp_path: Path) -> None:
    """Each gets its own provider's request; a screen is measured in its alphabet against its account's page."""
    counted = {}
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        for account in ("nalo", "nsano", "africastalking"):
            await one.pick("#ussd-account", account)
            await one.dial()
            await one.until_shown("Your name?")
            plain = await one.page.text("#ussd-counter")
            await one.dial("Ama")
            await one.until_shown("Hello Ama 🎉")
            counted[account] = (plain, await one.page.text("#ussd-counter"))
        await one.page.click("#ussd-cancel")
        await one.until_logged("Incomplete")
        await one.pick("#ussd-account", "http")
        await one.dial()
        asked = await one.until_shown("Which **drink**?")
        measured = await one.page.text("#ussd-counter")
        log = await one.page.text("#log")
        await one.page.save_screenshot(tmp_path / "http.png")

    assert counted == {
        "nalo": ("10 / 120 GSM-7", "12 / 52 UCS-2"),
        "nsano": ("10 / 140 GSM-7", "12 / 61 UCS-2"),
        "africastalking": ("10 / 160 GSM-7", "12 / 70 UCS-2"),
    }
    assert "Water: Water\nJuice: Juice\nBeer: Beer" in asked
    assert measured.endswith(" UCS-2")  # a symbol stands for media
    assert "/" not in measured
    for field in ('"MSISDN"', '"UserSessionID"', "phoneNumber=%2B233244123456", '"session_id"'):
        assert field in log


async def test_a_chat_on_whatsapp(short_tmp_path: Path, tmp_path: Path) -> None:
    """A flow's own answers: media, marks, three choices as buttons, eight as a list, twelve as numbered lines, a place
    to send. Taps arrive as interactive replies; nothing a flow says becomes markup, and no secret is in the log.
    """
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        page = one.page
        await one.open_chat("whatsapp")
        await one.write("hi")
        drinks = await one.until_said("Which drink?")
        said = await page.text(".messages:not([hidden])")
        images = await page.run("document.querySelectorAll('.messages img, .messages li b').length")
        await page.save_screenshot(tmp_path / "buttons.png")
        await one.press("Juice")
        await one.until_said("Which dish?")
        closed = await page.run(
            "document.querySelector('.messages details button').checkVisibility()"
        )
        await one.press("Choose")
        rows = await one.until_said("With sauce 8")
        await page.until(
            "document.querySelector('.messages details').getBoundingClientRect().top < innerHeight / 2"
        )
        await page.save_screenshot(tmp_path / "list.png")
        await one.press("Dish 3")
        tables = await one.until_said("Which table?")
        await one.write("12")
        await one.until_said("Where are you?")
        await page.save_screenshot(tmp_path / "numbers.png")
        await one.press("Send location")
        await one.until_said("Juice, dish 3, Table 12, at 5.6.")
        log = await page.text("#log")
        mine = await page.run(
            "[...document.querySelectorAll('.messages .mine')].map(one => one.firstChild.data)"
        )

    assert "https://example.com/menu.png" in drinks
    assert "Welcome <b>to</b> us" in said
    assert 1 == images  # the bold word
    assert not closed
    assert "Options" in rows
    assert "12. Table 12" in tables
    assert ["hi", "Juice", "Dish 3", "12", "[Place]"] == mine
    assert '"type": "button_reply"' in log
    assert '"type": "list_reply"' in log
    assert "dev-only" not in log


async def test_what_becomes_of_messages(short_tmp_path: Path, tmp_path: Path) -> None:
    """The page reports it as the provider does: what is looked at is read, what is not looked at is delivered until it
    is, and what shall fail fails. The app's ``on_delivery`` hears it; each message shows its state.
    """
    ticks = "[...document.querySelectorAll('.messages li:not(.mine) .tick')].map((one) => one.className)"
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        page = one.page
        await one.open_chat("whatsapp")
        await one.pick("#chat-receipts", "delivered")
        await one.write("hi")
        await one.until_said("Which drink?")
        await page.until(
            f"{ticks}.length === 2 && {ticks}.every((one) => one === 'tick delivered')"
        )
        await one.pick("#chat-receipts", "read")
        await one.write("1")
        await page.click("#tab-ussd")
        await page.until("document.querySelectorAll('.messages li').length === 5")
        await page.until(f"{ticks}.at(-1) === 'tick delivered'")
        await page.click("#tab-chat")
        await one.until_said("One was read.")
        await one.pick("#chat-receipts", "failed")
        await one.write("1")
        await one.until_said("One was failed.")
        await page.until(f"{ticks}.at(-1) === 'tick failed'")
        log = await page.text("#log")
        await page.save_screenshot(tmp_path / "ticks.png")

    assert '"status": "delivered"' in log
    assert '"biz_opaque_callback_data"' in log
    assert '"code": 131026' in log


async def test_a_chat_on_telegram(short_tmp_path: Path, tmp_path: Path) -> None:
    """Choices are buttons below the question; a tap waits until the app acknowledged it; a place is asked for by a
    keyboard, which goes away; formatted texts are formatted.
    """
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        page = one.page
        await one.open_chat("telegram")
        await one.write("hi")
        await one.until_said("Which drink?")
        bold = await page.run(
            "document.querySelector('.messages:not([hidden]) li:last-child b')?.textContent"
        )
        await one.press("Beer")
        await one.until_said("Which dish?")
        await page.until("document.querySelectorAll('[aria-busy]').length === 0")
        await one.press("Dish 8")
        await one.until_said("Which table?")
        await page.save_screenshot(tmp_path / "telegram.png")
        await one.press("Table 1")
        await one.until_said("Where are you?")
        await page.save_screenshot(tmp_path / "keyboard.png")
        await one.press("📍 Share my location")
        await one.until_said("Beer, dish 8, Table 1, at 5.6.")
        keys = await page.run("document.querySelectorAll('.keyboard button').length")
        log = await page.text("#log")

    assert "drink" == bold
    assert 0 == keys
    assert '"callback_query"' in log
    assert "← telegram: answerCallbackQuery" in log
    assert "dev-only" not in log


async def test_a_chat_on_twilio(short_tmp_path: Path, tmp_path: Path) -> None:
    """Signed forms in, text messages out, counted as the network does; what becomes of them goes to the callback."""
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        await one.open_chat("twilio")
        await one.write("hi")
        drinks = await one.until_said("Which drink?")
        await one.write("3")
        await one.until_said("Which dish?")
        await one.until_logged("→ POST /gateways/twilio?reference=")
        delivered = ".messages:not([hidden]) > li:last-child .tick.delivered"
        await one.page.until(f"document.querySelector({json.dumps(delivered)})")
        log = await one.until_logged("MessageStatus=delivered")
        said = await one.page.text(".messages:not([hidden])")
        await one.page.save_screenshot(tmp_path / "twilio.png")

    assert "1. Water\n2. Juice\n3. Beer" in drinks
    assert "GSM-7" in drinks
    assert "✓✓ delivered" in said
    assert "✓✓ read" not in said
    assert "MessageStatus=read" not in log  # of an SMS nobody knows
    assert " 403" not in log


async def test_a_file(short_tmp_path: Path, tmp_path: Path) -> None:
    """What is sent arrives as the provider tells of it, and is fetched from where the provider hands it out."""
    file = tmp_path / "paper.pdf"
    file.write_bytes(b"%PDF-1.4")
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        for account in ("whatsapp", "telegram", "twilio"):
            await one.open_chat(account)
            await one.write("paper")
            await one.until_said("Show me.")
            await one.attach(file)
            await one.until_said("It is document, application/pdf, 8 bytes.")
        mine = await one.page.run(
            "document.querySelector('.messages:not([hidden]) li:nth-child(3)').firstChild.data"
        )
        await one.page.save_screenshot(tmp_path / "file.png")

    assert "[paper.pdf]" == mine


async def test_an_upload(short_tmp_path: Path, tmp_path: Path) -> None:
    """What an account uploads is taken, and in the log; the message has its id."""
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        await one.open_chat("whatsapp")
        await one.write("source")
        shown = await one.until_said("This is it.")
        log = await one.page.text("#log")

    assert "simulated_app.py" in shown
    assert "← whatsapp: upload 200" in log
    assert '"upload": "text/plain"' in log


async def test_a_socket(short_tmp_path: Path, tmp_path: Path) -> None:
    """With a token made for the user it joins, and pushes what was typed; frames are shown as they are."""
    async with open_simulator(short_tmp_path, tmp_path) as one:
        page = one.page
        await page.click("#tab-socket")
        await page.click("#socket-connect")
        await page.until(f'{FRAMES}.includes(\'"status":"ok"\')')
        await page.click("#socket-push")
        await page.until(f"{FRAMES}.includes('What size?')")
        await page.type("#socket-payload", "{oops")
        await page.click("#socket-push")
        await page.until(f"{FRAMES}.includes('the payload is no JSON')")
        await page.save_screenshot(tmp_path / "socket.png")
        await page.click("#socket-close")
        await page.until("document.body.dataset.socket === 'closed'")
        frames = await page.text("#socket-frames")

    assert '"phx_join"' in frames
    assert '["1","2","user:demo","flow:say",{"text":"hi"}]' in frames


async def test_an_impossible_number(short_tmp_path: Path, tmp_path: Path) -> None:
    """The page says so beside it, and neither dials nor writes, until it is mended."""
    told = {}
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        page = one.page
        for phone in ("12", "0244123456", "abc", ""):
            await page.type("#phone", phone)
            await one.dial()
            await page.until(f"{STATE} === 'not dialled' && document.activeElement.id === 'phone'")
            told[phone] = await page.text("#phone-problem:not([hidden])")
            await page.click("#restart")
        await one.open_chat("whatsapp")
        await one.write("hi")
        await page.until("document.activeElement.id === 'phone'")
        log = await page.text("#log")
        await page.save_screenshot(tmp_path / "phone.png")
        await page.type("#phone", "+44 20 7946 0018")
        await one.write("hi")
        await one.until_said("Which drink?")
        hidden = await page.run("document.querySelector('#phone-problem').hidden")

    assert all("Write it with its country: +233244123456" in one for one in told.values())
    assert "too few or too many digits" in told["12"]
    assert "needs a region" in told["0244123456"]
    assert "" == log
    assert hidden


async def test_restart_and_another_number(short_tmp_path: Path, tmp_path: Path) -> None:
    """Restart clears the screens, and what the app knows stays; another number is somebody else."""
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        page = one.page
        await one.open_chat("whatsapp")
        await one.write("hi")
        await one.until_said("Which drink?")
        await page.click("#restart")
        cleared = await page.text(".messages:not([hidden])")
        await one.write("1")
        await one.until_said("Which dish?")
        first = await page.run("document.querySelector('#phone').value")
        await page.click("#other")
        second = await page.run("document.querySelector('#phone').value")
        await one.write("hi")
        await one.until_said("Which drink?")

    assert "" == cleared
    assert first != second


async def test_a_server_that_comes_back(short_tmp_path: Path, tmp_path: Path) -> None:
    """Killed in the middle and started again, it goes on at the same question; the page waits for it meanwhile."""
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        await one.open_chat("whatsapp")
        await one.write("hi")
        await one.until_said("Which drink?")
        await one.crash()
        await one.press("Beer")
        await one.until_said("Which dish?")


async def test_by_keyboard_and_by_ear(short_tmp_path: Path, tmp_path: Path) -> None:
    """Everything that can be operated has a name; arrows change tabs, Enter dials and answers."""
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        page = one.page

        async def key(name: str) -> None:
            text = {"text": "\r"} if name == "Enter" else {}
            await page.call("Input.dispatchKeyEvent", type="keyDown", key=name, code=name, **text)
            await page.call("Input.dispatchKeyEvent", type="keyUp", key=name, code=name)

        await page.run("document.querySelector('#tab-ussd').focus()")
        seen = []
        for _ in range(3):
            operated = [
                one
                for one in await one.accessible()
                if one["role"]["value"] in {"button", "textbox", "combobox", "tab", "list", "log"}
            ]
            seen += [(node["role"]["value"], node["name"]["value"]) for node in operated]
            await key("ArrowRight")
        again = await page.run("document.activeElement.id")
        await page.run("document.querySelector('#ussd-input').focus()")
        await key("Enter")
        await one.until_shown("Your name?")
        await page.call("Input.insertText", text="Ama")
        await key("Enter")
        await one.until_shown("Hello Ama")

    assert [] == [role for role, name in seen if not name.strip()]
    assert {
        ("button", "star"),
        ("textbox", "Message"),
        ("textbox", "Phone"),
        ("tab", "Chat"),
    } <= set(seen)
    assert "tab-ussd" == again


async def test_a_narrow_window(short_tmp_path: Path, tmp_path: Path) -> None:
    """Nothing sticks out: the page and its parts are only scrolled up and down, and the last message is in sight."""
    out = """[document.documentElement, ...document.querySelectorAll("section:not([hidden])")]
        .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.nodeName)"""
    wide = {}
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        await one.open_chat("whatsapp")
        await one.write("hi")
        await one.until_said("Which drink?")
        await one.press("Beer")
        await one.until_said("Which dish?")
        for width in (340, 700, 1000):
            await one.page.resize(width, 800)
            for tab in ("ussd", "chat", "socket"):
                await one.page.click(f"#tab-{tab}")
                wide[tab, width] = await one.page.run(out)
                await one.page.save_screenshot(tmp_path / f"{tab}-{width}.png")
        await one.page.click("#tab-chat")
        below = await one.page.run(
            "(l => l.scrollHeight - l.scrollTop - l.clientHeight)"
            "(document.querySelector('.messages:not([hidden])'))"
        )

    assert {} == {where: found for where, found in wide.items() if found}
    assert below < 2


SHOP = """
[session_keys]
secret = "dev-only-of-this-test-and-long-enough-to-be-one"

[gateways.shop]
gateway = "whatsapp"
phone_number_id = "1"
access_token = "anything"
verify_token = "anything"
app_secrets = ["anything"]

[gateways.bot]
gateway = "telegram"
bot_token = "1:abcdefghijklmnopqrstuvwxyz"
secret_tokens = ["abcdefghijklmnopqrstuvwxyz"]
api_url = "http://127.0.0.1:PORT/simulator/provider/bot"
"""


RELATIVES = """
[session_keys]
secret = "dev-only-of-this-test-and-long-enough-to-be-one"

[gateways.relative]
gateway = "africastalking"
tokens = ["a-long-random-text-for-the-relative"]
method = "GET"
cumulative = false
characters = 100
path = "/some/secret-path"
fields = { session = "sid", phone = "MSISDN", text = "input" }

[gateways.texts]
gateway = "twilio"
account_sid = "AC00000000000000000000000000000001"
auth_tokens = ["a-long-random-text-for-twilio"]
platform = "whatsapp"
sender = "+14155238886"
public_url = "https://chat.example.com"
status_url = "https://chat.example.com/gateways/texts"
api_url = "http://127.0.0.1:PORT/simulator/provider/texts"
"""


async def test_accounts_with_settings_of_their_own(short_tmp_path: Path, tmp_path: Path) -> None:
    """Each is played as it is set: other names of fields and another method, an address that a proxy changes."""
    async with open_simulator(short_tmp_path, tmp_path, APP, config=RELATIVES) as one:
        await one.dial()
        await one.until_shown("Your name?")
        counted = await one.page.text("#ussd-counter")
        await one.dial("Ama")
        await one.until_shown("Hello Ama")
        await one.page.click("#ussd-cancel")
        dialled = await one.until_logged("Incomplete")
        await one.open_chat("texts")
        kind = await one.page.text("#chat-kind")
        await one.write("hi")
        await one.until_said("3. Beer")
        log = await one.until_logged("(read) 200")
        bold = await one.page.run("document.querySelector('.messages:not([hidden]) b').textContent")

    assert "10 / 100 GSM-7" == counted
    assert "→ GET /some/secret-path?sid=" in dialled
    assert "&MSISDN=%2B233244123456&" in dialled
    assert "&input=Ama&" in dialled
    assert ("WhatsApp by Twilio", "drink") == (kind, bold)
    assert "ProfileName=Ama" in log
    assert "From=whatsapp%3A%2B233244123456" in log


FIRST = """
from sessiond import App, Conversation

app = App()


@app.flow("order", starts_on=["hi", "pizza"])
async def order(c: Conversation) -> None:
    await c.ask("count", "How many?", parse=int)
"""


#: What the chat shows above what is said.
HINT = "getComputedStyle(document.querySelector('.messages'), '::before').content"


async def test_a_first_flow(short_tmp_path: Path, tmp_path: Path) -> None:
    """Who does not know what to write is told the words; a dial that no flow takes is no riddle."""
    (short_tmp_path / "first.py").write_text(FIRST)
    async with open_simulator(short_tmp_path, tmp_path, "first:app") as one:
        await one.dial()
        await one.page.until("!document.querySelector('#ussd-nothing').hidden")
        await one.page.save_screenshot(tmp_path / "nothing.png")
        await one.open_chat("whatsapp")
        hints = [await one.page.run(HINT)]
        await one.write("what is this")
        await one.page.until("document.querySelector('.messages .tick.taken')")
        hints.append(await one.page.run(HINT))
        await one.page.save_screenshot(tmp_path / "hint.png")
        await one.write("pizza")
        await one.until_said("How many?")
        hints.append(await one.page.run(HINT))

    words = '"A flow begins with: hi, pizza"'
    assert [words, words, "none"] == hints


#: What the page's modules make of texts and messages, as a list of what is to be seen.
MAKE = """(async () => {
  const { fromHtml, fromMarks } = await import("/simulator/marks.js");
  const { whatsapp } = await import("/simulator/whatsapp.js");
  const seen = (node) => [[...node.querySelectorAll("*")].map((one) => one.localName), node.textContent];
  const shown = (body) => {
    const item = document.createElement("li");
    whatsapp.show(item, { id: "1", body }, { send: () => true });
    return seen(item);
  };
  return [
    seen(fromHtml("<b>a</b> &lt;i&gt; <img src=x onerror=alert(1)><script>alert(2)</script><a href='x:y'>c</a>")),
    seen(fromMarks("*a _b_* 2*3*4 ~c~ ```*d*``` <img src=x onerror=alert(1)> *e")),
    shown({ type: "interactive", interactive: { type: "button", header: { type: "text", text: "H" },
      body: { text: "B" }, footer: { text: "F" }, action: { buttons: [{ reply: { id: "1", title: "<b>Yes" } }] } } }),
    shown({ type: "template", template: { name: "news", language: { code: "en" },
      components: [{ type: "body", parameters: [{ type: "text", text: "Ama" }] }] } }),
    shown({ type: "location", location: { latitude: 5.6, longitude: -0.2, name: "Accra" } }),
    shown({ type: "reaction", reaction: { emoji: "x" } }),
  ];
})()"""

#: The alphabet and length of each character, by the page.
MEASURE = """import("/simulator/gsm.js").then(({ measure }) =>
  [...%s].map((one) => Object.values(measure(one))))"""


async def test_texts_are_shown_as_texts(short_tmp_path: Path, tmp_path: Path) -> None:
    """Marks of chats are read, and only these; whatever else looks like markup is text. Lengths are those that the
    pages of the server are cut by.
    """
    characters = (
        "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x250), *range(0x390, 0x3D0)]))
        + "€🎉\n\f"
    )
    async with open_simulator(short_tmp_path, tmp_path, APP) as one:
        html, marks, buttons, template, place, other = await one.page.run(MAKE)
        measured = await one.page.run(MEASURE % json.dumps(characters))

    assert [
        ["b", "u"],
        "a <i> <img src=x onerror=alert(1)><script>alert(2)</script>c",
    ] == html
    assert [["b", "i", "s", "code"], "a b 2*3*4 c *d* <img src=x onerror=alert(1)> *e"] == marks
    assert [["b", "span", "div", "button"], "H\nBF<b>Yes"] == buttons
    assert [["span"], "template\nnews (en)Ama"] == template
    assert [["span"], "locationAccra 5.6, -0.2"] == place
    assert "reaction" in other[1]
    assert [
        ["GSM-7" if is_gsm(one) else "UCS-2", text_length(one)] for one in characters
    ] == measured


REFUSED = """
[session_keys]
secret = "dev-only-of-this-test-and-long-enough-to-be-one"

[gateways.shop]
gateway = "telegram"
bot_token = "1:abcdefghijklmnopqrstuvwxyz"
secret_tokens = ["abcdefghijklmnopqrstuvwxyz"]
networks = ["203.0.113.0/24"]
"""


async def test_what_the_door_refuses(short_tmp_path: Path, tmp_path: Path) -> None:
    """The message says so, and the log has the answer."""
    async with open_simulator(short_tmp_path, tmp_path, APP, config=REFUSED) as one:
        await one.open_chat("shop")
        await one.write("hi")
        mine = await one.page.until("document.querySelector('.mine.failed')?.innerText")
        log = await one.until_logged("forbidden")
        one.page.problems.clear()  # a 403 is told in the console

    assert "hi\nnot taken (403)" == mine
    assert "requests are not taken from this address" in log


async def test_accounts_of_ones_own(short_tmp_path: Path, tmp_path: Path) -> None:
    """They are offered instead; where one's answers go to the real provider, the page says what to set."""
    async with open_simulator(short_tmp_path, tmp_path, APP, config=SHOP) as one:
        page = one.page
        await one.open_chat("shop")
        offered = await page.run(
            "[...document.querySelectorAll('#chat-account option')].map(o => o.text)"
        )
        away = await page.run("document.querySelector('#chat-away').innerText")
        none = await page.run("document.querySelector('#ussd-none').hidden")
        await page.save_screenshot(tmp_path / "own.png")
        await one.open_chat("bot")
        await one.write("hi")
        await one.until_said("Which drink?")

    assert ["shop (WhatsApp)", "bot (Telegram)"] == offered
    assert f'api_url = "{one.address}/simulator/provider/shop"' in away
    assert not none
