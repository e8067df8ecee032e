"""`fairtrial judge train` and `card`: a judge that teaches itself. Read `train` first."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fairtrial.cli.judging import DEFAULT_LAB, judge_app
from fairtrial.cli.output import as_json, console, shown

__all__ = ["judge_app"]


@judge_app.command()
def train(
    config: Annotated[Path, typer.Argument(help="How the judge is taught: a TOML file.", metavar="CONFIG")],
    out: Annotated[
        Path | None, typer.Option(help="The run's directory.", show_default="./NAME of the file", metavar="DIR")
    ] = None,
    lab: Annotated[
        Path | None,
        typer.Option("--lab", envvar="FAIRTRIAL_LAB", help="Signs the card.", show_default="./lab, if it is there"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take on a node of GPUs.")] = False,
    parameters: Annotated[float, typer.Option(min=0.001, help="Of a dry run: the model's size, in billions.")] = 70.0,
    node: Annotated[str, typer.Option(help="Of a dry run: 8xA100, 8xH100 or 8xH200.")] = "8xH100",
    gpu_hour: Annotated[float, typer.Option(min=0, help="Of a dry run: US dollars for an hour of one GPU.")] = 3.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of text.")] = False,
) -> None:
    """Teach a judge on pairs that nobody labelled, round after round; run again, it goes on where it was."""
    from fairtrial.cli.progress import shown_progress
    from fairtrial.lab import Lab
    from fairtrial.lab.teaching import teach

    if dry_run:
        _foretell(config, parameters=parameters, node=node, gpu_hour=gpu_hour, json=json)
        return
    desk = Lab.open(lab) if lab is not None else (Lab.open(DEFAULT_LAB) if DEFAULT_LAB.exists() else None)
    where = out or Path(config.stem)
    screen = console(stderr=json)
    with shown_progress(quiet=json) as progress:
        taught = teach(config, out=where, lab=desk, progress=progress, told=None if json else _row(screen))
    if json:
        as_json({"directory": str(where), "sentence": taught.sentence, "signed": taught.signed, **taught.card})
        return
    screen.print(taught.sentence, style="bold", soft_wrap=True)
    screen.print(f"Card and picture: {shown(str(taught.directory))}", soft_wrap=True)
    best = where / f"round-{taught.outcome.best}"
    screen.print(f"On trial: fairtrial judge evaluate PAIRS --judge taught/{shown(str(best))}", soft_wrap=True)
    if not taught.signed:
        console(stderr=True).print(
            "No lab is here, so the card is not signed. To make one: fairtrial init", style="dim"
        )


@judge_app.command()
def card(
    run: Annotated[Path, typer.Argument(help="A run of `judge train`.", metavar="RUN")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of text.")] = False,
) -> None:
    """Show the card of a taught judge: its seed, its data, yield and biases by round, limits."""
    from json import loads

    from fairtrial.core import BadInput

    path = run / "card" / "card.json"
    try:
        told = loads(path.read_bytes())
    except FileNotFoundError:
        step = "Teach it to the end: fairtrial judge train CONFIG"
        raise BadInput("there is no card of a finished run here.", where=str(run), next_step=step) from None
    except ValueError:
        raise BadInput(
            "the card is damaged.", where=str(path), next_step="Write it again: judge train CONFIG"
        ) from None
    if json:
        as_json(told)
        return
    _print_card(told, run)


def _row(screen: Any) -> Callable[[Any], None]:
    """A line of the table as each round is known."""
    head = False

    def told(one: Any) -> None:
        nonlocal head
        if not head:
            screen.print(
                f"{'round':>5} {'pairs kept':>12} {'right':>5} {'accuracy':>20} {'both':>6} {'first':>6} {'gap':>6} "
                f"{'invalid':>7}",
                style="bold",
                soft_wrap=True,
            )
            head = True
        screen.print(_line(one.round, one.facts, one.card), highlight=False, soft_wrap=True)

    return told


def _line(number: int, facts: dict[str, Any], card: Any) -> str:
    """One round in columns; `card` as an object or as plain values."""

    def rate(name: str) -> Any:
        found = card[name] if isinstance(card, dict) else getattr(card, name)
        return found if found is None or isinstance(found, dict) else {"estimate": found.estimate, "ci": found.ci}

    def share(name: str) -> str:
        found = rate(name)
        return "–" if found is None else f"{found['estimate']:.1%}"

    accuracy, gap = rate("accuracy"), rate("order_gap")
    low, high = (accuracy or {}).get("ci") or (None, None)
    span = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    kept = f"{facts['pairs_kept']} of {facts['pairs']}" if "pairs" in facts else "–"
    right = f"{facts['right']:.0%}" if "right" in facts else "–"
    invalid = card["invalid"] if isinstance(card, dict) else card.invalid
    moved = "–" if gap is None else f"{100 * gap['estimate']:+.1f}"
    return (
        f"{number or 'seed':>5} {kept:>12} {right:>5} {share('accuracy') + span:>20} "
        f"{share('consistent_accuracy'):>6} {share('first_rate'):>6} {moved:>6} {invalid:>7}"
    )


def _print_card(told: dict[str, Any], run: Path) -> None:
    screen = console()
    seed, data = told["seed_model"], told["data"]
    screen.print(shown(told["name"]), style="bold")
    screen.print(f"Seed: {shown(seed['model'])}, SHA-256 {seed['sha256']}", soft_wrap=True)
    if seed["warm_up"]:
        warm = seed["warm_up"]
        screen.print(
            f"Shown the form first: {warm['examples']} examples of {', '.join(warm['families'])}", soft_wrap=True
        )
    screen.print(f"Pairs: {data['generator']}, {', '.join(data['families'] or data['files'])}", soft_wrap=True)
    screen.print(f"Terms: {shown(data['terms']) or 'none told'}", soft_wrap=True)
    people = "people's labels" if told["validation"]["labelled_by_people"] else "no labels of people"
    screen.print(f"Validation: {shown(told['validation']['from'])}; {people}", soft_wrap=True)
    show = _row(screen)
    for one in told["rounds"]:
        show(_Told(one))
    for one in told["rounds"]:
        if one.get("discarded"):
            lost = ", ".join(f"{count} {reason}" for reason, count in sorted(one["discarded"].items()) if count)
            screen.print(
                f"Round {one['round']}: of {one['drawn']} judgments {one['kept']} kept; {lost}.", soft_wrap=True
            )
    for limit in told["limits"]:
        screen.print(f"· {limit}", soft_wrap=True)
    screen.print(f"Picture: {shown(str(run / 'card' / 'rounds.svg'))}", soft_wrap=True)


class _Told:
    """A round as its card tells it."""

    def __init__(self, one: dict[str, Any]) -> None:
        self.round, self.facts, self.card = one["round"], one, one


def _foretell(config: Path, *, parameters: float, node: str, gpu_hour: float, json: bool) -> None:
    from fairtrial.core.canonical import to_plain
    from fairtrial.training.budgets import BATCH, LEARNING, READING, WRITING, estimate
    from fairtrial.training.config import read_config
    from fairtrial.training.synthesis import program_pairs

    told = read_config(config)
    wanted = told.instructions
    pairs: tuple[Any, ...] = ()
    if told.synthesis.generator == "program":
        pairs = program_pairs(wanted.families, min(wanted.limit or 0, 500), seed=told.seed, languages=wanted.languages)
    found = estimate(
        told, pairs, parameters=parameters * 1e9, node=node, usd_per_gpu_hour=gpu_hour, words=150, count=wanted.limit
    )
    if json:
        as_json(to_plain(found))
        return
    screen = console()
    screen.print(f"{told.name}: {told.rounds.most} rounds, a model of {parameters:g}B on {node}", style="bold")
    for stage in found.stages:
        work = f"{stage.learnt:,} tokens learnt" if stage.learnt else f"{stage.calls:,} calls"
        told_tokens = f", {stage.read:,} tokens read, {stage.written:,} written" if stage.calls else ""
        screen.print(f"{stage.name:>14}: {work}{told_tokens}; {stage.hours:.1f} h", soft_wrap=True, highlight=False)
    screen.print(f"{'together':>14}: {found.hours:.1f} h, ${found.usd:,.0f} at ${gpu_hour:g} a GPU hour", style="bold")
    screen.print(
        f"Assumed: prompts read at {READING:.0%} of the node's arithmetic, answers written {BATCH} at once at "
        f"{WRITING:.0%} of its memory's speed, learning at {LEARNING:.0%}; every judgment as long as allowed, every "
        "pair kept.",
        soft_wrap=True,
    )
