"""What every Reflex app has."""

import reflex as rx

config = rx.Config(app_name="workshop", plugins=[rx.plugins.RadixThemesPlugin()])
