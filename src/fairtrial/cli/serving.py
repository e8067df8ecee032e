"""``fairtrial serve``: what is said when the arena opens. Read `run_server` first."""

from collections.abc import Sequence
from pathlib import Path

from fairtrial.cli.output import as_json, console
from fairtrial.lab import Lab
from fairtrial.lab.serving import Opened
from fairtrial.web.serving import serve


def run_server(lab: Path, *, host: str, port: int, hosts: Sequence[str], json: bool) -> None:
    """Serve until stopped."""

    def ready(opened: Opened, address: str) -> None:
        entrants = opened.arena.registry.entrants.values()
        if json:
            states = {one.contestant.name: one.trouble or one.state for one in entrants}
            as_json({"address": address, "contestants": states, "first_token": opened.first_token})
            return
        out = console()
        out.print(f"The arena is open at {address} (Ctrl-C closes it).")
        alive = [one.contestant.name for one in entrants if one.alive]
        out.print(f"Contestants: {', '.join(alive) or 'none'}." + _too_few(len(alive), lab))
        for one in entrants:
            if one.trouble:
                out.print(f"Not available: {one.contestant.name}: {one.trouble}", style="yellow")
        if opened.first_token:
            out.print(f"Admin page: {address}/admin, with this token, which is shown only now:")
            out.print(opened.first_token, style="bold", highlight=False, soft_wrap=True)

    serve(Lab.open(lab), host=host, port=port, hosts=hosts, ready=ready)


def _too_few(alive: int, lab: Path) -> str:
    if alive >= 2:
        return ""
    return f" Two are needed: add [[contestant]] tables to {lab / 'lab.toml'}, as in a trial file."
