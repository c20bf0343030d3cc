"""A mistake under `when:` is told with its file, line and what to write."""

from pathlib import Path

import pytest

from tests.unit.definitions.files import ACCOUNT, PAYEE, mistakes_in

JOB = f"""\
id: poke
kind: contract_call
chain: 31337
account: "{ACCOUNT}"
session: alice
spec:
  to: "{PAYEE}"
  function: "poke()"
  times: 3
  until: "2026-12-31T18:00:00Z"
  when:
"""
PRICE = f'price: {{of: USDC, below: "2 ether", source: {{uniswap_v2_spot: {{pair: "{PAYEE}"}}}}}}'


@pytest.mark.parametrize(
    ("tree", "line", "code", "fix"),
    [
        ('    cron: "0 9 * * *"\n', 12, "calendar_in_when", "`schedule: {cron: ...}`"),
        ("    all:\n      - balance: {below: 10}\n", 13, "amount_without_unit", "such as"),
        ("    any:\n      - block: {at: 5}\n      - block: {at: x}\n", 14, "bad_integer", "digits"),
        (f"    not:\n      {PRICE}\n", 13, "bad_price_source", "contracts"),
        ("    any:\n      - blok: {at: 5}\n", 13, "unknown_key", "block"),
        ('    not:\n      call: {to: "0x1", function: "f()(bool)", is: true}\n', 13, "bad_address", "0x"),
        ("    health_factor:\n      below: 1.1\n", 13, "missing_key", "loan"),
    ],
)
def test_it_is_told_where_it_stands(tmp_path: Path, tree: str, line: int, code: str, fix: str) -> None:
    found = mistakes_in(tmp_path, {"jobs/poke.yaml": JOB + tree})
    of_tree = [mistake for mistake in found if mistake.place.line >= 11]
    assert [(mistake.place.file, mistake.place.line, mistake.code) for mistake in of_tree] == [
        ("jobs/poke.yaml", line, code)
    ]
    assert fix in of_tree[0].fix
