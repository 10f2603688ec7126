"""However symgrad is put on a machine, it finds its templates and emits the same bytes."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from symgrad import TemplateError, templating

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAM = '''\
"""Say where symgrad was found and what it emits."""

import numpy as np
import symgrad


def loss(w, X, y):
    """Mean squared error."""
    N = X.shape[0]
    return np.sum((X @ w - y) ** 2) / N


specs = {"w": ("d",), "X": ("n", "d"), "y": ("n",)}
print(symgrad.__file__)
print(symgrad.compile(loss, specs=specs).source)
'''


def build(kind: str, source: Path, target: Path) -> Path:
    """Build a wheel, an sdist or an editable wheel, as pip would ask for it."""
    program = f"import hatchling.build as b; print(b.build_{kind}({str(target)!r}))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split()[-1]


def unpack(archive: Path, target: Path) -> Path:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(target)
    else:
        with tarfile.open(archive) as sdist:
            sdist.extractall(target, filter="data")
    return target


# Ways to install: each is given an empty folder and returns what it puts on `sys.path`,
# the place of the package last


def checkout(folder: Path) -> list[Path]:
    return [CHECKOUT]


def wheel(folder: Path) -> list[Path]:
    return [unpack(build("wheel", CHECKOUT, folder), folder / "site")]


def sdist(folder: Path) -> list[Path]:
    [source] = unpack(build("sdist", CHECKOUT, folder), folder / "source").iterdir()
    return [unpack(build("wheel", source, folder), folder / "site")]


def editable(folder: Path) -> list[Path]:
    site = unpack(build("editable", CHECKOUT, folder), folder / "site")
    [pth] = site.glob("*.pth")
    return [site, *map(Path, pth.read_text().splitlines())]


def zip_of_the_wheel(folder: Path) -> list[Path]:
    return [build("wheel", CHECKOUT, folder)]


def zip_of_the_checkout(folder: Path) -> list[Path]:
    archive = folder / "symgrad.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for top in ("symgrad", "templates"):
            for path in (CHECKOUT / top).rglob("*"):
                if path.suffix != ".pyc":
                    file.write(path, path.relative_to(CHECKOUT))
    return [archive]


WAYS = [checkout, wheel, sdist, editable, zip_of_the_wheel, zip_of_the_checkout]


def emitted(paths: list[Path], folder: Path) -> str:
    """Run PROGRAM with ``paths`` in front of everything else; return what it emitted."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, str(program)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, _, text = done.stdout.partition("\n")
    assert Path(found).is_relative_to(paths[-1]), f"{found} is not in {paths[-1]}"
    return text


@pytest.fixture(scope="module")
def from_the_checkout(tmp_path_factory):
    return emitted([CHECKOUT], tmp_path_factory.mktemp("reference"))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_install_emits_the_same_bytes(way, tmp_path, from_the_checkout):
    text = emitted(way(tmp_path), tmp_path)
    assert "def value_and_grad(" in text
    assert text == from_the_checkout


def test_the_wheel_holds_the_package_and_every_template(tmp_path):
    [site] = wheel(tmp_path)
    held = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    templates = {path for path in (CHECKOUT / "templates").rglob("*") if path.is_file()}
    assert {"symgrad" / path.relative_to(CHECKOUT) for path in templates} <= held
    assert Path("symgrad/py.typed") in held
    assert {path.parts[0] for path in held} == {"symgrad", "symgrad-0.1.0.dist-info"}


def test_the_wheel_declares_the_command_the_licence_and_three_dependencies(tmp_path):
    [site] = wheel(tmp_path)
    info = site / "symgrad-0.1.0.dist-info"
    assert "symgrad = symgrad.cli:main" in (info / "entry_points.txt").read_text()
    assert "symgrad developers" in (info / "licenses" / "LICENSE").read_text()
    lines = (info / "METADATA").read_text().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist") and "extra" not in line]
    assert sorted(line.split()[1].split(">")[0] for line in needed) == ["jinja2", "numpy", "sympy"]


# The finder itself


def test_missing_templates_are_told_with_both_places(tmp_path, monkeypatch):
    monkeypatch.setattr(templating, "files", lambda package: tmp_path / "symgrad")
    with pytest.raises(TemplateError) as error:
        templating.templates()
    assert str(tmp_path / "symgrad" / "templates") in str(error.value)
    assert str(tmp_path / "templates") in str(error.value)


def test_a_folder_of_the_user_comes_first(tmp_path):
    (tmp_path / "numpy").mkdir()
    (tmp_path / templating.MARKER).write_text("mine")
    theirs = templating.environment(tmp_path).get_template(templating.MARKER)
    assert theirs.render() == "mine"
    ours = templating.environment().get_template(templating.MARKER)
    assert ours.filename != theirs.filename


def test_a_name_that_nobody_gave_is_an_error():
    template = templating.environment().from_string("{{ nobody }}")
    with pytest.raises(UndefinedError, match="nobody"):
        template.render()


@pytest.mark.parametrize("name", ["nowhere.jinja", "../pyproject.toml", "numpy"])
def test_only_templates_are_templates(name):
    with pytest.raises(TemplateNotFound):
        templating.environment().get_template(name)
