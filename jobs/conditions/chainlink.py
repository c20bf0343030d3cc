"""Prices from Chainlink feeds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from agent.domain.evaluation import ChainView, Read
from agent.domain.keccak import keccak256
from agent.domain.token import Token
from agent.domain.units import Address, Timestamp
from jobs.conditions.source import Claim, signed, unread, word_at, words
from jobs.conditions.verdict import Unknown

_LATEST_ROUND_DATA = keccak256(b"latestRoundData()")[:4]
_DECIMALS = keccak256(b"decimals()")[:4]


@dataclass(frozen=True, slots=True)
class Feed:
    """One AggregatorV3Interface."""

    address: Address
    decimals: int
    max_age_s: int
    """Its heartbeat and some grace; older answers are unknown."""
    read: Read = field(init=False, repr=False, compare=False)
    """Its `latestRoundData`; made once, for it is looked up at every block."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", Read(self.address, _LATEST_ROUND_DATA, "latest round"))

    def answer(self, view: ChainView) -> int | Unknown:
        """Return what the feed says, in its own decimals; unknown unless complete, positive and fresh."""
        round_data = words(view, self.read, 5)
        if round_data is None:
            return unread(f"the feed {self.address}")
        round_id, answer, _, updated_at, answered_in = round_data
        if updated_at == 0 or answered_in < round_id:
            return Unknown(
                "round_incomplete", f"round {round_id} of the feed {self.address} has no answer yet"
            )
        if signed(answer) <= 0:
            return Unknown("price_not_positive", f"the feed {self.address} answers {signed(answer)}")
        age_s = view.timestamp - updated_at
        if age_s > self.max_age_s:
            why = f"the feed {self.address} is {age_s} s old, at most {self.max_age_s} s are allowed"
            return Unknown("price_stale", why)
        if age_s < 0:
            return Unknown("price_ahead", f"the feed {self.address} is {-age_s} s ahead of the block")
        return answer

    def turns_at(self, view: ChainView) -> Timestamp | None:
        """Return when its answer goes stale; None once it has, or before it has one."""
        updated_at = word_at(view, self.read, 3)
        if updated_at is None:
            return None
        # An answer from the future counts from its own time on.
        turns = updated_at if updated_at > view.timestamp else updated_at + self.max_age_s + 1
        # Off any calendar: no block will ever carry it.
        return Timestamp(turns) if view.timestamp < turns < 2**63 else None


@dataclass(frozen=True, slots=True)
class Sequencer:
    """The uptime feed of a rollup: 0 is up, 1 is down, `startedAt` says since when."""

    address: Address
    grace_s: int
    """After it came back, prices count again only this much later."""

    @property
    def read(self) -> Read:
        """The `latestRoundData` of the uptime feed."""
        return Read(self.address, _LATEST_ROUND_DATA, "sequencer uptime")

    def trouble(self, view: ChainView) -> Unknown | None:
        """Return why prices do not count now; None while the sequencer is up for long enough."""
        round_data = words(view, self.read, 5)
        if round_data is None or round_data[2] == 0:
            return Unknown("sequencer_unknown", f"the sequencer's uptime feed {self.address} cannot be read")
        _, down, started_at, *_ = round_data
        if down:
            return Unknown("sequencer_down", f"the sequencer is down since {started_at}")
        if view.timestamp - started_at <= self.grace_s:
            why = f"the sequencer is up since {view.timestamp - started_at} s, {self.grace_s} s are asked for"
            return Unknown("sequencer_grace", why)
        return None

    def turns_at(self, view: ChainView) -> Timestamp | None:
        """Return when the grace is over; None when it is, or the sequencer is down."""
        round_data = words(view, self.read, 5)
        if round_data is None or round_data[1]:
            return None
        over = round_data[2] + self.grace_s + 1
        return Timestamp(over) if view.timestamp < over < 2**63 else None


@dataclass(frozen=True, slots=True)
class Chainlink:
    """The price of `base` in `quote` by one feed, or by two of the same currency: ETH/USD over USDC/USD."""

    base: Token
    quote: Token
    feed: Feed
    over: Feed | None = None
    """The feed of the quote token in the first feed's currency."""
    inverted: bool = False
    """Whether `feed` answers base per quote."""
    sequencer: Sequencer | None = None
    independent = True
    _scale: Fraction = field(init=False, repr=False, compare=False)
    """Of the feed's bare answer, or of its inverse, to base units."""

    def __post_init__(self) -> None:
        scale = Fraction(10**self.quote.decimals, 10**self.base.decimals)
        feed = Fraction(10**self.feed.decimals)
        over = Fraction(10**self.over.decimals if self.over else 1)
        object.__setattr__(self, "_scale", scale * over * (feed if self.inverted else 1 / feed))

    def reads(self) -> tuple[Read, ...]:
        return tuple(part.read for part in self._parts())

    def price(self, view: ChainView) -> Fraction | Unknown:
        trouble = self.sequencer.trouble(view) if self.sequencer else None
        if trouble is not None:
            return trouble
        answer = self.feed.answer(view)
        if isinstance(answer, Unknown):
            return answer
        price = self._scale / answer if self.inverted else self._scale * answer
        if self.over is None:
            return price
        over = self.over.answer(view)
        return over if isinstance(over, Unknown) else price / over

    def turns_at(self, view: ChainView) -> Timestamp | None:
        times = [turns for part in self._parts() if (turns := part.turns_at(view)) is not None]
        return min(times, default=None)

    def claims(self) -> tuple[Claim, ...]:
        feeds = (self.feed, self.over) if self.over else (self.feed,)
        return tuple(
            Claim(Read(feed.address, _DECIMALS, "decimals"), feed.decimals, f"decimals of {feed.address}")
            for feed in feeds
        )

    def _parts(self) -> Iterator[Feed | Sequencer]:
        yield self.feed
        if self.over is not None:
            yield self.over
        if self.sequencer is not None:
            yield self.sequencer
