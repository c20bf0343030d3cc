"""What set-up takes from registries, and what it refuses."""

import json
import tarfile
from pathlib import Path

import pytest

from agent.devnet.errors import SetupError
from agent.devnet.install import Package, integrity_of, manifest, unpack
from agent.devnet.paths import SOURCE, build_dir

LOCK = SOURCE / "npm" / "package-lock.json"


def a_tarball(path: Path, **files: str) -> Path:
    tarball = path / "package.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        for name, text in files.items():
            source = path / name
            source.write_text(text)
            archive.add(source, f"package/{name}")
    return tarball


def a_package(integrity: str, *files: str) -> Package:
    return Package(name="some", version="1.0.0", integrity=integrity, folder="some", files=files)


def test_only_the_named_files_are_unpacked(tmp_path: Path) -> None:
    tarball = a_tarball(tmp_path, wanted="yes", other="no")
    unpack(a_package(integrity_of(tarball), "wanted"), tarball, tmp_path / "artifacts")
    folder = tmp_path / "artifacts" / "some"
    assert (folder / "wanted").read_text() == "yes"
    assert not (folder / "other").exists()


def test_a_package_that_was_unpacked_is_not_taken_again(tmp_path: Path) -> None:
    tarball = a_tarball(tmp_path, wanted="yes")
    package = a_package(integrity_of(tarball), "wanted")
    assert not package.is_in(tmp_path)
    unpack(package, tarball, tmp_path)
    assert package.is_in(tmp_path)
    assert not a_package("sha512-newer", "wanted").is_in(tmp_path)


def test_a_tarball_with_another_hash_is_refused_and_nothing_of_it_kept(tmp_path: Path) -> None:
    package = a_package("sha512-AAAA", "wanted")
    with pytest.raises(SetupError, match="expected sha512-AAAA"):
        unpack(package, a_tarball(tmp_path, wanted="forged"), tmp_path / "artifacts")
    assert not (tmp_path / "artifacts").exists()


def test_a_package_without_a_needed_file_is_refused(tmp_path: Path) -> None:
    tarball = a_tarball(tmp_path, other="no")
    with pytest.raises(SetupError, match="has no file wanted"):
        unpack(a_package(integrity_of(tarball), "wanted"), tarball, tmp_path / "artifacts")


def test_every_package_of_contracts_has_a_hash() -> None:
    assert all(package.integrity.startswith("sha512-") and package.files for package in manifest())


def test_every_locked_program_has_a_hash_and_none_an_address() -> None:
    locked = json.loads(LOCK.read_text())["packages"]
    packages = {name: row for name, row in locked.items() if name}
    assert [name for name, row in packages.items() if "integrity" not in row] == []
    assert [name for name, row in packages.items() if "resolved" in row] == []
    assert "://" not in LOCK.read_text()


def test_the_environment_chooses_the_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSIONKEEPER_BUILD_DIR", str(tmp_path))
    assert build_dir() == tmp_path
    monkeypatch.delenv("SESSIONKEEPER_BUILD_DIR")
    assert build_dir().name == "build"


def test_what_one_part_alone_needs_is_not_taken_for_the_rest() -> None:
    parts = {package.folder: package.part for package in manifest()}
    assert set(parts.values()) == {"", "morpho"}
    assert {folder for folder, part in parts.items() if part} == {"morpho-blue", "solc-0.8.19"}
