"""What a user gets who installs the wheel far from the checkout, and what the project files promise."""

from __future__ import annotations

import ast
import configparser
import itertools
import json
import os
import re
import site
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rmexplorer

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PySide6": "PySide6-Essentials", "python_calamine": "python-calamine"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
                   cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


class Installed:
    """The wheel in an environment of its own; of the checkout it sees nothing, of our environment the dependencies."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True, timeout=120)
        python = folder / "venv" / "bin" / "python"
        # The wheel before the way to the dependencies: pip would else find the editable install and do nothing.
        subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps",
                        "--no-index", "--disable-pip-version-check", str(wheel)], check=True, timeout=120)
        self.packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
        (self.packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {
            "RMEXPLORER_HOME": str(folder / "home"), "QT_QPA_PLATFORM": "offscreen"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.folder / "venv" / "bin" / "rmexplorer", *arguments], cwd=self.folder, text=True,
                              env=self.environment, capture_output=True, timeout=300)


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("installed"))


def test_that_the_wheel_holds_the_package_and_all_resources(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for file in (ROOT / "resources").rglob("*"):
        if file.is_file() and not file.name.startswith("."):
            assert f"rmexplorer/resources/{file.relative_to(ROOT / 'resources').as_posix()}" in held
    for file in (ROOT / "rmexplorer").rglob("*.py"):
        assert file.relative_to(ROOT).as_posix() in held
    assert not [name for name in held if name.startswith(("tests/", "build/")) or "__pycache__" in name]
    assert f"rmexplorer-{rmexplorer.__version__}.dist-info/licenses/LICENSE" in held


def test_that_the_installed_command_names_its_version(installed: Installed) -> None:
    done = installed.run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert rmexplorer.__version__ in done.stdout


def test_that_the_installed_command_reads_the_demo_dataset(installed: Installed) -> None:
    data = [file for file in (installed.packages / "rmexplorer" / "resources" / "demo").iterdir()
            if {".jsonl", ".json", ".csv", ".parquet"} & set(file.suffixes)]
    done = installed.run("info", str(max(data, key=lambda file: file.stat().st_size)), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["pairs"] > 2500 and told["prompts"] > 300 and told["annotators"] == 3


def test_that_the_installed_demo_draws_each_pane_without_a_display(installed: Installed) -> None:
    done = installed.run("demo", "--offscreen", "pictures")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    pictures = list((installed.folder / "pictures").glob("*.png"))
    assert {picture.stem for picture in pictures} == {file.stem for file in (ROOT / "rmexplorer/gui/panes").glob("[!_]*.py")}
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_that_the_checkout_is_not_what_was_run(installed: Installed) -> None:
    python = installed.folder / "venv" / "bin" / "python"
    done = subprocess.run([python, "-c", "import rmexplorer; print(rmexplorer.__file__)"], cwd=installed.folder,
                          text=True, env=installed.environment, capture_output=True, check=True, timeout=60)
    assert Path(done.stdout.strip()).is_relative_to(installed.packages)


def imported_distributions() -> set[str]:
    names: set[str] = set()
    for file in (ROOT / "rmexplorer").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    names -= sys.stdlib_module_names | {"rmexplorer"}
    return {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in names}


def test_that_dependencies_are_what_the_package_imports() -> None:
    assert imported_distributions() == {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}


def test_that_constraints_pin_each_dependency_by_a_plain_version() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    pinned = {}
    for line in lines:
        found = re.fullmatch(r"([\w.-]+)==(\d[\w.]*)", line)
        assert found, f"not a plain pin: {line}"
        pinned[canonicalize_name(found[1])] = found[2]
    for line in itertools.chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), line


def test_that_the_desktop_entry_starts_the_command() -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(ROOT / "resources" / "rmexplorer.desktop", encoding="utf-8")
    main = entry["Desktop Entry"]
    assert main["Exec"].split()[0] in PROJECT["scripts"]
    assert all((ROOT / "resources" / f"{main['Icon']}{suffix}").exists() for suffix in (".svg", ".png"))


def tracked_texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    kinds = {"", ".py", ".toml", ".txt", ".md", ".qss", ".desktop", ".svg"}
    return [file for file in files if file.suffix in kinds and file.is_file()]


def test_that_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    too_common = {"/", "/tmp", "/home", "/usr", "/opt"}
    folders = {str(folder) for folder in (ROOT, ROOT.parent, Path.home())} - too_common
    telling = re.compile(r"(?<![\w.])(?:" + "|".join(re.escape(folder) for folder in folders) + r")(?![\w-])")
    for file in tracked_texts():
        found = telling.search(file.read_text("utf-8", errors="replace"))
        assert found is None, f"{file.relative_to(ROOT)} names {found and found[0]}"
