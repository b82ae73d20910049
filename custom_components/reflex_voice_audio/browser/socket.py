"""The `/voice` WebSocket: frames, their numbers, acknowledgement, resume, clock.

Everything that goes up passes one bounded outbox: audio waits there for the session (so no first
word is lost), for a link that is broken or slow, and until the server has acknowledged it. What is
older than its bound is dropped and counted; typed words wait on. A broken link is taken up again by
itself; when that cannot be, the listener hears `on_lost` and may `open` with a new ticket, which
keeps unheard words. Knows nothing of microphones, turns or the page.
"""

from __future__ import annotations

from typing import Any

from .jsapi import (
    JSON,
    Array,
    ArrayBuffer,
    DataView,
    Uint8Array,
    WebSocket,
    clearTimeout,
    encodeURIComponent,
    performance,
    setTimeout,
)
from .server_clock import ServerClock

SUBPROTOCOL = "voice-loop.v1"
HEADER_BYTES = 16
MERGED_BYTES = 9600
"""A frame carries at most ten chunks of 20 ms: what waited goes up in these."""
HIGH_WATER_BYTES = 64000
MOST_WAITING = 200
WAITING_MS = 10000
STALLED_MS = 5000
RESUME_MS = 15000
RESUME_ATTEMPTS = 12
FIRST_ATTEMPTS = 3
OPEN_TIMEOUT_MS = 5000
READY_TIMEOUT_MS = 15000
PING_MS = 2000
UNANSWERED_PINGS = 3


class Outgoing:
    """One frame on its way up: a `body` (control) or `pcm` at a `position` (audio)."""

    def __init__(self, seq: int, body: Any, position: int, pcm: Any) -> None:
        self.seq = seq
        self.body = body
        self.position = position
        self.pcm = pcm
        self.at_ms = performance.now()
        self.was_sent: bool = False


class VoiceSocket:
    """One session's connection, over as many sockets as it takes.

    The listener has on_ready(event), on_event(event), on_audio(turn, item, position, pcm),
    on_reconnecting(), on_lost(), on_failure(code) and on_closed(error event or None).
    """

    def __init__(self, listener: Any) -> None:
        self.listener = listener
        self.socket: Any = None
        self.url = ""
        self.ticket = ""
        self.options: Any = None
        self.session_id = ""
        self.resume_key = ""
        self.received_seq = 0
        self.next_seq = 1
        self.outbox: Any = Array()
        self.sent = 0
        self.base = -1
        self.dropped = 0
        self.is_ready: bool = False
        self.was_opened: bool = False
        self.attempts = 0
        self.broken_at_ms: float = 0
        self.error: Any = None
        self.timer: Any = None
        self.pings = 0
        self.unanswered = 0
        self.clock = ServerClock()

    def open(self, url: str, ticket: str, options: Any) -> None:
        """Begin a new session. What waits goes along; of an older session only what the person put
        in: its other frames speak of turns that are no more."""
        is_first = self.session_id == ""
        self.url = url
        self.ticket = ticket
        self.options = options
        self.session_id = ""
        self.received_seq = 0
        self.next_seq = 1
        self.attempts = 0
        self.broken_at_ms = performance.now()
        self.base = -1
        kept = Array()
        for i in range(len(self.outbox)):
            entry = self.outbox[i]
            if is_first or entry.pcm is not None or entry.body["type"].split(".")[0] == "input":
                entry.was_sent = False
                self.number(entry)
                kept.push(entry)
        self.outbox = kept
        self.connect()

    def number(self, entry: Any) -> None:
        entry.seq = self.next_seq
        self.next_seq += 1
        if entry.pcm is None:
            entry.body["seq"] = entry.seq
        elif self.base < 0:
            self.base = entry.position

    def end(self, reason: str) -> None:
        """Say good-bye and close; nothing is kept."""
        if self.is_ready:
            self.send({"type": "session.end", "reason": reason, "seq": 0})
        self.drop_socket()
        self.outbox = Array()
        self.session_id = ""

    def send(self, body: Any) -> None:
        """Send one control frame, numbered and kept until it is acknowledged."""
        self.push(Outgoing(0, body, 0, None))

    def send_in_session(self, body: Any) -> None:
        """What speaks of an answer: a session that is being opened knows of none."""
        if self.session_id != "":
            self.send(body)

    def send_audio(self, position: int, pcm: Any) -> None:
        """Send one chunk; what cannot go yet is joined to what waits before it."""
        count = len(self.outbox)
        if count > self.sent:
            last = self.outbox[count - 1]
            # A frame that went out once may have arrived: it must stay what it was.
            is_open = last.pcm is not None and last.was_sent is False
            if is_open and last.pcm.byteLength + pcm.byteLength <= MERGED_BYTES:
                if last.position + last.pcm.byteLength // 2 == position:
                    joined = ArrayBuffer(last.pcm.byteLength + pcm.byteLength)
                    bytes_ = Uint8Array(joined)
                    bytes_.set(Uint8Array(last.pcm), 0)
                    bytes_.set(Uint8Array(pcm), last.pcm.byteLength)
                    last.pcm = joined
                    self.pump()
                    return
        self.push(Outgoing(0, None, position, pcm))

    def relative(self, position: float) -> float:
        """A capture position on this session's sample line."""
        return max(0, position - max(0, self.base))

    def push(self, entry: Any) -> None:
        self.number(entry)
        self.outbox.push(entry)
        self.pump()

    def pump(self) -> None:
        """Send what the socket takes, then let go of what is too old."""
        if self.is_ready:
            while self.sent < len(self.outbox) and self.socket.bufferedAmount < HIGH_WATER_BYTES:
                entry = self.outbox[self.sent]
                entry.was_sent = True
                self.socket.send(self.encode(entry))
                self.sent += 1
        self.expire()

    def expire(self) -> None:
        now = performance.now()
        keep = WAITING_MS if self.session_id == "" else RESUME_MS
        while len(self.outbox) > 0 and now - self.outbox[0].at_ms > keep:
            if self.sent > 0:
                self.sent -= 1
            else:
                self.dropped += 1
            entry = self.outbox.shift()
            is_text = entry.pcm is None and entry.body["type"] == "input.text"
            if is_text and entry.was_sent is False and len(self.outbox) < MOST_WAITING:
                entry.at_ms = now
                self.push(entry)
        while self.is_ready and self.sent < len(self.outbox):
            # The link is there but slow: late words are worth less than quick ones.
            entry = self.outbox[self.sent]
            if entry.pcm is None or now - entry.at_ms < STALLED_MS:
                return
            self.outbox.splice(self.sent, 1)
            self.dropped += 1

    def acknowledge(self, seq: int) -> None:
        while len(self.outbox) > 0 and self.outbox[0].seq <= seq:
            self.outbox.shift()
            self.sent = max(0, self.sent - 1)

    def encode(self, entry: Any) -> Any:
        if entry.pcm is None:
            return JSON.stringify(entry.body)
        frame = ArrayBuffer(HEADER_BYTES + entry.pcm.byteLength)
        head = DataView(frame)
        head.setUint8(0, 1)
        head.setUint8(1, 1)
        head.setUint32(4, entry.seq, True)
        head.setUint32(12, entry.position - self.base, True)
        Uint8Array(frame, HEADER_BYTES).set(Uint8Array(entry.pcm))
        return frame

    def connect(self) -> None:
        self.attempts += 1
        self.error = None
        self.was_opened = False
        url = self.url
        if self.session_id != "":
            has_query = len(url.split("?")) > 1
            url += ("&" if has_query else "?") + "s=" + encodeURIComponent(self.session_id)
        try:
            socket = WebSocket(url, [SUBPROTOCOL])
        except Exception:
            self.listener.on_failure("server_unreachable")
            return
        socket.binaryType = "arraybuffer"
        socket.onopen = self.on_open
        socket.onmessage = self.on_message
        socket.onclose = self.on_close
        self.socket = socket
        self.wait(OPEN_TIMEOUT_MS, self.on_silence)

    def wait(self, delay_ms: float, action: Any) -> None:
        """The one timer: opening, getting ready, trying again or the next ping."""
        clearTimeout(self.timer)
        self.timer = setTimeout(action, delay_ms)

    def on_open(self, _event: Any) -> None:
        self.was_opened = True
        self.wait(READY_TIMEOUT_MS, self.on_silence)
        resume = None
        ticket: Any = self.ticket
        if self.session_id != "":
            ticket = None
            resume = {
                "session_id": self.session_id,
                "resume_key": self.resume_key,
                "received_seq": self.received_seq,
            }
        self.send_now(
            {
                "type": "session.start",
                "seq": 0,
                "client_time_ms": performance.now(),
                "ticket": ticket,
                "resume": resume,
                "options": self.options,
            }
        )

    def send_now(self, body: Any) -> None:
        self.socket.send(JSON.stringify(body))

    def on_silence(self) -> None:
        self.broken(None)

    def on_close(self, event: Any) -> None:
        if event.code == 1000:
            self.drop_socket()
            self.listener.on_closed(None)
        elif event.code == 1006 or event.code == 1001:
            self.broken(None)
        else:
            self.broken(self.error)

    def drop_socket(self) -> None:
        clearTimeout(self.timer)
        socket = self.socket
        self.socket = None
        self.is_ready = False
        self.sent = 0
        if socket is not None:
            socket.onopen = None
            socket.onmessage = None
            socket.onclose = None
            socket.close(1000)

    def broken(self, error: Any) -> None:
        """The link is gone: try again, start anew, or give up, as the error and the time say."""
        was_ready = self.is_ready
        self.drop_socket()
        code = ""
        if error is not None:
            code = error.code
            if code != "not_here" and code != "resume_refused" and code != "server_restarting":
                self.listener.on_closed(error)
                return
        now = performance.now()
        if was_ready:
            if self.attempts == 0:
                self.broken_at_ms = now
            self.listener.on_reconnecting()
        if self.session_id == "":
            if self.was_opened:
                self.listener.on_lost()
            elif self.attempts < FIRST_ATTEMPTS:
                self.wait(500 * self.attempts, self.connect)
            else:
                self.listener.on_failure("server_unreachable")
        elif (
            code == "resume_refused"
            or self.attempts >= RESUME_ATTEMPTS
            or now - self.broken_at_ms > RESUME_MS
        ):
            self.listener.on_lost()
        else:
            self.wait(min(2000, 250 * self.attempts), self.connect)

    def on_message(self, message: Any) -> None:
        self.unanswered = 0
        if isinstance(message.data, str):
            self.on_text(message.data)
        elif message.data.byteLength >= HEADER_BYTES:
            head = DataView(message.data)
            known = head.getUint8(0) == 1 and head.getUint8(1) == 2
            if known and self.is_new(head.getUint32(4, True)):
                self.listener.on_audio(
                    head.getUint32(8, True),
                    head.getUint16(2, True),
                    head.getUint32(12, True),
                    message.data.slice(HEADER_BYTES),
                )

    def is_new(self, seq: int) -> bool:
        if seq > 0:
            if seq <= self.received_seq:
                return False
            self.received_seq = seq
        return True

    def on_text(self, text: str) -> None:
        try:
            event = JSON.parse(text)
        except Exception:
            return
        if event.type == "session.ready":
            self.on_ready(event)
        elif event.type == "clock.pong":
            self.on_pong(event)
        elif self.is_new(event.seq):
            if event.type == "turn.state":
                # The conversation went on: no error so far explains its end.
                self.error = None
            elif event.type == "error":
                self.error = event
                if self.is_ready is False:
                    # The server waits for its provider, and says how long.
                    delay_ms = event.retry_after_ms
                    if delay_ms is None:
                        delay_ms = 0
                    self.wait(READY_TIMEOUT_MS + delay_ms, self.on_silence)
            self.listener.on_event(event)

    def on_ready(self, event: Any) -> None:
        self.session_id = event.session_id
        self.resume_key = event.resume_key
        self.sent = 0
        self.acknowledge(event.received_seq)
        self.is_ready = True
        self.unanswered = 0
        self.listener.on_ready(event)
        self.ping()
        self.pump()

    def ping(self) -> None:
        if self.unanswered >= UNANSWERED_PINGS:
            self.broken(None)
            return
        self.wait(PING_MS, self.on_tick)
        self.pings += 1
        self.unanswered += 1
        self.send_now(
            {
                "type": "clock.ping",
                "seq": 0,
                "id": self.pings,
                "client_sent_ms": performance.now(),
                "offset_ms": self.clock.offset_ms,
                "round_trip_ms": self.clock.round_trip_ms,
                "received_seq": self.received_seq,
            }
        )
        self.pump()

    def on_tick(self) -> None:
        # The link held for a while: a link that breaks at once each time must run out of attempts.
        self.attempts = 0
        self.ping()

    def on_pong(self, event: Any) -> None:
        self.acknowledge(event.received_seq)
        self.clock.observe(event)
