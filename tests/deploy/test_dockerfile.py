"""The image's rules, read from the Dockerfile. No image is built: not every machine has an engine."""

import fnmatch
import json
import re
from dataclasses import dataclass

from agent.settings import PREFIX, Settings
from tests.deploy.repository import ROOT

SECRET_NAME = re.compile(r"(?i)(pass(word|wd|phrase)|secret|token|private|credential|keystore|api_?key)")


@dataclass(frozen=True)
class Instruction:
    keyword: str
    text: str


@dataclass(frozen=True)
class Stage:
    image: str
    name: str
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[str]:
        return [instruction.text for instruction in self.instructions if instruction.keyword == keyword]

    def last(self, keyword: str) -> str:
        return self.all(keyword)[-1]


def instructions() -> list[Instruction]:
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    parted = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [Instruction(keyword.upper(), " ".join(text.split())) for keyword, text in parted]


def defaults() -> dict[str, str]:
    return dict(i.text.split("=", 1) for i in instructions() if i.keyword == "ARG" and "=" in i.text)


def stages() -> list[Stage]:
    found: list[Stage] = []
    current: list[Instruction] = []
    for instruction in instructions():
        if instruction.keyword == "FROM":
            current = []
            image, _, name = instruction.text.partition(" AS ")
            image = re.sub(r"\$\{(\w+)\}", lambda match: defaults()[match[1]], image)
            found.append(Stage(image, name, ()))
        elif found:
            current.append(instruction)
            found[-1] = Stage(found[-1].image, found[-1].name, tuple(current))
    return found


def final() -> Stage:
    return stages()[-1]


def test_base_images_are_slim_and_carry_a_version() -> None:
    for stage in stages():
        name, _, tag = stage.image.partition(":")
        assert name == "python"
        assert re.fullmatch(r"3\.1[123]-slim-[a-z]+", tag)


def test_the_last_stage_runs_without_root_under_a_numeric_user() -> None:
    # Kubernetes can check runAsNonRoot only against a number.
    user, group = final().last("USER").split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert final().instructions.index(Instruction("USER", f"{user}:{group}")) < final().instructions.index(
        Instruction("ENTRYPOINT", final().last("ENTRYPOINT"))
    )


def test_the_last_stage_has_no_source_and_no_compiler() -> None:
    assert final().all("COPY") == ["--from=build /opt/sessionkeeper /opt/sessionkeeper"]
    assert final().all("ADD") == []
    assert "apt" not in " ".join(final().all("RUN"))
    assert "pip" not in " ".join(final().all("RUN"))


def test_every_install_checks_hashes_or_takes_the_wheel_just_built() -> None:
    runs = " && ".join(run for stage in stages() for run in stage.all("RUN"))
    installs = re.findall(r"pip install [^&]+", runs)
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index --no-deps /dist/" in install
    assert "--no-isolation" in runs


def test_every_copied_path_exists_and_passes_the_dockerignore() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    assert "*" in ignore
    sources = [source for copy in stages()[0].all("COPY") for source in copy.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), source


def test_no_secret_enters_by_argument_or_environment() -> None:
    named = [i.text for i in instructions() if i.keyword in {"ARG", "ENV"}]
    assert [text for text in named if SECRET_NAME.search(text)] == []


def test_health_is_asked_of_readyz_on_the_loopback_interface() -> None:
    options, _, command = final().last("HEALTHCHECK").partition(" CMD ")
    assert {"--interval", "--timeout", "--start-period", "--retries"} == {
        option.partition("=")[0] for option in options.split()
    }
    program, flag, script = json.loads(command)
    assert (program, flag) == ("python", "-c")
    compile(script, "HEALTHCHECK", "exec")
    port = final().last("EXPOSE")
    assert f"http://127.0.0.1:{port}/readyz" in script


def test_the_state_is_a_volume_and_nothing_else_is_written() -> None:
    assert json.loads(final().last("VOLUME")) == ["/var/lib/sessionkeeper"]
    assert final().last("WORKDIR") == "/var/lib/sessionkeeper"
    assert "PYTHONDONTWRITEBYTECODE=1" in final().last("ENV")
    assert "SESSIONKEEPER_STORE_URL=sqlite:////var/lib/sessionkeeper/" in final().last("ENV")


def test_it_starts_the_command_itself_so_that_sigterm_reaches_it() -> None:
    assert json.loads(final().last("ENTRYPOINT")) == ["sessionkeeper"]
    assert json.loads(final().last("CMD"))[0] == "run"
    assert final().last("STOPSIGNAL") == "SIGTERM"


def test_every_variable_it_sets_for_the_agent_is_one_the_agent_knows() -> None:
    assignments = dict(part.split("=", 1) for part in final().last("ENV").split())
    ours = {name.removeprefix(PREFIX).lower() for name in assignments if name.startswith(PREFIX)}
    assert ours
    assert ours <= Settings.model_fields.keys()
