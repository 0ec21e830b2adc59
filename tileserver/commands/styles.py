"""`tileserver styles ls | show | check | import`.

Exit codes: 0 all is well, 1 a style is wrong or not there, 2 wrong usage or settings.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from styles.datacube import Reading, import_styles
from styles.errors import StyleError
from styles.loading import load_file
from styles.model import Style
from styles.registry import StyleRegistry
from tileserver.commands.foreign import read_document
from tileserver.settings import SettingsError, load_settings

app = typer.Typer(help="List, show and check styles.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


def known_styles() -> StyleRegistry:
    """Return the library with the styles of the settings' folder; on an error say it and leave."""
    try:
        return StyleRegistry.load(load_settings().styles_dir)
    except (SettingsError, StyleError) as error:
        typer.echo(f"settings: {error}", err=True)
        raise typer.Exit(2) from error


@app.command("ls")
def ls_command(
    domain: Annotated[
        str, typer.Option(help="Only styles of this domain, such as vegetation or water.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the styles of the library and of the folder in the settings."""
    styles = [s for s in known_styles() if domain in ("", s.domain)]
    if as_json:
        typer.echo(json.dumps([_facts(s) for s in styles], indent=2, ensure_ascii=False))
        return
    table = Table("id", "title", "domain", "bands", box=None)
    for style in styles:
        table.add_row(style.id, style.title, style.domain, ", ".join(style.program.bands))
    Console().print(table, markup=False)


@app.command("show")
def show_command(
    style: Annotated[str, typer.Argument(help="Id of the style.")], as_json: JsonOption = False
) -> None:
    """Show a style: as YAML to start another one from, or all that is known of it as JSON."""
    found = known_styles().find(style)
    if found is None:
        typer.echo(f"there is no style {style}", err=True)
        raise typer.Exit(1)
    if as_json:
        whole = {**_facts(found), "definition": found.definition}
        typer.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    typer.echo(as_yaml([found.definition]), nl=False)


@app.command("check")
def check_command(
    files: Annotated[list[Path], typer.Argument(help="Style files.")], as_json: JsonOption = False
) -> None:
    """Check style files; say where the first fault of each is."""
    known = {s.id: s for s in known_styles()}
    results = [_checked(path, known) for path in files]
    if as_json:
        typer.echo(json.dumps(results, indent=2, ensure_ascii=False))
    for result in results if not as_json else ():
        good = result["error"] is None
        typer.echo(f"ok     {result['file']}: {', '.join(result['styles'])}" if good else
                   f"wrong  {result['error']}")  # fmt: skip
    if any(r["error"] is not None for r in results):
        raise typer.Exit(1)


def _checked(path: Path, known: Mapping[str, Style]) -> dict[str, Any]:
    try:
        styles = load_file(path, known)
    except StyleError as error:
        return {"file": str(path), "styles": [], "error": str(error)}
    except OSError as error:
        return {"file": str(path), "styles": [], "error": f"{path}: {error.strerror}"}
    return {"file": str(path), "styles": [s.id for s in styles], "error": None}


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="Styles of datacube-ows: JSON, YAML or Python.")],
    scale: Annotated[
        float, typer.Option(help="Physical value of one stored unit, such as 0.0001.")
    ] = 1.0,
    band: Annotated[
        list[str] | None, typer.Option(help="Our name of a band: swir1=swir16; may be repeated.")
    ] = None,
    flag: Annotated[
        list[str] | None, typer.Option(help="The bit of a flag: cloud=3; may be repeated.")
    ] = None,
) -> None:
    """Write styles of datacube-ows as a style file; say what cannot be taken over."""
    if not scale > 0.0:
        raise typer.BadParameter("--scale must be greater than 0")
    reading = Reading(scale, _pairs(band), {k: _bit(v) for k, v in _pairs(flag).items()})
    try:
        found = import_styles(read_document(file), reading)
    except StyleError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{file}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    for name, part in found.left_out:
        typer.echo(f"{name}: left out: {part}", err=True)
    for name, why in found.refused:
        typer.echo(f"{name}: refused: {why}", err=True)
    if found.definitions:
        typer.echo(as_yaml(list(found.definitions)), nl=False)
    if found.refused or not found.definitions:
        raise typer.Exit(1)


def _pairs(words: list[str] | None) -> dict[str, str]:
    pairs = [word.partition("=") for word in words or ()]
    if not all(name and value for name, _, value in pairs):
        raise typer.BadParameter("--band and --flag are like name=value")
    return {name: value for name, _, value in pairs}


def _bit(text: str) -> int:
    if not text.isdecimal() or int(text) > 23:
        raise typer.BadParameter("--flag takes bits 0 to 23")
    return int(text)


def as_yaml(definitions: list[Mapping[str, Any]]) -> str:
    """Return a style file of definitions."""
    document = {"styles": [dict(d) for d in definitions]}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _facts(style: Style) -> dict[str, Any]:
    legend = style.legend
    return {
        "id": style.id,
        "title": style.title,
        "description": style.description,
        "domain": style.domain,
        "reference": style.reference,
        "bands": sorted(style.bands),
        "formula": style.formula,
        "kind": legend.kind,
        "unit": style.unit,
        "featured": style.featured,
        "digest": style.digest,
    }
