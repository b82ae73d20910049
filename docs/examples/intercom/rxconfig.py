"""What every Reflex app has."""

import reflex as rx

config = rx.Config(app_name="intercom", plugins=[rx.plugins.RadixThemesPlugin()])
