"""The Reflex entry: settings → VoiceLoop → page → app. Only Reflex imports it."""

from __future__ import annotations

import logging

import reflex as rx

from voice_loop.embed import VoiceLoop
from voice_loop.ui.page import DESCRIPTION, TITLE, page

voice = VoiceLoop()
logging.getLogger("voice_loop").setLevel(voice.settings.log_level)

app = rx.App(api_transformer=voice.api)
voice.attach(app)
app.add_page(lambda: page(voice), route="/", title=TITLE, description=DESCRIPTION)
