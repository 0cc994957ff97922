"""ChatterKeep's conversation: hello, a name, a song; start → ask_name → ask_song → done."""

from sessiond import App, Conversation, RoutingSettings

app = App(
    routing=RoutingSettings(
        unclaimed_text="Invalid initial input, please say hello.",
        after_end="closed",
        ended_text="Thank you for using the chatbot!",
        greetings={},  # the flow's own word starts it, no other
        reset_words={},  # "menu" and "cancel" may be names, and songs
    )
)


@app.flow("chatterkeep", patterns=["hello"])
async def chatterkeep(c: Conversation) -> None:
    name = await c.ask("ask_name", "What is your name?")
    song = await c.ask("ask_song", f"Hello {name}, what is your favorite song?")
    await c.say(f"Playing {song}")
