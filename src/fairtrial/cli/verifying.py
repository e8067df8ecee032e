"""`fairtrial verify`: one word, the files or rows it concerns, who signed. Read `verify_path`."""

from pathlib import Path

from rich.text import Text

from fairtrial.cli.output import as_json, console, shown
from fairtrial.core import BadInput, FairtrialError
from fairtrial.lab import Lab
from fairtrial.provenance import CARD, PublicKey, Verdict, statement_type, verify


def verify_path(path: Path, trust: list[Path], lab: Path, *, json: bool) -> int:
    """Print the verdict on a report or release directory; its exit code.

    Keys given with --trust are trusted, and the key of the lab at hand, if there is one.
    """
    trusted = [_key(file) for file in trust]
    if (lab / "lab.toml").exists():
        trusted.append(Lab.open(lab).public_key)
    verdict = _verdict(path, trusted)
    if json:
        said = {"verdict": verdict.word, "problems": list(verdict.problems), "signer": verdict.signer}
        as_json(said | ({"notes": list(verdict.notes)} if verdict.notes else {}))
        return verdict.exit_code
    colour = {"TRUSTED": "green", "UNTRUSTED": "yellow"}.get(verdict.word, "red")
    screen = console()
    screen.print(Text.assemble((verdict.word, f"bold {colour}"), f" {shown(str(path))}"), soft_wrap=True)
    for problem in verdict.problems:
        screen.print(f"  {shown(problem)}", soft_wrap=True)
    for note in verdict.notes:
        screen.print(f"  {shown(note)}", soft_wrap=True)
    if verdict.word == "UNTRUSTED":
        screen.print("  intact, but signed by a key you do not trust; to trust it: --trust KEY.pem", soft_wrap=True)
    if verdict.signer:
        screen.print(f"  signed by {verdict.signer}", soft_wrap=True)
    return verdict.exit_code


def _verdict(path: Path, trusted: list[PublicKey]) -> Verdict:
    if (statement_type(path) or "").startswith("urn:fairtrial:release:"):
        from fairtrial.arena.releases import verify_release  # only here: reports need no arena

        return verify_release(path, trusted)
    if statement_type(path) == CARD:
        return verify(path, trusted=trusted, predicate_type=CARD)
    return verify(path, trusted=trusted)


def _key(file: Path) -> PublicKey:
    try:
        return PublicKey.load(file)
    except FairtrialError as error:
        step = "Give the public key of the lab that signed, lab.pub.pem in its keys directory."
        raise BadInput(error.message, where=str(file), next_step=step) from error
