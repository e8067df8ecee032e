"""``fairtrial serve``: what is said when the arena opens. Read `run_server` first."""

from collections.abc import Sequence
from functools import partial
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
        say = partial(out.print, soft_wrap=True, highlight=False)
        alive = [one.contestant.name for one in entrants if one.alive]
        for name in alive:
            say(f"  {name}")
        for one in entrants:
            if one.trouble:
                say(f"  {one.contestant.name} is not available: {one.trouble}", style="yellow")
        say(
            f"The arena is open at {address} with {len(alive)} contestants; Ctrl-C closes it."
            + _too_few(len(alive), lab)
        )
        if opened.first_token:
            say(f"Admin page: {address}/admin, with this token, which is shown only now:")
            say(opened.first_token, style="bold")

    serve(Lab.open(lab), host=host, port=port, hosts=hosts, ready=ready)


def _too_few(alive: int, lab: Path) -> str:
    if alive >= 2:
        return ""
    return f" Two are needed: add [[contestant]] tables to {lab / 'lab.toml'}, as in a trial file."
