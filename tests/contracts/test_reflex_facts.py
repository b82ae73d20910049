"""The facts of Reflex that this project stands on, each by name.

An upgrade that moves the ground fails here first. No code of ours is involved.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
import reflex as rx
import reflex_base
from reflex.utils import exec as reflex_exec
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

CLIENT = (
    Path(inspect.getfile(reflex_base)).parent / ".templates" / "web" / "utils" / "state.js"
).read_text(encoding="utf-8")


def test_r1_the_version_is_one_that_was_tried() -> None:
    assert version("reflex").startswith("0.10.")


def test_r2_set_value_sets_the_value_of_the_referenced_handle_and_evaluates_nothing() -> None:
    start = CLIENT.index('event.name == "_set_value"')
    body = CLIENT[start : CLIENT.index("return;", start)]
    assert "ref.current.value = event.payload.value" in body.replace("\n", " ")
    assert "eval" not in body


def test_r3_the_page_finds_its_backend_by_this_rule() -> None:
    start = CLIENT.index("export const getBackendURL")
    rule = CLIENT[start : CLIENT.index("return endpoint", start)]
    for part in (
        "SAME_DOMAIN_HOSTNAMES.includes(endpoint.hostname)",
        "endpoint.hostname = frontend_hostname",
        'endpoint.protocol = "wss:"',
        'endpoint.port = ""',
    ):
        assert part in rule


def test_r4_a_mounted_app_serves_its_routes_and_its_own_lifespan_never_runs() -> None:
    ran: list[str] = []

    @asynccontextmanager
    async def never(app: Starlette) -> AsyncIterator[None]:
        ran.append("mounted")
        yield

    @asynccontextmanager
    async def registered() -> AsyncIterator[None]:
        ran.append("registered")
        yield

    async def hello(request: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    mounted = Starlette(routes=[Route("/hello", hello)], lifespan=never)
    top = Starlette(lifespan=lambda app: registered())
    top.mount("", mounted)
    with TestClient(top) as client:
        assert client.get("/hello").text == "hello"
    assert ran == ["registered"]
    source = inspect.getsource(rx.App.__call__)
    assert 'api_transformer.mount("", asgi_app)' in source
    assert "Starlette(lifespan=self._run_lifespan_tasks)" in source


def test_r5_a_lifespan_task_may_be_an_asynchronous_context_manager() -> None:
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        yield

    app = rx.App()
    app.register_lifespan_task(life)
    assert life in app.get_lifespan_tasks()


def test_r6_a_state_can_be_modified_by_client_token_from_outside_a_handler() -> None:
    parameters = inspect.signature(rx.App.modify_state).parameters
    assert list(parameters)[1] == "token"
    assert {"ident", "cls"} <= set(inspect.signature(rx.BaseStateToken).parameters)


def test_r7_a_handler_knows_the_origin_and_the_address_of_its_page() -> None:
    from reflex.istate.data import HeaderData, SessionData

    assert "origin" in HeaderData.__dataclass_fields__
    assert {"client_token", "client_ip"} <= set(SessionData.__dataclass_fields__)


def test_r8_production_serves_with_granian() -> None:
    assert reflex_exec.should_use_granian()  # type: ignore[no-untyped-call]  # Reflex does not say


@pytest.mark.parametrize(
    "name",
    ["REFLEX_USE_NPM", "REFLEX_TELEMETRY_ENABLED", "REFLEX_WEB_WORKDIR", "REFLEX_STATES_WORKDIR"],
)
def test_r9_the_environment_variables_that_are_set_for_it_exist(name: str) -> None:
    from reflex.config import Config
    from reflex_base.environment import EnvironmentVariables

    known = hasattr(EnvironmentVariables, name)
    setting = name.removeprefix("REFLEX_").lower()
    assert known or setting in Config.__dataclass_fields__
