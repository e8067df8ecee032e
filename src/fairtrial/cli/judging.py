"""`fairtrial judge`: judges on trial, and judges in training. Read `evaluate` first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fairtrial.cli.output import as_json, console, shown

judge_app = typer.Typer(help="Judge models: how good are they, and teaching one.", no_args_is_help=True)
DEFAULT_LAB = Path("lab")
_LOCAL = ("embedded", "taught")


@judge_app.command()
def evaluate(
    pairs: Annotated[
        Path | None,
        typer.Argument(
            help="Pairs of answers with labels: JSONL, JSON, CSV, TSV, Parquet; LLMBar, PandaLM, MT-Bench, AlpacaEval.",
            metavar="[PAIRS]",
        ),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="heuristic/longer|first|overlap, embedded/, openai/ or sim/NAME, taught/RUN/round-N; repeatable."
        ),
    ] = None,
    votes: Annotated[
        str | None, typer.Option(help="In place of a file: the lab's own votes, 'arena' or a rating task's id.")
    ] = None,
    lab: Annotated[
        Path | None,
        typer.Option(
            "--lab", envvar="FAIRTRIAL_LAB", help="The lab's directory.", show_default="./lab, if it is there"
        ),
    ] = None,
    read: Annotated[
        Literal["auto", "probabilities", "verdict", "grades", "rating"],
        typer.Option(help="How models are read: by token probabilities, a written verdict, five grades, or ratings."),
    ] = "auto",
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Samples of each order; the majority counts.")] = 1,
    temperature: Annotated[float, typer.Option(min=0, max=5, help="Of written verdicts.")] = 0.0,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, help="Of written verdicts.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of a written verdict.")] = 256,
    panel: Annotated[
        Literal["majority", "median"] | None, typer.Option(help="Put all judges on trial as a panel, too.")
    ] = None,
    weigh_by: Annotated[
        Path | None,
        typer.Option(help="Human-labelled pairs by which a majority's jurors are weighed.", metavar="PAIRS"),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Human-labelled pairs by which every judge is calibrated, too.", metavar="PAIRS"),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(help="The words in which models are asked: TOML with rubric, case, ask, kind.", metavar="FILE"),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Of openai/ judges.")] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Variable that holds their key.", metavar="NAME")] = None,
    price: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Of openai/ judges: US dollars a million prompt and completion tokens.", metavar="IN OUT"),
    ] = None,
    budget: Annotated[float | None, typer.Option(min=0, help="Most US dollars to spend now.", metavar="USD")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of embedded judges.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many pairs.")] = None,
    injections: Annotated[int, typer.Option(min=0, help="Pairs on which injections are tried.")] = 30,
    own: Annotated[
        list[str] | None,
        typer.Option(help="Models of the judge's own family, * for any letters: its self-preference.", metavar="MODEL"),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="The judge's training manifest: pairs that it was taught on.", metavar="FILE")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of fences, samples and injections.")] = 0,
    field: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="Our field = their column; repeatable.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of text.")] = False,
) -> None:
    """Put judges on trial on pairs whose better answer is known, and print and keep their cards."""
    from fairtrial.cli.importing import field_map
    from fairtrial.cli.progress import shown_progress
    from fairtrial.core import BadInput
    from fairtrial.evaluators.contamination import read_manifest
    from fairtrial.evaluators.templates import read_template
    from fairtrial.formats.pairs import read_pairs
    from fairtrial.lab import Lab
    from fairtrial.lab.judging import JudgePlan, own_votes
    from fairtrial.lab.judging import evaluate as put_on_trial
    from fairtrial.models import Budget

    desk = Lab.open(lab) if lab is not None else (Lab.open(DEFAULT_LAB) if DEFAULT_LAB.exists() else None)
    if (pairs is None) == (votes is None):
        raise BadInput("name either a file of pairs or --votes.", next_step="fairtrial judge evaluate PAIRS --judge …")
    fields = field_map(field or [])
    if pairs is not None:
        name, given = pairs.name, read_pairs(pairs, fields=fields)
    elif desk is None:
        raise BadInput("there is no lab here whose votes could be taken.", next_step="Name it: --lab DIR")
    else:
        name, given = f"votes-{votes}", own_votes(desk, None if votes == "arena" else votes)
    given = given[:limit]
    if budget is not None and price is None:
        raise BadInput("a budget in dollars needs a price.", where="--budget", next_step="Add: --price 2.5 10")
    words = read_template(template) if template else None
    if words and all(model.startswith("heuristic/") for model in judge or ()):
        raise BadInput("no judge here is a model, so nobody is asked in these words.", where=str(template))
    labelled = [(str(one), read_pairs(one, fields=fields)) if one else None for one in (weigh_by, calibrate)]
    reached = {"base_url": base_url, "api_key_env": api_key_env, "price": price}
    plans = []
    for model in judge or ():
        kind = model.partition("/")[0]
        settings: dict[str, Any] = reached if kind == "openai" else {"threads": threads} if kind in _LOCAL else {}
        plans.append(
            JudgePlan(
                model=model,
                read=read,
                repeats=repeats,
                temperature=temperature,
                top_p=top_p,
                max_tokens=max_tokens,
                price=price or (0.0, 0.0),
                template=words,
                settings=settings,
            )
        )
    manifests = [manifest] if manifest else []
    manifests += [
        told
        for model in judge or ()
        if model.startswith("taught/")
        and (told := Path(model.removeprefix("taught/")).parent / "manifest.json").exists()
    ]
    taught = frozenset[str]().union(*map(read_manifest, manifests))
    with shown_progress(quiet=json) as progress:
        judged = put_on_trial(
            desk,
            given,
            plans,
            name=name,
            panel=panel,
            weigh_by=labelled[0],
            calibrate_by=labelled[1],
            seed=seed,
            injections=injections,
            own=own or (),
            taught=taught,
            budget=Budget(usd=budget),
            progress=progress,
        )
    _show(judged.cards, judged.directory, json=json)


def _show(cards: Sequence[Any], directory: Path | None, *, json: bool) -> None:
    from fairtrial.reports.judge_cards import print_cards

    if json:
        plain = [_plain(card) for card in cards]
        kept = {"directory": str(directory) if directory else None, "judges": plain}
        as_json({**plain[0], **kept} if len(plain) == 1 else kept)
        return
    screen = console()
    print_cards(cards, screen)
    if directory is None:
        console(stderr=True).print("No lab is here, so nothing is kept. To make one: fairtrial init", style="dim")
        return
    screen.print(f"Cards and votes: {shown(str(directory))}", soft_wrap=True)
    screen.print(f"Check:  fairtrial verify {shown(str(directory))}", soft_wrap=True)


_FLAT = ("accuracy", "consistent_accuracy", "first_rate", "kappa", "length_matched_accuracy")
"""Told as plain numbers beside their intervals, for programs that want one."""
_FORECAST = ("log_loss", "brier", "calibration_error")
"""The same of a judge that gives probabilities."""


def _plain(card: Any) -> dict[str, Any]:
    """A card for programs: headline figures as numbers, everything with its interval under ``card``."""
    from fairtrial.core.canonical import to_plain

    plain = to_plain(card)
    flat = {name: None if plain[name] is None else plain[name]["estimate"] for name in _FLAT}
    said = plain["forecast"] or {}
    flat |= {name: said[name]["estimate"] if said else None for name in _FORECAST}
    told = {key: plain[key] for key in ("judge", "evaluator", "pairs", "n", "prompts", "invalid")}
    ci = None if plain["accuracy"] is None else plain["accuracy"]["ci"]
    return told | flat | {"ci": ci, "card": plain}
