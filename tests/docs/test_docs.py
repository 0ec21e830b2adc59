"""The documentation says what is there: generated pages, links, commands, variables, errors."""

import re
from pathlib import Path

import pytest
import typer
from PIL import Image

from styles.registry import StyleRegistry
from tileserver import errors
from tileserver.cli import app
from tileserver.commands import settings_page, styles_page
from tileserver.grids import GRID_IDS
from tileserver.settings import RESERVED, Settings, StoreSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "frontend").glob("*.md")]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
#: At the begin of a line, after `$`, a path or `exec NAME`, or in backquotes.
_COMMAND = re.compile(r"(?:^ *|`|\.venv/bin/|exec \S+ )tileserver((?: [^\s`|#]+)*)", re.MULTILINE)
_VARIABLE = re.compile(r"TILESERVER_([A-Z][A-Z_]*[A-Z])")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual viewers of Markdown make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def commands_of(name: str) -> list[list[str]]:
    """Words after `tileserver` in every command a page names; a `|` in prose ends one."""
    joined = read(name).replace("\\\n", " ")
    return [found.split() for found in _COMMAND.findall(joined)]


def unknown(words: list[str]) -> str:
    """What the command line does not know of a command, or ""."""
    command = typer.main.get_command(app)
    for place, word in enumerate(words):
        group = getattr(command, "commands", None)
        if group is not None:
            if word.startswith("-"):
                return "" if word == "--help" else word
            if word not in group:
                return word
            command = group[word]
            continue
        options = {option for p in command.params for option in p.opts} | {"--help"}
        return next((w for w in words[place:] if w.startswith("--") and w not in options), "")
    return ""


def test_the_page_of_settings_is_the_generated_one():
    committed = read("docs/reference/settings.md")
    assert committed == settings_page.page(), "run scripts/docs"


def test_the_page_of_styles_is_generated() -> None:
    styles = list(StyleRegistry.load_library())
    assert read("docs/reference/styles.md") == styles_page.page(styles, "../images/ramps")
    folder = ROOT / "docs" / "images" / "ramps"
    files = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    assert files == styles_page.pictures(styles), "run scripts/docs"
    assert sum(map(len, files.values())) < 30_000


def test_the_page_of_settings_has_every_setting():
    text = settings_page.page()
    for name, field in Settings.model_fields.items():
        assert f"| `{name}` | `TILESERVER_{name.upper()}` |" in text
        assert field.description
    for name, field in StoreSettings.model_fields.items():
        assert f"| `{name}` | " in text
        assert field.description


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_resolve(name):
    page = ROOT / name
    for link in _LINK.findall(_FENCE.sub("", read(name))):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name} links to {link}"
        assert target.is_relative_to(ROOT)
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name} links to {link}"


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(name):
    for words in commands_of(name):
        assert not unknown(words), f"{name}: tileserver {' '.join(words)}"


def test_commands_are_found_at_all():
    found = [" ".join(words) for name in NAMES for words in commands_of(name)]
    assert any(command.startswith("catalogue add s3://") for command in found)
    assert "serve" in found
    assert unknown(["catalogue", "lst"]) == "lst"
    assert unknown(["serve", "--prot", "1"]) == "--prot"


def test_every_command_is_in_the_reference():
    text = read("docs/reference/cli.md")
    leaves = dict(_leaves("", typer.main.get_command(app)))
    assert "catalogue add" in leaves
    for name, command in leaves.items():
        assert f"## `tileserver {name}" in text
        for option in (o for p in command.params for o in p.opts if o.startswith("--")):
            assert option in text, f"{name} {option}"


def _leaves(name, command):
    """Commands without subcommands; Typer's groups are no subclass of click's."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, below in inner.items():
        yield from _leaves(f"{name} {word}".strip(), below)


@pytest.mark.parametrize("name", NAMES)
def test_variables_exist(name):
    known = {field.upper() for field in Settings.model_fields} | RESERVED | {"URL"}
    for variable in _VARIABLE.findall(read(name)):
        assert variable in known, f"{name}: TILESERVER_{variable}"


@pytest.mark.parametrize("name", NAMES)
def test_scripts_exist(name):
    for script in re.findall(r"(?<![\w/.-])((?:scripts|deploy)/[\w.-]+)", read(name)):
        assert (ROOT / script.rstrip(".")).exists(), f"{name}: {script}"


def test_errors_are_in_the_reference():
    text = read("docs/reference/http.md")
    kinds = {errors.describe(kind("")) for kind in _concrete()}
    for problem in kinds:
        assert f"| `{problem.code}` | {problem.status} |" in text


def _concrete() -> list[type[Exception]]:
    found = [ValueError]
    todo = [errors.RequestError, *errors.DOMAIN_ERRORS]
    while todo:
        for kind in todo.pop().__subclasses__():
            if kind.__module__ in ("tileserver.errors", "renderers.errors"):
                found.append(kind)
            todo.append(kind)
    return found


def test_grids_are_in_the_reference():
    text = read("docs/reference/http.md")
    assert all(f"`{grid}`" in text for grid in GRID_IDS)


@pytest.mark.parametrize("name", [n for n in NAMES if "/adr/" in n])
def test_decisions_are_short_and_whole(name):
    lines = read(name).splitlines()
    assert len(lines) <= 60
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert headings == ["Context", "Decision", "Measured", "Consequences"]


def test_decisions_are_in_the_index():
    text = read("docs/index.md")
    assert all(f"({Path(n).relative_to('docs')})" in text for n in NAMES if "/adr/" in n)
    assert all(f"({Path(n).relative_to('docs')})" in text for n in NAMES if "/how-to/" in n)


def test_pictures_are_small():
    pictures = sorted((ROOT / "docs" / "images").glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < 250_000
        with Image.open(picture) as image:
            assert image.mode == "P"
