"""The user's audio: detection, commits, transcription, interruption, the idle prompt."""

from __future__ import annotations

import base64
from typing import Any

import anyio
import pytest

from tests.local.realtime_client import (
    SPEECH_CLOSES,
    Frame,
    audio_of,
    client_of,
    conversation,
    kinds,
    last,
    scripted_server,
    silence,
    tone,
)
from voice_loop.audio.pcm import bytes_to_ms, ms_to_bytes
from voice_loop.local import LocalOptions, serve
from voice_loop.local.brain.base import Say, Wait
from voice_loop.local.brain.scripted import ScriptedResponder
from voice_loop.local.detector import LevelDetector
from voice_loop.local.engines import Engines
from voice_loop.local.recogniser import Samples, ScriptedRecogniser
from voice_loop.local.voice import ToneVoice

pytestmark = pytest.mark.anyio
SPOKEN_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
]


async def test_a_spoken_turn_is_told_in_the_services_order_and_answered() -> None:
    async with conversation(hears=("What time is it?",)) as client:
        await client.turn_detection()
        await client.append(silence(1000))
        await client.say(600)
        frames = await client.until("rate_limits.updated")
    order = [kind for kind in kinds(frames) if "transcription" not in kind]
    assert order[:6] == SPOKEN_TURN
    started, stopped, committed = frames[0], frames[1], frames[2]
    item_id = started["item_id"]
    assert stopped["item_id"] == committed["item_id"] == item_id
    assert committed["previous_item_id"] is None
    # 300 ms of padding before an onset at 1000 ms; 200 ms of silence after an end at 1600 ms.
    assert started["audio_start_ms"] == pytest.approx(700, abs=33)
    assert stopped["audio_end_ms"] == pytest.approx(1824, abs=33)
    assert frames[3]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert frames[3]["item"]["role"] == "user"
    done = last(frames, "conversation.item.input_audio_transcription.completed")
    assert (done["item_id"], done["transcript"]) == (item_id, "What time is it?")
    assert done["usage"]["type"] == "duration"
    assert done["usage"]["seconds"] == pytest.approx(1.124, abs=0.05)
    answer = last(frames, "response.done")["response"]["output"][0]["content"][0]
    assert answer == {"type": "output_audio", "transcript": "You said: What time is it?."}


async def test_the_transcription_deltas_add_up_to_the_completed_text() -> None:
    async with conversation(hears=("One two three.",)) as client:
        await client.turn_detection(create_response=False)
        await client.say()
        prefix = "conversation.item.input_audio_transcription."
        frames = await client.until(prefix + "completed")
    deltas = "".join(frame["delta"] for frame in frames if frame["type"] == prefix + "delta")
    assert deltas == frames[-1]["transcript"] == "One two three."


async def test_without_transcription_the_answer_still_knows_what_was_said() -> None:
    responder = ScriptedResponder()
    async with conversation(responder, hears=("Open the door.",)) as client:
        await client.say()
        frames = await client.until("rate_limits.updated")
    assert not [kind for kind in kinds(frames) if "transcription" in kind]
    assert responder.contexts[0].last_user_text == "Open the door."


async def test_create_response_false_only_cuts_speech_into_items() -> None:
    async with conversation(hears=("One.", "Two.")) as client:
        await client.turn_detection(create_response=False, interrupt_response=False)
        first: list[Frame] = []
        second: list[Frame] = []
        for frames in (first, second):
            await client.say()
            frames += await client.until("conversation.item.input_audio_transcription.completed")
        await client.respond()
        answer = await client.until("response.done")
    assert "response.created" not in kinds(first + second)
    assert last(second, "input_audio_buffer.committed")["previous_item_id"] == first[0]["item_id"]
    assert "Two." in str(answer[-1]["response"]["output"])


async def test_a_turn_is_cut_the_same_however_the_audio_is_chunked() -> None:
    speech = silence(500) + tone(700) + silence(500) + tone(400) + silence(600)
    found: list[list[tuple[Any, Any]]] = []
    for chunk_ms in (20, 7, 333, 2700):
        async with conversation() as client:
            await client.turn_detection(create_response=False)
            await client.append(speech, chunk_ms)
            await client.append(silence(40))
            await client.send("input_audio_buffer.clear")
            frames = await client.until("input_audio_buffer.cleared")
            found.append(
                [
                    (frame["type"], frame.get("audio_start_ms") or frame.get("audio_end_ms"))
                    for frame in frames
                    if "speech" in frame["type"]
                ]
            )
    assert len(found[0]) == 4
    assert all(other == found[0] for other in found)


async def test_a_short_pause_does_not_end_the_turn_and_a_click_does_not_start_one() -> None:
    async with conversation() as client:
        await client.turn_detection(silence_duration_ms=300, create_response=False)
        await client.append(silence(388) + tone(20) + silence(400))
        await client.append(tone(300) + silence(150) + tone(300) + silence(400))
        frames = await client.until("input_audio_buffer.committed")
    speech = [frame for frame in frames if "speech" in frame["type"]]
    assert len(speech) == 2
    assert speech[0]["audio_start_ms"] == pytest.approx(508, abs=33)


async def test_positions_go_on_after_a_commit_and_after_a_clear() -> None:
    async with conversation() as client:
        await client.turn_detection(create_response=False, prefix_padding_ms=0)
        await client.append(silence(500))
        await client.send("input_audio_buffer.clear")
        await client.append(silence(500) + tone(500) + silence(500))
        first = await client.expect("input_audio_buffer.speech_started")
        await client.append(tone(500) + silence(500))
        second = await client.expect("input_audio_buffer.speech_started")
    assert first["audio_start_ms"] == pytest.approx(1000, abs=33)
    assert second["audio_start_ms"] == pytest.approx(2000, abs=33)


async def test_fifteen_mebibytes_are_taken_in_one_append_and_one_more_byte_is_not() -> None:
    async with conversation() as client:
        await client.push_to_talk()
        most = 15 * 1024 * 1024
        audio = base64.b64encode(bytes(most)).decode()
        await client.send("input_audio_buffer.append", audio=audio)
        await client.send("input_audio_buffer.commit")
        frame = await client.expect("conversation.item.done")
        assert frame["item"]["role"] == "user"
        audio = base64.b64encode(bytes(most + 3)).decode()
        await client.send("input_audio_buffer.append", audio=audio)
        assert (await client.error())["code"] == "string_above_max_length"


async def test_push_to_talk_commits_and_answers_only_when_asked() -> None:
    async with conversation(hears=("Held down.",)) as client:
        await client.push_to_talk()
        await client.say(500, 600)
        await client.send("input_audio_buffer.commit")
        frames = await client.until("conversation.item.done")
        await client.respond()
        answer = await client.until("response.done")
    assert kinds(frames) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert "Held down." in str(answer[-1]["response"]["output"])


async def test_a_commit_of_less_than_100_ms_is_refused_in_the_services_words() -> None:
    async with conversation() as client:
        await client.push_to_talk()
        await client.send("input_audio_buffer.commit", event_id="c1")
        empty = await client.error()
        await client.append(tone(60))
        await client.send("input_audio_buffer.commit")
        short = await client.error()
        await client.append(tone(40))
        await client.send("input_audio_buffer.commit")
        await client.expect("input_audio_buffer.committed")
    assert empty["code"] == short["code"] == "input_audio_buffer_commit_empty"
    assert empty["event_id"] == "c1"
    assert short["message"] == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
        "audio, but buffer only has 60.00ms of audio."
    )


async def test_clear_throws_the_buffer_away() -> None:
    async with conversation() as client:
        await client.push_to_talk()
        await client.append(tone(500))
        await client.send("input_audio_buffer.clear")
        await client.expect("input_audio_buffer.cleared")
        await client.send("input_audio_buffer.commit")
        assert (await client.error())["code"] == "input_audio_buffer_commit_empty"


async def test_a_commit_in_the_middle_of_speech_keeps_the_announced_item() -> None:
    async with conversation() as client:
        await client.turn_detection(create_response=False)
        await client.append(tone(600))
        started = await client.expect("input_audio_buffer.speech_started")
        await client.send("input_audio_buffer.commit")
        committed = await client.expect("input_audio_buffer.committed")
        await client.append(silence(1000) + tone(300) + silence(300))
        again = await client.expect("input_audio_buffer.speech_started")
    assert committed["item_id"] == started["item_id"] != again["item_id"]


async def test_switching_to_push_to_talk_forgets_the_open_turn() -> None:
    async with conversation() as client:
        await client.turn_detection()
        await client.append(tone(400))
        await client.expect("input_audio_buffer.speech_started")
        await client.push_to_talk()
        await client.append(silence(800))
        await client.send("input_audio_buffer.commit")
        frames = await client.until("conversation.item.done")
    assert kinds(frames)[0] == "input_audio_buffer.committed"


LONG = ("This is a rather long answer, " * 30).strip() + "."


async def test_speech_interrupts_the_answer_and_the_answer_is_closed_in_order() -> None:
    responder = ScriptedResponder([[Say("Hold on. "), Wait(60_000)], "Yes?"])
    async with conversation(responder) as client:
        await client.turn_detection()
        await client.type("Tell me everything.")
        await client.respond()
        await client.expect("response.output_audio.delta")
        await client.append(tone(300))
        frames = await client.until("rate_limits.updated")
        await client.append(silence(400))
        answer = await client.until("response.done")
    frames = [frame for frame in frames if not frame["type"].endswith(".delta")]
    assert kinds(frames) == [
        "input_audio_buffer.speech_started",
        *SPEECH_CLOSES,
    ]
    response = frames[-2]["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    assert "Yes?" in str(answer[-1]["response"]["output"])


async def test_interrupt_response_false_lets_the_answer_finish() -> None:
    responder = ScriptedResponder([[Say("Wait for it. "), Wait(150), "Done."]])
    async with conversation(responder) as client:
        await client.turn_detection(interrupt_response=False, create_response=False)
        await client.type("Go.")
        await client.respond()
        await client.expect("response.output_audio.delta")
        await client.append(tone(300) + silence(300))
        frames = await client.until("response.done")
    assert "input_audio_buffer.speech_started" in kinds(frames)
    assert frames[-1]["response"]["status"] == "completed"


async def test_a_turn_that_ends_during_an_answer_that_goes_on_says_why_it_gets_none() -> None:
    responder = ScriptedResponder([[Say("Wait. "), Wait(60_000)]])
    async with conversation(responder) as client:
        await client.turn_detection(interrupt_response=False)
        await client.type("Go.")
        await client.respond()
        await client.expect("response.output_audio.delta")
        await client.append(tone(300) + silence(300))
        problem = await client.error()
    assert problem["code"] == "conversation_already_has_active_response"


async def test_nothing_said_for_the_idle_timeout_prompts_the_assistant() -> None:
    responder = ScriptedResponder(["Hi.", "Still there?"])
    async with conversation(responder, options=LocalOptions(idle_scale=0.01)) as client:
        await client.turn_detection(idle_timeout_ms=5000)
        await client.append(silence(7000), 500)
        await client.ask("Hello")
        frames = await client.until("response.done")
    assert kinds(frames)[:4] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert frames[0]["audio_end_ms"] == 7000
    assert frames[0]["audio_start_ms"] == 2000
    assert frames[1]["item_id"] == frames[0]["item_id"]
    assert "Still there?" in str(frames[-1])


async def test_speech_stops_the_idle_timer() -> None:
    responder = ScriptedResponder(["Hi.", "You spoke."])
    async with conversation(responder, options=LocalOptions(idle_scale=0.4)) as client:
        await client.turn_detection(idle_timeout_ms=5000)
        await client.ask("Hello")
        await client.append(tone(300))
        await client.expect("input_audio_buffer.speech_started")
        await client.append(silence(300))
        frames = await client.until("response.done")
    assert "input_audio_buffer.timeout_triggered" not in kinds(frames)
    assert "You spoke." in str(frames[-1])


async def test_semantic_detection_waits_longer_for_a_sentence_that_is_not_finished() -> None:
    async def silence_used(text: str) -> float:
        async with conversation(hears=(text,)) as client:
            await client.update(
                audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}
            )
            await client.append(tone(600))
            with anyio.fail_after(30):
                for _ in range(400):
                    await client.append(silence(32), 32)
                    # The text is recognised beside the audio, in a thread that a busy machine lets
                    # wait: let it arrive between two frames.
                    await client.update()
                    await client.update()
                    if any("stopped" in frame["type"] for frame in client.frames):
                        break
        stopped = last(client.frames, "input_audio_buffer.speech_stopped")
        return float(stopped["audio_end_ms"]) - 600

    finished = await silence_used("Open the door.")
    trailing = await silence_used("Open the")
    assert finished < 1000, "it takes 550, and 32 for each frame that the thread is late"
    assert 1900 < trailing < 2300


class _Failing:
    def recognise(self, speech: Samples, voiced_ms: float) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("recogniser", "code"),
    [(None, "local_recogniser_missing"), (_Failing(), "local_recogniser_failed")],
)
async def test_speech_that_cannot_be_recognised_is_said_to_be(
    recogniser: _Failing | None, code: str
) -> None:
    responder = ScriptedResponder()
    engines = Engines(LevelDetector(), ToneVoice(), recogniser, responder)
    async with serve(engines=engines) as server, client_of(server) as client:
        await client.turn_detection()
        await client.say()
        failed = await client.expect("conversation.item.input_audio_transcription.failed")
        await client.expect("response.done")
        frames = await client.ask("Typed text works.")
    assert failed["error"]["code"] == code
    assert "typed text works" in failed["error"]["message"]
    assert responder.contexts[0].last_user_text == ""
    assert responder.contexts[0].can_hear is (recogniser is not None)
    assert "Typed text works." in str(frames[-2])


class _Counting(ScriptedRecogniser):
    def __init__(self) -> None:
        super().__init__(("Guess.", "Again."))
        self.lengths_ms: list[float] = []

    def recognise(self, speech: Samples, voiced_ms: float) -> str:
        self.lengths_ms.append(len(speech) / 16)
        return super().recognise(speech, voiced_ms)


async def _counted_turn(pcm: bytes) -> tuple[_Counting, Frame]:
    recogniser = _Counting()
    engines = Engines(LevelDetector(), ToneVoice(), recogniser, ScriptedResponder())
    async with serve(engines=engines) as server, client_of(server) as client:
        await client.turn_detection(silence_duration_ms=400, create_response=False)
        for start in range(0, len(pcm), ms_to_bytes(40)):
            await client.append(pcm[start : start + ms_to_bytes(40)], 40)
            # A round trip in each step, so that a guess can be made while the silence lasts.
            await client.send("input_audio_buffer.invent")
            await client.until("error")
        frames = [frame for frame in client.frames if "transcription.completed" in frame["type"]]
        if not frames:
            frames = [await client.expect("conversation.item.input_audio_transcription.completed")]
    return recogniser, frames[-1]


async def test_the_guess_made_in_the_silence_is_the_turns_text() -> None:
    recogniser, done = await _counted_turn(tone(600) + silence(600))
    assert done["transcript"] == "Guess."
    assert len(recogniser.lengths_ms) == 1
    # Prefix and speech and at most the silence after which a guess may start.
    assert recogniser.lengths_ms[0] < 600 + 300 + 250


async def test_a_guess_that_speech_overtook_is_not_used() -> None:
    recogniser, done = await _counted_turn(tone(600) + silence(250) + tone(600) + silence(600))
    # A busy machine may not get to guess in the pause; whatever is used heard all of it.
    assert recogniser.lengths_ms[-1] > 1400
    assert done["transcript"] == ("Guess." if len(recogniser.lengths_ms) == 1 else "Again.")


async def test_telephone_formats_are_understood_and_spoken() -> None:
    for kind in ("audio/pcmu", "audio/pcma"):
        async with conversation(ms_per_word=100) as client:
            await client.update(
                audio={
                    "input": {"format": {"type": kind}, "turn_detection": None},
                    "output": {"format": {"type": kind}},
                }
            )
            audio = base64.b64encode(bytes([0x55 if kind == "audio/pcma" else 0xFF]) * 1600)
            await client.send("input_audio_buffer.append", audio=audio.decode())
            await client.send("input_audio_buffer.commit")
            await client.expect("conversation.item.done")
            await client.respond()
            frames = await client.until("response.done")
        seconds = len(audio_of(frames)) / 8000
        assert seconds == pytest.approx(0.4, abs=0.15)


async def test_a_created_items_audio_is_recognised_too() -> None:
    responder = ScriptedResponder()
    async with conversation(responder, hears=("From a file.",)) as client:
        content = [{"type": "input_audio", "audio": base64.b64encode(tone(500)).decode()}]
        await client.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content},
        )
        item = (await client.expect("conversation.item.done"))["item"]
        await client.respond()
        await client.expect("response.done")
        await client.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await client.expect("conversation.item.retrieved"))["item"]
    assert "audio" not in item["content"][0]
    assert responder.contexts[0].last_user_text == "From a file."
    assert bytes_to_ms(len(base64.b64decode(kept["content"][0]["audio"]))) == 500


async def test_what_was_committed_can_be_retrieved_with_its_audio() -> None:
    async with conversation() as client:
        await client.push_to_talk()
        spoken = tone(400)
        await client.append(spoken)
        await client.send("input_audio_buffer.commit")
        item = (await client.expect("conversation.item.done"))["item"]
        await client.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await client.expect("conversation.item.retrieved"))["item"]
    assert base64.b64decode(kept["content"][0]["audio"]) == spoken


async def test_many_sessions_speak_at_once_and_none_hears_another() -> None:
    async with scripted_server(ScriptedResponder(cues={"s": "Fine."})) as server:
        outcomes: list[str] = []

        async def one() -> None:
            async with client_of(server) as client:
                await client.turn_detection()
                await client.say()
                frames = await client.until("response.done")
                outcomes.append(frames[-1]["response"]["status"])

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for _ in range(12):
                    tasks.start_soon(one)
    assert outcomes == ["completed"] * 12


async def test_numbers_of_the_detection_can_change_while_somebody_speaks() -> None:
    async with conversation(hears=("All of it.",)) as client:
        await client.turn_detection(create_response=False)
        await client.append(tone(600))
        await client.expect("input_audio_buffer.speech_started")
        await client.turn_detection(create_response=False, silence_duration_ms=300)
        await client.append(tone(400) + silence(600))
        await client.expect("conversation.item.input_audio_transcription.completed")
        started = [one for one in client.frames if one["type"].endswith("speech_started")]
        stopped = last(client.frames, "input_audio_buffer.speech_stopped")
    assert len(started) == 1
    assert 1_250 < stopped["audio_end_ms"] < 1_400, "the new silence"
