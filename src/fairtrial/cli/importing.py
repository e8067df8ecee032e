"""`fairtrial import`: a rating task from answers that are there already. Read `import_pairs` first."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from fairtrial.cli.output import as_json, console, shown
from fairtrial.core import BadInput
from fairtrial.lab import Lab
from fairtrial.store import Store


def import_pairs(
    pairs: Path,
    lab: Path,
    *,
    name: str,
    question: str,
    guidelines: Path | None,
    overlap: int | None,
    invite: int,
    fields: Sequence[str],
    json: bool,
) -> None:
    """Make the task and its invitations in one transaction, and print what must be handed on.

    Raises:
        BadInput: A pair, the task or the lab is not as it must be; file, row and field are named.
    """
    from fairtrial.arena import tasks
    from fairtrial.arena.items import from_pairs
    from fairtrial.formats.pairs import read_pairs

    desk = Lab.open(lab)
    items, probes = from_pairs(read_pairs(pairs, fields=field_map(fields)))
    plan = tasks.TaskPlan(
        name=name,
        question=question,
        guidelines=_text(guidelines) if guidelines else "",
        items=items,
        probes=probes,
        overlap=overlap,
    )
    with desk.directory.lock(), Store.open(desk.directory.database) as store:

        def work(connection: Connection) -> tuple[tasks.Task, list[str]]:
            task = tasks.create(connection, plan, by="import")
            made = [tasks.invite(connection, task.id, f"rater {n + 1}", by="import")[0] for n in range(invite)]
            return task, made

        task, secrets = store.transact(work).result()
    links = [f"/invite/{secret}" for secret in secrets]
    if json:
        told = {"task": task.id, "name": task.name, "items": task.items, "probes": task.probes}
        as_json(told | {"overlap": task.overlap, "invitations": links})
        return
    say = partial(console().print, soft_wrap=True)
    say(f"Rating task {task.id}, '{shown(task.name)}': {task.items:,} items and {task.probes:,} probes.")
    for link in links:
        say(link)
    if links:
        say("Each invitation is for one rater and is shown only now; put the address of your server before it.")
    say("More invitations, progress and agreement: fairtrial serve, then the admin page.")


def field_map(fields: Sequence[str]) -> dict[str, str]:
    """``OURS=THEIRS`` options as a field map.

    Raises:
        BadInput: One that names no column, or a field named twice.
    """
    found: dict[str, str] = {}
    for one in fields:
        ours, equals, theirs = one.partition("=")
        if not equals or not ours.strip():
            raise BadInput(
                f"'{one:.80}' names no column.", where="--field", next_step="Write: --field prompt=their_column"
            )
        if ours.strip() in found:
            raise BadInput(f"'{ours.strip()}' is named twice.", where="--field", next_step="Keep one of the two.")
        found[ours.strip()] = theirs.strip()
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("is not a text in UTF-8.", where=str(path), next_step="Save it as UTF-8.") from None
