"""The Reflex side: the state of one visitor and the parts of the page.

Everything here is display and choice; audio never passes through. A part carries its own colours
and needs no theme, no plugin and no stylesheet of the host app.
"""
