"""Draw a script: sessions of one account, operations under them, and changes in between."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from agent.domain.budget import Cleared
from agent.domain.units import Timestamp
from agent.erc7579.accounts import ACCOUNT_KINDS
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.policies import simple_gas
from agent.smart_sessions.preflight import limits
from tests.differential.counters import grant_of, modelled
from tests.differential.management import enabling, random_management
from tests.differential.operations import GWEI, Drawn, Edges, random_operation
from tests.differential.play import Play, Step
from tests.differential.sessions import Granted, Setting, random_session
from tests.differential.stage import Stage

KIND_OF = ("nexus", "kernel", "nexus", "safe7579", "nexus", "reference", "nexus", "nexus")
"""By the seed's last three bits."""
OPERATIONS = 24
"""Of one script."""
DRAWS = 8
BASE_FEES = (1, GWEI // 2, GWEI, 3 * GWEI)


@dataclass(frozen=True, slots=True)
class Script:
    """What one seed makes: the same steps on the same stage, whenever it is drawn."""

    seed: int
    kind: str
    steps: tuple[Step, ...]

    @property
    def operations(self) -> int:
        """How many operations are in it."""
        return sum(len(step.what) for step in self.steps if isinstance(step.what, tuple))


def drawn(stage: Stage, seed: int) -> tuple[Script, Play]:
    """Draw the script of a seed and play it on the model."""
    kind = KIND_OF[seed % len(KIND_OF)]
    play = Play(stage, ACCOUNT_KINDS[kind])
    steps = []
    for step in _steps(Random(seed), play):
        play.step(step)
        steps.append(step)
    return Script(seed, kind, tuple(steps)), play


def replayed(stage: Stage, script: Script) -> Play:
    """Play the steps of a script on the model."""
    play = Play(stage, ACCOUNT_KINDS[script.kind])
    for step in script.steps:
        play.step(step)
    return play


def _steps(random: Random, play: Play) -> Iterator[Step]:
    at, operations = play.stage.start, 0
    for count in range(10_000):
        at = Timestamp(at + random.choice((1, 1, 2, 12, 60, 300, 900, 3600)))
        base_fee, setting = random.choice(BASE_FEES), Setting(play.account, play.stage.usdc, at)
        known = list(play.known.values())
        if not known or (count < 3 and random.random() < 0.5):
            yield Step(at, base_fee, enabling(random_session(random, setting)))
        elif random.random() < 0.15:
            yield Step(at, base_fee, random_management(random, setting, known))
        else:
            size = random.choice((1, 1, 1, 1, 1, 1, 2, 3))
            enabled = [one for one in known if one.permission in play.model.state.sessions]
            granted = random.choice(enabled if enabled and random.random() < 0.95 else known)
            bundle = tuple(
                _operation(random, play, setting, one)
                for one in [granted, *random.choices((granted, random.choice(known)), k=size - 1)]
            )
            operations += size
            yield Step(at, base_fee, bundle)
        if operations >= OPERATIONS:
            return


def _operation(random: Random, play: Play, setting: Setting, granted: Granted) -> Drawn:
    """Draw one; half of them again until one is within the session, or for a while."""
    grant = grant_of(granted, play.account, play.stage.chain_id)
    seen = modelled(grant, play.model)
    edges = _edges(grant, seen)
    found = random_operation(random, setting, granted, edges)
    for _ in range(random.choice((0, DRAWS))):
        if isinstance(play.verdict(grant, seen, found, setting.now), Cleared):
            break
        found = random_operation(random, setting, granted, edges)
    return found


def _edges(grant: Grant, seen: Counters) -> Edges:
    uses = limits(grant, seen)
    gas = [use.remaining for use in uses if use.unit == "gas"]
    others = [
        use.remaining for use in uses if use.unit not in ("gas", "uses") and use.key.part != simple_gas.COST
    ]
    return Edges(others, gas)
