import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.definitions.files import Folder
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
    definition = replace(
        a_session(),
        session=session,
        permission_id=permission_id(session),
        succeeds="old",
        allow_lint=("L06", "L11"),
        allow_lint_reason='the owner\'s "payees": change, # weekly é',
        revoked_at=Timestamp(1_900_000_000),
    )
    report = Report()
    document = parse_yaml("sessions/alice.yaml", session_file(definition, ["a comment"]), report)
    assert document is not None
    read = session_from(document, report)
    assert report.mistakes == []
    assert read is not None
    assert replace(read, place=definition.place) == definition


def test_every_letter_that_a_reason_may_have_is_read_back(tmp_path: Path) -> None:
    letters = [chr(number) for number in range(sys.maxunicode + 1) if chr(number).isprintable()]
    folder = tmp_path / "sessions"
    folder.mkdir()
    for start in range(0, len(letters), 10_000):
        # Far longer than a reason may be: only what the file does to its letters is looked at.
        text = "x" + "".join(letters[start : start + 10_000]) + "x"
        definition = replace(a_session(), allow_lint=("L06",), allow_lint_reason=text)
        (folder / "alice.yaml").write_text(session_file(definition), "utf-8")
        report = Report()
        read = Folder(tmp_path).text("sessions/alice.yaml", 1 << 20, report)
        assert report.mistakes == []
        document = parse_yaml("sessions/alice.yaml", str(read), report)
        assert document is not None
        assert isinstance(document.root, dict)
        assert document.root["allow_lint_reason"] == text


def test_a_session_expires_after_its_earliest_time_frame() -> None:
    assert a_session().expires_at == Timestamp(ENDS + 1)


def test_a_session_without_a_time_frame_never_expires() -> None:
    definition = a_session()
    session = replace(definition.session, user_op_policies=())
    assert replace(definition, session=session).expires_at is None
