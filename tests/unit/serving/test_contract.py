"""The contract at /openapi.json against what the app does."""

import asyncio
import json
import re
from dataclasses import fields

import jsonschema
import pytest

from sluice.data.limits import MAX_CANDIDATES, MAX_ID_CHARACTERS
from sluice.data.schema import TABLES
from sluice.serving.answer import answer_json, readiness_json
from sluice.serving.docs_page import docs_page
from sluice.serving.openapi import EVENTS_EXAMPLE, RANK_EXAMPLE, openapi
from sluice.serving.port import Answer, Readiness, RefusalReason, Status
from sluice.serving.problem import Code
from tests.lib.api_fuzz import fuzz
from tests.lib.http_service import InProcess, twin_app
from tests.lib.twin_server import TwinServer

SCHEMAS = openapi()["components"]["schemas"]


@pytest.fixture
def service():
    with asyncio.Runner() as runner:
        yield InProcess(runner, twin_app(TwinServer()))


def check(name, content):
    schema = {
        "$ref": f"#/components/schemas/{name}",
        "components": openapi()["components"],
    }
    jsonschema.Draft202012Validator(schema).validate(content)


def test_schemathesis_finds_no_server_error_and_no_violation():
    run = fuzz(seed=1, examples=115, phases="examples,fuzzing")

    assert run.cases >= 300, run.output[-3000:]
    assert run.server_errors == 0, run.statuses
    assert run.violations == 0, run.output[-5000:]


def test_a_server_that_breaks_its_contract_is_caught():
    """The check itself: an answer without a field that the contract promises."""
    whole = twin_app(TwinServer())

    async def without_status(scope, receive, send):
        async def changed(message):
            if scope.get("path") == "/livez" and message.get("body"):
                message = message | {"body": b'{"statUs":"alive"}'}
            await send(message)

        await whole(scope, receive, changed)

    run = fuzz(seed=1, examples=5, phases="fuzzing", app=without_status)

    assert run.violations >= 1, run.output[-3000:]


def test_the_examples_are_taken(service):
    check("RankRequest", RANK_EXAMPLE)
    check("Events", EVENTS_EXAMPLE)

    assert service.post("/rank", RANK_EXAMPLE).status_code == 200
    assert service.post("/events", EVENTS_EXAMPLE).json()["refused"] == []


def test_answers_are_as_the_contract_says(service):
    check("Answer", service.post("/rank", RANK_EXAMPLE).json())
    check("Problem", service.post("/rank", {}).json())
    check("Intake", service.post("/events", {"items": [{}, 1]}).json())
    check("Answers", service.post("/rank/batch", {"requests": [RANK_EXAMPLE, 1]}).json())
    check("Document", service.call("GET", "/openapi.json").json())
    jsonschema.Draft202012Validator.check_schema(SCHEMAS["Answer"])


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("refused", [None, *RefusalReason])
@pytest.mark.parametrize("stranger", [True, False])
def test_every_readiness_is_as_the_contract_says(status, refused, stranger):
    whole = Readiness(status, "a" * 64, "for_you", 1, 2, 3.5, 4, 5, 6, refused, ("old",))

    for readiness in (whole, Readiness(status, refused=refused)):
        content = readiness_json(readiness, stranger=stranger)
        check("Readiness", json.loads(json.dumps(content)))


def test_answers_hold_every_field_of_the_port():
    names = {field.name for field in fields(Answer)}
    answer = Answer("r", "d", 1, 1, 1, [], None, False, (), 0, False, "champion")

    assert set(answer_json(answer)) == names == set(SCHEMAS["Answer"]["properties"])


def test_limits_and_columns_are_those_that_are_checked():
    rank = SCHEMAS["RankRequest"]["properties"]

    assert rank["candidates"]["maxItems"] == MAX_CANDIDATES
    assert SCHEMAS["Id"]["maxLength"] == MAX_ID_CHARACTERS
    for table, name in (
        ("exposures", "Exposure"),
        ("feedback", "Feedback"),
        ("items", "Item"),
    ):
        assert list(SCHEMAS[name]["properties"]) == TABLES[table].names
    codes = SCHEMAS["Problem"]["properties"]["error"]["properties"]["code"]["enum"]
    assert codes == list(Code)


def test_every_route_is_in_the_contract_and_answers(service):
    app = twin_app(TwinServer())

    assert set(openapi()["paths"]) == set(app._routes)
    for path, operations in openapi()["paths"].items():
        for method in operations:
            answer = service.call(method.upper(), path)
            assert str(answer.status_code) in operations[method]["responses"]


def test_the_page_loads_nothing_and_names_every_route_and_code(service):
    answer = service.call("GET", "/docs")
    page = answer.text

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<(script|link|img|iframe)|src=|https://", page)
    assert all(path in page for path in openapi()["paths"])
    assert all(f"<code>{code}</code>" in page for code in Code)
    assert docs_page() == answer.content
