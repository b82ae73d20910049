import reflex as rx

from voice_loop import VoiceLoop

voice = VoiceLoop()


def index() -> rx.Component:
    return rx.vstack(rx.heading("My app"), voice.talk_button(), voice.notices(), voice.transcript())


app = rx.App()
voice.attach(app)
app.add_page(index)
