"""Recordings of conversations: a stereo WAV and a time line, in the system's temporary folder.

Left is the user as received, right the assistant as heard: what was interrupted is not in it.
`SessionRecorder` watches a session and records it while the person wants that; `Recordings` holds
the files. They are the user's words: they go with the session unless kept.
"""

from voice_loop.recording.recorder import Recorder
from voice_loop.recording.session_recorder import SessionRecorder
from voice_loop.recording.store import Recordings

__all__ = ["Recorder", "Recordings", "SessionRecorder"]
