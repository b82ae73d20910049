"""Python that runs in the browser: one module per browser object, translated at build time.

Read by `reflex_voice_audio.build`; imported under CPython only by tests, where `jsapi` stands in
for the browser. The subset it is written in is `reflex_voice_audio.dialect`.
"""
