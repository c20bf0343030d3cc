"""Every source of a price, and how a file writes it."""

from jobs.conditions.agreed import Agreed, deviation_bps
from jobs.conditions.chainlink import Chainlink, Feed, Sequencer
from jobs.conditions.price_fields import PriceFields, PriceLevel, PriceLevelField, require_independent
from jobs.conditions.source import Claim, PriceSource, refuted
from jobs.conditions.uniswap_prices import (
    UniswapV2Quote,
    UniswapV2Spot,
    UniswapV3Quote,
    UniswapV3Spot,
    UniswapV3Twap,
)
from jobs.conditions.verdict import Unknown

__all__ = [
    "Agreed",
    "Chainlink",
    "Claim",
    "Feed",
    "PriceFields",
    "PriceLevel",
    "PriceLevelField",
    "PriceSource",
    "Sequencer",
    "UniswapV2Quote",
    "UniswapV2Spot",
    "UniswapV3Quote",
    "UniswapV3Spot",
    "UniswapV3Twap",
    "Unknown",
    "deviation_bps",
    "refuted",
    "require_independent",
]
