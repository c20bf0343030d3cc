import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.definitions.session_writer import session_file
from agent.definitions.sessions import session_from
from agent.definitions.source import Report
from agent.definitions.yaml_tree import parse_yaml
from agent.domain.units import Timestamp
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.session_json import session_from_json
from tests.unit.definitions.files import ENDS, a_session

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/smart_sessions.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["sessions"], ids=lambda vector: vector["name"])
def test_a_written_session_reads_back_byte_for_byte(vector: dict[str, object]) -> None:
    session = session_from_json(vector["session"])
    definition = replace(a_session(), session=session, permission_id=permission_id(session))
    report = Report()
    document = parse_yaml("sessions/alice.yaml", session_file(definition, ["a comment"]), report)
    assert document is not None
    read = session_from(document, report)
    assert report.mistakes == []
    assert read is not None
    assert replace(read, place=definition.place) == definition


def test_a_session_expires_after_its_earliest_time_frame() -> None:
    assert a_session().expires_at == Timestamp(ENDS + 1)


def test_a_session_without_a_time_frame_never_expires() -> None:
    definition = a_session()
    session = replace(definition.session, user_op_policies=())
    assert replace(definition, session=session).expires_at is None
