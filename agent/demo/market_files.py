"""The operator's files for orders and a loan."""

from agent.demo.files import LOAN, ORDER, STOP, DemoFolder
from agent.devnet.accounts import SmartAccount
from agent.devnet.defi.market import Market

LIMIT, STOP_AT, TRIGGER, TARGET = 2_100, 1_700, "1.05", "1.20"
"""Dollars for an ether, and health factors."""

UNTIL = ("--until", "2035-01-01")
"""These jobs have no end of their own; a session has one."""
WISHES = {ORDER: UNTIL, STOP: UNTIL, LOAN: (*UNTIL, "--uses", "4")}
"""What `sessions new` is told of each."""

HEAD = """\
id: {job}
kind: {kind}
chain: 31337
account: "{account}"
session: {job}
spec:
"""

VENUE = """\
  sell: "1 WETH"
  buy: USDC
  venue: {{router: v3_02, address: "{router}", quoter: "{quoter}", fees: [3000]}}
"""

LIMIT_ORDER = f"""\
# One ether is sold once the pool pays {LIMIT} USDC for it, its fee included.
{HEAD}{VENUE}  limit: "{LIMIT} USDC per WETH"
"""

STOP_LOSS = f"""\
# One ether is sold once Chainlink's price falls to {STOP_AT}. What a pool says at the moment decides nothing.
{HEAD}{VENUE}  stop: "{STOP_AT} USDC per WETH"
  price: {{{{chainlink: {{{{feed: "{{feed}}", decimals: 8, max_age: 1h, over: {{over}}}}}}}}}}
  max_slippage_bps: 100
"""

LOAN_REPAY = f"""\
# Pays back as much as lifts the health factor to {TARGET}, once it has fallen to {TRIGGER}.
{HEAD}  loan:
    aave_v3:
      pool: "{{pool}}"
      addresses_provider: "{{provider}}"
      oracle: "{{oracle}}"
      data_provider: "{{data_provider}}"
  trigger: "{TRIGGER}"
  target: "{TARGET}"
  max_per_action: "5000 USDC"
  max_per_day: "8000 USDC"
"""


def write_market_jobs(folder: DemoFolder, market: Market, account: SmartAccount) -> None:
    """Write a limit order, a stop and the guard of a loan."""
    texts = {
        ORDER: ("limit_order", LIMIT_ORDER),
        STOP: ("stop_loss", STOP_LOSS),
        LOAN: ("loan_repay", LOAN_REPAY),
    }
    places = {
        "account": account.address,
        "router": market.v3.swap_router_02,
        "quoter": market.v3.quoter,
        "feed": market.eth_usd.proxy,
        "over": f'{{feed: "{market.usdc_usd.proxy}", decimals: 8, max_age: 1d}}',
        "pool": market.aave.pool,
        "provider": market.aave.provider,
        "oracle": market.aave.oracle,
        "data_provider": market.aave.data_provider,
    }
    for job, (kind, text) in texts.items():
        folder.job_file(job).write_text(text.format(job=job, kind=kind, **places))
