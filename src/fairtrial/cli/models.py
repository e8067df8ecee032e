"""`fairtrial models list | pull | remove`: embedded models on this machine."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from fairtrial.cli.output import as_json, console, table

if TYPE_CHECKING:
    from rich.console import Console

    from fairtrial.models.catalog import PulledModel

models_app = typer.Typer(help="Embedded models: list, pull, remove.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of text.")]


@models_app.command("list")
def list_models(json: JsonOption = False) -> None:
    """The models known by name and those that are here."""
    from fairtrial.models.catalog import CATALOG, pulled

    here = {m.name: m for m in pulled()}
    names = sorted({*CATALOG, *here})
    rows = [_row(name, here) for name in names]
    if json:
        as_json({"models": rows})
        return
    table(
        ["model", "here", "MB", "licence", "kind"],
        [[f"embedded/{r['name']}", "yes" if r["here"] else "–", r["mb"], r["licence"], r["kind"]] for r in rows],
    )


def _row(name: str, here: dict[str, "PulledModel"]) -> dict[str, str]:
    from fairtrial.models.catalog import CATALOG

    model = here.get(name)
    known = CATALOG.get(name)
    chat = model.chat if model else bool(known and known.chat)
    return {
        "name": name,
        "here": str(model.path) if model else "",
        "mb": f"{(model.bytes if model else known.bytes if known else 0) / 1e6:.0f}",
        "licence": model.licence if model else (known.licence if known else ""),
        "kind": "chat" if chat else "base",
    }


@models_app.command()
def pull(
    model: Annotated[str, typer.Argument(help="A known name, a GGUF file, or its URL.")],
    sha256: Annotated[str | None, typer.Option(help="Wanted SHA-256 of the file; required for a URL.")] = None,
    accept_terms: Annotated[bool, typer.Option("--accept-terms", help="Accept the model's own terms of use.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch a model, check its digest, and keep it."""
    got = pull_with_progress(model, console(stderr=True), sha256=sha256, accept_terms=accept_terms, quiet=json)
    if json:
        as_json({"name": got.name, "path": str(got.path), "sha256": got.sha256, "bytes": got.bytes})
    else:
        console().print(f"embedded/{got.name} is here: {got.path}", soft_wrap=True)


@models_app.command()
def remove(model: Annotated[str, typer.Argument(help="Its name.")], json: JsonOption = False) -> None:
    """Delete a pulled model."""
    from fairtrial.models.catalog import remove as remove_model

    remove_model(model.removeprefix("embedded/"))
    if json:
        as_json({"removed": model})
    else:
        console().print(f"Removed {model}.")


def pull_with_progress(
    model: str,
    tell: "Console",
    *,
    sha256: str | None = None,
    accept_terms: bool = False,
    quiet: bool = False,
) -> "PulledModel":
    """Pull a model unless it is here, with a bar on a terminal; bytes and seconds are printed apart."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from fairtrial.models.catalog import pull as pull_model
    from fairtrial.models.catalog import pulled

    name = model.removeprefix("embedded/")
    for here in pulled():
        if here.name == name:
            return here
    started = time.monotonic()
    says = TextColumn("pulling {task.description}", markup=False)
    columns = (says, BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=tell, transient=True, disable=quiet or not tell.is_terminal) as bars:
        task = bars.add_task(name, total=None)
        got = pull_model(
            name,
            sha256=sha256,
            accept_terms=accept_terms,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    if not quiet:
        seconds = time.monotonic() - started
        tell.print(f"Pulled {got.name}: {got.bytes / 1e6:.0f} MB in {seconds:.1f} s.")
    return got
