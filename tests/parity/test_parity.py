"""What the agent encodes is, byte for byte, what the SDKs encode."""

from random import Random

from tests.parity import cases, cases_accounts, cases_rhinestone, cases_signing, cases_startale
from tests.parity.sdks import ask

SEED = 7579
MAKERS = (
    cases.MAKERS
    | cases_accounts.MAKERS
    | cases_signing.MAKERS
    | cases_startale.MAKERS
    | cases_rhinestone.MAKERS
)


def test_every_answer_is_the_sdks_answer() -> None:
    random = Random(SEED)
    asked = [case for make, times in MAKERS.items() for _ in range(times) for case in make(random)]
    exports = {(case.question.sdk, case.question.name) for case in asked}
    print(f"seed {SEED}: {len(asked)} questions to {len(exports)} exports")

    answers = ask(case.question for case in asked)

    wrong = [
        (case.question.line, answer, case.ours)
        for case, answer in zip(asked, answers, strict=True)
        if answer != case.ours
    ]
    assert wrong[:3] == []
    assert len(asked) >= 5_000
