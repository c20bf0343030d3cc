"""Every example of a job is one that the agent takes, once it lies among the jobs."""

import shutil
from pathlib import Path

import pytest

from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from jobs import KINDS

CONFIG = Path(__file__).parents[3] / "config"
EXAMPLES = sorted((CONFIG / "examples").glob("*.yaml"))
NAMED = {"limit_order", "stop_loss", "dca", "loan_repay", "top_up", "contract_call"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_job_of_the_kind_it_is_named_after(tmp_path: Path, example: Path) -> None:
    config = shutil.copytree(CONFIG, tmp_path / "config")
    shutil.copy(example, config / "jobs")

    drafts = read_drafts(load(config, {}, with_jobs=False), example.name, "nexus")

    [job] = [job for draft in drafts for job in draft.jobs]
    kind = KINDS[example.stem]
    assert job.kind == kind.name
    assert kind.objections(job.spec, job.account) == {}


def test_there_is_an_example_of_each_sort() -> None:
    assert {example.stem for example in EXAMPLES} == NAMED
