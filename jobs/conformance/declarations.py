"""Checks on what a kind says of itself: name, schema, identity, reads."""

import json
import re
from typing import Any

from pydantic import ValidationError

from jobs.conformance.sample import Sample, require
from jobs.fields import FieldContext
from jobs.kind import Spec, Timing

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}", re.ASCII)
AGENT_S_OWN = frozenset({"account", "chain", "kind", "session"})
"""What the agent itself puts into a job's identity."""


def declares_itself(sample: Sample) -> None:
    """Check that name, timing, retry rule and caps are of the right form, and bounds positive."""
    kind, spec = sample.kind, sample.read_spec()
    require(_NAME.fullmatch(kind.name), f"{kind.name!r} is no name: write small letters, digits and _")
    require(isinstance(kind.timing, Timing), f"timing is {kind.timing!r}")
    require(isinstance(kind.repeat_safe, bool), f"repeat_safe is {kind.repeat_safe!r}")
    require(isinstance(kind.recalls, bool), f"recalls is {kind.recalls!r}")
    require(issubclass(kind.spec_model, Spec), "the spec's model does not derive from jobs.kind.Spec")
    caps = kind.caps(spec)
    require(len({cap.name for cap in caps}) == len(caps), "two caps have one name")
    for cap in caps:
        require(_NAME.fullmatch(cap.name) and cap.limit > 0, f"the cap {cap}")
    spent = {spend.cap for spend in kind.slot_spends(spec)}
    require(spent <= {cap.name for cap in caps}, f"a slot spends {spent}, which are not all caps")
    uses, end = kind.expected_uses(spec), kind.ends_at(spec)
    require(uses is None or uses >= 1, f"{uses} expected uses")
    require(end is None or end > 0, f"it ends at {end}")


def schema_is_complete(sample: Sample) -> None:
    """Check that the schema is JSON, describes every field and refuses others."""
    schema: dict[str, Any] = json.loads(json.dumps(sample.kind.spec_model.model_json_schema()))
    require(schema.get("additionalProperties") is False, "the schema lets unknown fields through")
    bare = [name for name, field in schema.get("properties", {}).items() if not field.get("description")]
    require(not bare, f"no description: {', '.join(bare)}")


def spec_reads_back_the_same(sample: Sample) -> None:
    """Check that a file and its JSON form give one spec, and that a field nobody knows is refused."""
    first, second = sample.read_spec(), sample.read_spec()
    require(first == second, "one file gives two specs")
    dumped = json.dumps(first.model_dump(mode="json"), sort_keys=True)
    require(dumped == json.dumps(second.model_dump(mode="json"), sort_keys=True), "one spec has two dumps")
    context = FieldContext(sample.tokens)
    again = sample.kind.spec_model.model_validate(json.loads(json.dumps(sample.spec)), context=context)
    require(again == first, "the file as JSON gives another spec")
    try:
        sample.kind.spec_model.model_validate({**sample.spec, "no_such_field": "1"}, context=context)
    except ValidationError:
        return
    require(holds=False, said="a field that nobody knows was taken")


def identity_is_its_own(sample: Sample) -> None:
    """Check that the identity is text, the same each time, and has none of the agent's own keys."""
    first = sample.kind.identity(sample.read_spec())
    require(first == sample.kind.identity(sample.read_spec()), "one job has two identities")
    require(not AGENT_S_OWN & first.keys(), f"it names {', '.join(sorted(AGENT_S_OWN & first.keys()))}")
    require(all(isinstance(item, str) for pair in first.items() for item in pair), "it is not text")


def objects_to_nothing_in_a_sound_file(sample: Sample) -> None:
    """Check that the sample is taken as it is."""
    found = sample.kind.objections(sample.read_spec(), sample.account)
    require(not found, f"it objects to the sample: {dict(found)}")


def reads_are_calls(sample: Sample) -> None:
    """Check that reads are named calls, the same each time, and that none is asked for twice."""
    spec, account = sample.read_spec(), sample.account
    for ask in (sample.kind.reads, sample.kind.watch_reads, sample.kind.outcome_reads):
        reads = ask(spec, account)
        require(reads == ask(sample.read_spec(), account), "one spec has two sets of reads")
        require(len(set(reads)) == len(reads), f"a read is asked for twice among {len(reads)}")
        for read in reads:
            require(read.name and len(read.data) >= 4, f"the read {read}")
