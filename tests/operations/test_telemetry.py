"""What a log line holds, and that nothing else gets into it."""

import asyncio
import gc
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

import telemetry

Logs = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """The lines that a process of the product would write from now on, at its most talkative."""
    stream = io.StringIO()
    with telemetry.logging_to(stream, "DEBUG"):
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_and_event_first(logs: Logs) -> None:
    structlog.get_logger("api.metrics").info("request", method="GET", route="/links/{token}", status=200)
    [line] = logs()
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["level"], line["event"], line["route"], line["status"]) == ("info", "request", "/links/{token}", 200)


def test_only_known_fields_are_written(logs: Logs) -> None:
    """Whatever somebody passes along by mistake stays out."""
    structlog.get_logger("x").info("signed in", mail_address="taro@minato.example", password="geheim", status=200)
    assert set(logs()[0]) == {"timestamp", "level", "event", "logger", "status"}


def test_addresses_and_tokens_are_blotted_out_of_what_is_written(logs: Logs) -> None:
    token = "T8000000-" + "k" * 43
    told = f"mail to taro@minato.example with /links/{token} and tzk_{token} or tzd_{token}"
    structlog.get_logger("x").info(told, kind=token)
    assert logs()[0]["event"] == "mail to … with … and … or …"
    assert logs()[0]["kind"] == "…"


def test_a_line_break_does_not_make_a_second_line(logs: Logs) -> None:
    """Neither those that ASCII knows nor those that only Unicode does."""
    structlog.get_logger("x").warning("one\ntwo\r\u2028three", kind="a\nb")
    assert len(logs()) == 1


def test_another_librarys_message_is_written_without_what_it_was_formatted_with(logs: Logs) -> None:
    logging.getLogger("sqlalchemy.engine").warning("row %s of %s", "山田 太郎", "taro@minato.example")
    assert logs()[0]["event"] == "row %s of %s"


def test_an_exception_is_told_by_type_and_place_and_never_by_its_text(logs: Logs) -> None:
    """Its causes too."""
    try:
        try:
            dict[str, str]()["山田"]
        except KeyError as cause:
            raise ValueError("taro@minato.example") from cause
    except ValueError:
        logging.getLogger("any").exception("it failed")
        structlog.get_logger("any").exception("it failed")
    for line in logs():
        assert [told["type"] for told in line["exception"]] == ["builtins.ValueError", "builtins.KeyError"]
        assert line["exception"][0]["at"][-1].startswith("tests/operations/test_telemetry.py:")
    assert "taro" not in str(logs())
    assert "山田" not in str(logs())


async def test_an_exception_that_nobody_awaited_is_told_without_its_text(logs: Logs) -> None:
    async def fail() -> None:
        raise ValueError("taro@minato.example")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    # Picked by its words: what other tests have left lying is collected here too, and told.
    [line] = [line for line in logs() if line["event"] == "Task exception was never retrieved"]
    assert line["level"] == "error"
    assert "taro" not in str(logs())
