"""Sixty and some mistakes, each as the change that makes it.

`python -m tests.unit.definitions.sixty` writes what the loader says of them into the snapshot; read the
difference before committing it.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.definitions.session_writer import session_file
from agent.domain.units import Timestamp
from tests.unit.definitions.files import ACCOUNT, CONFIG, JOB, PAYEE, USDC, a_session, edited, mistakes_in

SNAPSHOT = Path(__file__).with_name("sixty_mistakes.txt")
CONFIG_FILE, JOB_FILE, SESSION_FILE = "sessionkeeper.yaml", "jobs/rent.yaml", "sessions/alice.yaml"
SCHEDULE = """\
  calendar: monthly
  day: 1
  at: "09:00"
  time_zone: Europe/Berlin
"""
Files = Mapping[str, str | bytes | None]


def job(old: str, new: str) -> Files:
    return edited(JOB_FILE, old, new)


def config(old: str, new: str) -> Files:
    return edited(CONFIG_FILE, old, new)


def session(old: str, new: str) -> Files:
    return edited(SESSION_FILE, old, new)


def schedule(*lines: str) -> Files:
    return job(SCHEDULE, "".join(f"  {line}\n" for line in lines))


def rows(text: str, name: str = "rows.csv") -> Files:
    template = JOB.replace(f'account: "{ACCOUNT}"\nsession: alice', f"rows: {name}")
    return {JOB_FILE: template.replace('  amount: "10 USDC"\n', ""), f"jobs/{name}": text}


CALENDAR = ('at: "09:00"', "time_zone: Europe/Berlin")
MISTAKES: Mapping[str, Files] = {
    # YAML itself
    "tab as indentation": job("  day: 1", "\tday: 1"),
    "unknown key": job("session: alice", "session: alice\nreferense: R-1"),
    "duplicate key": job("grace: 3d", "grace: 3d\ngrace: 4d"),
    "alias and anchor": job('"10 USDC"\n', '&sum "10 USDC"\n  recheck: *sum\n'),
    "merge key": job("spec:\n", "spec:\n  <<: {}\n"),
    "tag": job("id: rent", "id: !!str rent"),
    "python object": job("id: rent", "id: !!python/object/apply:os.system [ls]"),
    "deep nesting": job("retry: [1h, 1d]", "retry: " + "[" * 2_000 + "]" * 2_000),
    "list as key": job("id: rent", "id: rent\n? [a, b]\n: c"),
    "two documents": job("id: rent", "id: rent\n---\nid: other"),
    "empty file": {JOB_FILE: "# nothing yet\n"},
    "empty value": job("session: alice", "session:"),
    "list where a mapping belongs": {JOB_FILE: "- id: rent\n"},
    "mapping where a value belongs": job('amount: "10 USDC"', "amount: {value: 10, unit: USDC}"),
    "not UTF-8": {JOB_FILE: JOB.encode().replace(b"id: rent", b"id: r\xe9nt")},
    "NUL character": {JOB_FILE: JOB.replace("id: rent", "id: re\0nt")},
    "terminal escape": {JOB_FILE: JOB.replace("id: rent", "id: rent # \x1b[2J")},
    "huge file": {JOB_FILE: JOB + "#" * (1 << 20)},
    # names and addresses
    "bad job id": job("id: rent", "id: Rent_1"),
    "unquoted address": job(f'account: "{ACCOUNT}"', f"account: {ACCOUNT}"),
    "wrong checksum": job(str(PAYEE), str(PAYEE).replace("F79b", "f79b")),
    "lower-case address": job(str(PAYEE), str(PAYEE).lower()),
    "short address": job(str(PAYEE), str(PAYEE)[:-2]),
    "zero address": job(str(PAYEE), "0x" + "00" * 20),
    "payee is the account": job(f'payee: "{PAYEE}"', f'payee: "{ACCOUNT}"'),
    "payee is the token": job(str(PAYEE), str(USDC)),
    "busy looking": job("spec:\n", "spec:\n  recheck: 1s\n"),
    # amounts
    "float amount": job('"10 USDC"', "10.5"),
    "exponent": job('"10 USDC"', "1e18"),
    "negative amount": job('"10 USDC"', '"-10 USDC"'),
    "zero amount": job('"10 USDC"', '"0 USDC"'),
    "overflowing amount": job('"10 USDC"', f'"{2**256} wei"'),
    "too many decimals": job('"10 USDC"', '"10.1234567 USDC"'),
    "thousands separator": job('"10 USDC"', '"1,000 USDC"'),
    "unknown token": job('"10 USDC"', '"10 USDT"'),
    # times
    "bad duration": job("grace: 3d", "grace: 3 days"),
    "month as duration": job("grace: 3d", "grace: P1M"),
    "retries beyond grace": job("grace: 3d", "grace: 2h"),
    "bad cron": schedule('cron: "61 9 * * *"', "time_zone: UTC"),
    "cron with seconds": schedule('cron: "0 0 9 1 * *"', "time_zone: UTC"),
    "cron day and weekday": schedule('cron: "0 9 13 * 5"', "time_zone: UTC"),
    "cron of 30 February": schedule('cron: "0 9 30 2 *"', "time_zone: UTC"),
    "cron without a zone": schedule('cron: "0 9 1 * *"'),
    "bad time zone": job("Europe/Berlin", "Berlin"),
    "bad time of day": job('"09:00"', '"25:00"'),
    "day 32": job("day: 1", "day: 32"),
    "30 February": schedule("calendar: yearly", "month: 2", "day: 30", *CALENDAR),
    "impossible start": job("  day: 1", "  start: 2026-02-30\n  day: 1"),
    "end before start": job("  day: 1", "  start: 2026-03-01\n  end: 2026-02-01\n  day: 1"),
    "count without start": job("  day: 1", "  count: 12\n  day: 1"),
    "last day and another": job("  day: 1", "  day: 15\n  month_end: last"),
    "weekday in a month": job("  day: 1", "  day: 1\n  weekday: monday"),
    "weekly without a weekday": schedule("calendar: weekly", *CALENDAR),
    "two kinds of schedule": job("  day: 1", "  day: 1\n  interval: 30d"),
    "short interval": schedule("interval: 5s", "anchor: 2026-01-01T00:00:00Z"),
    "interval without anchor": schedule("interval: 30d"),
    "anchor without zone": schedule("interval: 30d", "anchor: 2026-01-01"),
    "no schedule": job("schedule:\n" + SCHEDULE, ""),
    # references
    "missing account": job(f'account: "{ACCOUNT}"\n', ""),
    "unknown kind": job("kind: subscription", "kind: subscripton"),
    "unknown chain": job("chain: 31337", "chain: 1"),
    "unknown session": job("session: alice", "session: alise"),
    "account of another session": job(f'account: "{ACCOUNT}"', f'account: "{PAYEE}"'),
    "session on another chain": {SESSION_FILE: session_file(a_session(chain_id=1))},
    "session of another key": {SESSION_FILE: session_file(a_session(key_address=PAYEE))},
    "session that may not pay": {SESSION_FILE: session_file(a_session(target=PAYEE))},
    "session that ends first": {
        SESSION_FILE: session_file(a_session(ends=Timestamp(1_700_000_000))),
        **job("  day: 1", "  start: 2026-03-01\n  day: 1"),
    },
    "edited session": session("0x616c696365", "0x626c696365"),
    "unknown session key": session("key: worker", "key: worke"),
    "unknown account kind": session("kind: nexus", "kind: nexsus"),
    "duplicate job": {"jobs/second.yaml": JOB},
    "same lane twice": {"jobs/second.yaml": JOB.replace("id: rent", "id: second") + "lane: 993181\n"},
    "lane too large": job("session: alice", "session: alice\nlane: 16777216"),
    # rows
    "rows outside the folder": {JOB_FILE: JOB + "rows: ../../secret.csv\n"},
    "rows missing": {JOB_FILE: JOB + "rows: nobody.csv\n"},
    "bad row": rows(f"id,account,session,amount\nanna,{ACCOUNT},alice,10 USDC\nbob,{ACCOUNT},alice\n"),
    "mistakes in rows": rows(
        f"id,account,session,amount\nanna,{ACCOUNT},alice,ten\nbob,0x12,alyce,10 USDC\n"
    ),
    "unknown column": rows(f"id,account,session,amount,colour\nanna,{ACCOUNT},alice,10 USDC,red\n"),
    "JSON number": rows(
        f'{{"id": "anna", "account": "{ACCOUNT}", "session": "alice", "amount": 10.5}}\n', "rows.jsonl"
    ),
    "JSON key twice": rows('{"id": "anna", "id": "bob"}\n', "rows.jsonl"),
    # the configuration
    "no mode": config("mode: live\n", ""),
    "unknown mode": config("mode: live", "mode: production"),
    "later schema": config("schema_version: 1", "schema_version: 2"),
    "unset variable": config("RPC_KEY", "RPC_TOKEN"),
    "bad URL": config("http://127.0.0.1:4337", "127.0.0.1:4337"),
    "bad finality": config("    tokens:", "    finality: {blocks: 12}\n    tokens:"),
    "EntryPoint of another version": config(
        "    tokens:", '    entry_point: {address: "0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789"}\n    tokens:'
    ),
    "unknown chain without facts": {
        CONFIG_FILE: CONFIG.replace("keys:", '  - {id: 4242, rpc: "http://a", bundler: "http://b"}\nkeys:'),
    },
    "no fee cap": config(', max_cost: "0.01 ether"', ""),
    "fee in a token": config("0.01 ether", "1 USDC"),
    "key without a source": config("    raw: keys/worker.hex\n", ""),
    "password in the file": config(
        "raw: keys/worker.hex", "keystore: keys/worker.json\n    password: hunter2"
    ),
    "open web": {CONFIG_FILE: CONFIG + "web: {host: 0.0.0.0}\n"},
    "chain time on a real chain": {
        CONFIG_FILE: CONFIG.replace("id: 31337", "id: 1") + "clock: chain\n",
        **job("chain: 31337", "chain: 1"),
        SESSION_FILE: session_file(a_session(chain_id=1)),
    },
}


def rendered() -> str:
    """Return what the loader says of every mistake."""
    lines: list[str] = []
    for name, files in MISTAKES.items():
        with TemporaryDirectory() as folder:
            found = mistakes_in(Path(folder), files)
        lines += [f"# {name}", *map(str, found), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    SNAPSHOT.write_text(rendered(), "utf-8")
