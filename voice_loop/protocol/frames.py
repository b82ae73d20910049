"""Binary frames: a 16-byte little-endian header, then 24 kHz mono s16le PCM.

    u8  version   1
    u8  kind      1 = audio up (browser → server), 2 = audio down
    u16 item      index of the audio item within its turn (down), 0 (up)
    u32 seq
    u32 turn      0 (up)
    u32 position_samples

The design's `flags` field carries the item's index: it is the one thing the header lacked.
"""

from __future__ import annotations

import struct
from typing import Final

from voice_loop.errors import WireError
from voice_loop.protocol.events import AudioChunk

VERSION: Final = 1
KIND_UP: Final = 1
KIND_DOWN: Final = 2
HEADER: Final = struct.Struct("<BBHIII")
MAX_UP_PCM_BYTES: Final = 9_600
"""200 ms: ten chunks that a stalled page sends at once; a single chunk is 960 bytes."""
_U32: Final = 0xFFFFFFFF


def encode_audio(chunk: AudioChunk, kind: int) -> bytes:
    """Header and PCM of one chunk. Positions wrap at 2**32 samples (49 hours)."""
    return (
        HEADER.pack(VERSION, kind, chunk.item, chunk.seq, chunk.turn, chunk.position_samples & _U32)
        + chunk.pcm
    )


def decode_audio(data: bytes, kind: int, max_pcm_bytes: int) -> AudioChunk:
    """The chunk in `data`. Raises WireError (`bad_frame`, `frame_too_big`), nothing else."""
    if len(data) < HEADER.size:
        raise WireError("bad_frame", "binary frame shorter than its header")
    version, got_kind, item, seq, turn, position = HEADER.unpack_from(data)
    if version != VERSION or got_kind != kind:
        raise WireError("bad_frame", "binary frame of an unknown version or kind")
    pcm = data[HEADER.size :]
    if len(pcm) > max_pcm_bytes:
        raise WireError("frame_too_big")
    if len(pcm) % 2:
        raise WireError("bad_frame", "audio is 16 bit: an odd number of bytes cannot be")
    return AudioChunk(turn=turn, item=item, position_samples=position, pcm=pcm, seq=seq)
