"""The OpenAI Realtime API (GA) behind the provider port; also speaks to the local server.

`codec` reads frames and `commands` writes them, both without I/O; `faults` maps every refusal to
one of our codes; `link` is the socket, `handshake` brings a session into force on it; `adapter`
puts them together. The provider is imported from `adapter`, not from here: it brings the `openai`
package along, which takes half a second.
"""
