"""The Reflex entry: settings → VoiceLoop → page → app. Only a server imports it."""

from __future__ import annotations

import logging

import reflex as rx
from reflex.config import get_config

# Reads rxconfig.py, which puts the component on the path: a server that is not started by Reflex's
# own command comes here first.
get_config()

from voice_loop.embed import VoiceLoop  # noqa: E402  # after the path above
from voice_loop.ui.page import DESCRIPTION, TITLE, page  # noqa: E402  # as above

voice = VoiceLoop()
# Reflex shows only its own records; what this app has to say goes the same way.
logger = logging.getLogger("voice_loop")
logger.setLevel(voice.settings.log_level)
if not logger.handlers:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.addHandler(handler)

app = rx.App(api_transformer=voice.api)
voice.attach(app)
app.add_page(
    lambda: page(voice), route="/", title=TITLE, description=DESCRIPTION, image="/social.png"
)
