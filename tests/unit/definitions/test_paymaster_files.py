"""Paymasters in the files, and who pays for gas: nobody by accident."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.definitions.mistakes import Mistake
from agent.definitions.paymaster_files import context_of, context_texts
from agent.definitions.session_writer import session_file
from agent.domain.job import SELF
from agent.domain.paymaster import PaymasterRules, TokenFee
from agent.domain.token import Token
from agent.domain.units import ChainId, Gas, Wei
from tests.unit.definitions.files import CONFIG, JOB, PAYEE, USDC, a_session, load_files, mistakes_in

ETHER = 10**18
SPONSOR = f"""\
      sponsor:
        url: "https://paymaster.example.org/${{RPC_KEY}}"
        addresses: ["{PAYEE}"]
        context: '{{"sponsorshipPolicyId": "${{RPC_KEY}}"}}'
        max_cost: "0.01 ether"
        max_cost_per_day: "0.1 ether"
"""
TOKENS = f"""\
      usdc:
        url: "http://127.0.0.1:3000"
        addresses: ["{PAYEE}", "{USDC}"]
        max_cost: "0.01 ether"
        max_cost_per_day: "0.1 ether"
        max_verification_gas: 100000
        max_post_op_gas: 90000
        timeout: 2s
        token_fee: {{max_rate: "4000 USDC", max_fee: "0.5 USDC", max_fee_per_day: "5 USDC"}}
"""
PERMITTING = a_session()
PERMITTING = replace(PERMITTING, session=replace(PERMITTING.session, permit_erc4337_paymaster=True))


def files(
    paymasters: str = SPONSOR, *, order: str = "", chain_order: str = "", permits: bool = True
) -> dict[str, str]:
    """Return files whose chain has paymasters; orders are written as in YAML."""
    lines = "    paymasters:\n" + paymasters if paymasters else ""
    lines += f"    pay_gas_by: {chain_order}\n" if chain_order else ""
    return {
        "sessionkeeper.yaml": CONFIG.replace("keys:\n", lines + "keys:\n", 1),
        "jobs/rent.yaml": JOB + (f"pay_gas_by: {order}\n" if order else ""),
        "sessions/alice.yaml": session_file(PERMITTING if permits else a_session()),
    }


def only(mistakes: tuple[Mistake, ...]) -> tuple[str, str]:
    """Return the code and the place of the one mistake."""
    (mistake,) = mistakes
    return mistake.code, str(mistake.place)


def test_a_paymaster_is_read_with_its_rules(tmp_path: Path) -> None:
    definitions = load_files(tmp_path, files(SPONSOR + TOKENS, order="[sponsor, usdc, self]"))
    found = definitions.chains[ChainId(31_337)].paymasters
    sponsor, tokens = found["sponsor"], found["usdc"]
    assert sponsor.rules == PaymasterRules(
        "sponsor",
        ChainId(31_337),
        (PAYEE,),
        Wei(ETHER // 100),
        Wei(ETHER // 10),
        Gas(500_000),
        Gas(200_000),
    )
    assert (sponsor.timeout_s, tokens.timeout_s) == (5, 2)
    assert sponsor.url.get_secret_value() == "https://paymaster.example.org/secret-rpc-key"
    assert context_of(sponsor) == {"sponsorshipPolicyId": "secret-rpc-key"}
    assert context_of(tokens) == {}
    usdc = Token("USDC", USDC, 6)
    assert tokens.rules.token_fee == TokenFee(usdc, 4_000 * 10**6, 500_000, 5 * 10**6)
    assert definitions.jobs["rent"].pay_gas_by == ("sponsor", "usdc", SELF)
    assert "secret-rpc-key" not in repr(definitions)


def test_what_may_be_a_key_in_a_context_is_known_as_one(tmp_path: Path) -> None:
    context = '{"policy": "${RPC_KEY}", "token": "' + str(USDC) + '", "more": [{"hint": "secret-hint"}, 7]}'
    text = SPONSOR.replace('{"sponsorshipPolicyId": "${RPC_KEY}"}', context)
    sponsor = load_files(tmp_path, files(text, order="[self]")).chains[ChainId(31_337)].paymasters["sponsor"]
    assert set(context_texts(sponsor)) == {"secret-rpc-key", "secret-hint"}


def test_without_paymasters_the_account_pays_and_the_job_is_the_same_as_ever(tmp_path: Path) -> None:
    before = load_files(tmp_path / "before").jobs["rent"]
    written = load_files(tmp_path / "written", files("", order="[self]")).jobs["rent"]
    assert (before.pay_gas_by, before.needs_paymaster) == ((SELF,), False)
    assert written.digest == before.digest


def test_who_pays_is_part_of_what_a_job_does(tmp_path: Path) -> None:
    one = load_files(tmp_path / "one", files(order="[sponsor]")).jobs["rent"]
    other = load_files(tmp_path / "other", files(order="[sponsor, self]")).jobs["rent"]
    assert one.identity_digest == other.identity_digest
    assert one.digest != other.digest


def test_the_chain_says_who_pays_where_the_job_does_not(tmp_path: Path) -> None:
    chain_order = "[sponsor, self]"
    assert load_files(tmp_path / "one", files(chain_order=chain_order)).jobs["rent"].pay_gas_by == (
        "sponsor",
        SELF,
    )
    own = load_files(tmp_path / "two", files(chain_order=chain_order, order="self"))
    assert own.jobs["rent"].pay_gas_by == (SELF,)


def test_nobody_pays_by_accident(tmp_path: Path) -> None:
    code, place = only(mistakes_in(tmp_path, files()))
    assert (code, place.split(":")[0]) == ("no_payer", "jobs/rent.yaml")


def test_a_session_that_permits_no_paymaster_needs_the_account_in_the_order(tmp_path: Path) -> None:
    refused = mistakes_in(tmp_path / "alone", files(order="[sponsor]", permits=False))
    assert only(refused) == ("session_forbids_paymaster", "jobs/rent.yaml:5:10")
    load_files(tmp_path / "both", files(order="[sponsor, self]", permits=False))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("[sponser, self]", ("unknown_payer", "jobs/rent.yaml:16:14")),
        ("[sponsor, sponsor]", ("duplicate_payer", "jobs/rent.yaml:16:23")),
        ("[sponsor, {}]", ("wrong_shape", "jobs/rent.yaml:16:23")),
    ],
)
def test_a_wrong_order_is_told_in_its_place(tmp_path: Path, order: str, expected: tuple[str, str]) -> None:
    assert only(mistakes_in(tmp_path, files(order=order))) == expected


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ('["0x90F79bf6EB2c4f870365E785982E1f101E93b906"]', "[]", "no_paymaster_address", 13),
        ('["0x90F79bf6EB2c4f870365E785982E1f101E93b906"]', '["0x90f7"]', "bad_address", 13),
        ("'{\"spons", "'[\"spons", "bad_context", 14),
        ('\'{"sponsorshipPolicyId"', "'" + "[" * 40 + '{"a"', "bad_context", 14),
        ('max_cost: "0.01 ether"', 'max_cost: "1 ether"', "cap_above_day", 15),
        ('max_cost: "0.01 ether"', 'max_cost: "1 USDC"', "not_native", 15),
        ('        max_cost_per_day: "0.1 ether"\n', "", "missing_key", 12),
        ("sponsor:\n", "self:\n", "payer_name_taken", 11),
        ("https://paymaster.example.org", "paymaster", "bad_url", 12),
        ("https://paymaster.example.org", "https://169.254.169.254", "forbidden_host", 12),
    ],
)
def test_a_wrong_paymaster_is_told_in_its_place(
    tmp_path: Path, old: str, new: str, code: str, line: int
) -> None:
    assert SPONSOR.count(old) == 1
    found = mistakes_in(tmp_path, files(SPONSOR.replace(old, new), order="[self]"))
    assert [(item.code, item.place.line) for item in found if item.code == code] == [(code, line)]
    assert "secret-rpc-key" not in str(found)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("0.5 USDC", "0.5 DAI", "unknown_token"),
        ("0.5 USDC", "0.0000005 USDC", "too_many_decimals"),
        ("4000 USDC", "4000", "amount_without_unit"),
        ("4000 USDC", "1 ether", "fee_token_differs"),
        ("0.5 USDC", "50 USDC", "cap_above_day"),
        (
            '"4000 USDC", max_fee: "0.5 USDC", max_fee_per_day: "5 USDC"',
            '"1 ether", max_fee: "1 ether", max_fee_per_day: "1 ether"',
            "fee_not_a_token",
        ),
    ],
)
def test_a_wrong_token_fee_is_told_in_its_place(tmp_path: Path, old: str, new: str, code: str) -> None:
    found = mistakes_in(tmp_path, files(TOKENS.replace(old, new), order="[self]"))
    assert [(item.code, item.place.line) for item in found] == [(code, 19)]


def test_an_old_entry_point_has_no_paymasters(tmp_path: Path) -> None:
    text = files(order="[self]")["sessionkeeper.yaml"]
    old = text.replace("    paymasters:", '    entry_point: {version: "0.6"}\n    paymasters:')
    found = mistakes_in(tmp_path, {**files(order="[self]"), "sessionkeeper.yaml": old})
    assert "paymaster_entry_point" in {item.code for item in found}
