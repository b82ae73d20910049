"""Recordings of conversations: a stereo WAV and a time line, in the system's temporary folder.

Left is the user as received, right the assistant as heard: what was interrupted is not in it.
Fed by calls; knows no session. Files are the user's words: they go with the session unless kept.
"""

from voice_loop.recording.recorder import Recorder
from voice_loop.recording.store import Recordings
from voice_loop.recording.token import Download, sign_download, verify_download

__all__ = ["Download", "Recorder", "Recordings", "sign_download", "verify_download"]
