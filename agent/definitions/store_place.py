"""Where the journal and the kill switch are, from a configuration that may be wrong everywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from agent.definitions.agent_file import agent_file, kill_file, store_url
from agent.definitions.fields import FileContext
from agent.definitions.files import MAX_YAML_BYTES, Folder
from agent.definitions.loader import CONFIG_FILE, secret_reader
from agent.definitions.mistakes import DefinitionError
from agent.definitions.source import Report
from agent.definitions.yaml_tree import parse_yaml
from agent.domain.units import ChainId


@dataclass(frozen=True, slots=True)
class StorePlace:
    """What stopping the agent needs of its files."""

    root: Path
    store_url: SecretStr
    kill_file: Path | None
    """None: beside the journal."""
    chain_ids: tuple[ChainId, ...]


def load_store_place(path: Path, environment: Mapping[str, str]) -> StorePlace:
    """Read `sessionkeeper.yaml` as far as it goes; raise DefinitionError when it does not say where.

    Who has to stop the agent cannot correct a job's file first.
    """
    root, name = (path, CONFIG_FILE) if path.is_dir() else (path.parent, path.name)
    folder, report = Folder(root.resolve()), Report()
    text = folder.text(name, MAX_YAML_BYTES, report)
    document = None if text is None else parse_yaml(name, text, report)
    context = FileContext(environment, secret_reader(folder.root))
    agent = None if document is None else agent_file(document, context, report)
    if agent is None or not {"store", "kill_file"} <= agent.fields.keys():
        raise DefinitionError(report.mistakes)
    return StorePlace(
        folder.root,
        store_url(agent.fields, str(folder.root)),
        kill_file(agent.fields, folder.root),
        tuple(ChainId(number) for number in agent.chains),
    )
