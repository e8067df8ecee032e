"""`fairtrial export` and `fairtrial log`: public releases, and the history behind them. Read `export_release` first."""

import shutil
from functools import partial
from pathlib import Path

import fairtrial
from fairtrial.cli.output import as_json, console, shown
from fairtrial.core import BadInput
from fairtrial.lab import Lab
from fairtrial.store import Reader, Store, history


def export_release(lab: Path, *, task: str | None, out: Path | None, json: bool) -> None:
    """Make a release in the lab's reports and, with `out`, a copy of it."""
    from fairtrial.arena.releases import publish
    from fairtrial.arena.settings import read_settings
    from fairtrial.provenance import SigningKey

    if out is not None and (out.exists() or out.is_symlink()):
        raise BadInput("this is there already.", where=str(out), next_step="Name a directory that is not.")
    desk = Lab.open(lab)
    settings, _ = read_settings(desk.directory.settings)
    key = SigningKey.load(desk.directory.keys / "lab.pem")
    with desk.directory.lock(), Store.open(desk.directory.database) as store:
        made = publish(store, desk.directory.reports, key, settings, version=fairtrial.__version__, task=task)
    if out is not None:
        shutil.copytree(made.directory, out)
    place = out or made.directory
    if json:
        as_json({"directory": str(place), "release": dict(made.manifest)})
        return
    say = partial(console().print, soft_wrap=True)
    told = made.manifest
    say(f"{shown(str(place))}: {told['rows']:,} votes by {told['raters']:,} raters.")
    for reason, count in told["taken_back"].items():
        say(f"  {count:,} {reason}: not in the release")
    for reason, count in told["weighted"].items():
        say(f"  {count:,} weighted below 1: {reason}")
    for reason, count in told["texts_withheld"].items():
        say(f"  {count:,} conversations withheld: {reason}")
    for file, board in told["boards"].items():
        say(f"  {file}: " + (board["command"] if "command" in board else f"not made: {board['refused']}"))
    say(f"Check:  fairtrial verify {shown(str(place))}")


def check_log(lab: Path, *, json: bool) -> None:
    """Walk the log; an entry that does not hold is an error with exit code 6."""
    with Reader.open(Lab.open(lab).directory.database) as reader, reader.reading() as connection:
        head, withheld = history.check(connection)
    if json:
        as_json({"size": head.size, "link": head.link.hex(), "withheld": withheld})
        return
    console().print(
        f"The log holds: {head.size:,} entries, {withheld:,} of them withheld; newest link {head.link.hex()}.",
        soft_wrap=True,
    )


def show_head(lab: Path, *, json: bool) -> None:
    """Print size and newest link of the log."""
    with Reader.open(Lab.open(lab).directory.database) as reader, reader.reading() as connection:
        head = history.head(connection)
    if json:
        as_json({"size": head.size, "link": head.link.hex()})
        return
    console().print(f"{head.size} {head.link.hex()}", soft_wrap=True)
