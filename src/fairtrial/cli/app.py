"""The commands, one function each; heavy rooms are imported only inside the command that needs them.

Read `run` first. `--json` prints one JSON object on stdout; text for people goes to stdout, progress to stderr.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fairtrial.cli.models import models_app
from fairtrial.cli.output import as_json, console, save_picture, show_report, table
from fairtrial.cli.training import judge_app
from fairtrial.core.errors import NoConclusion

app = typer.Typer(
    help="Every model gets a fair trial: evidence, honest rankings, signed verdicts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Add --debug to any command for a full traceback.",
)
app.add_typer(models_app, name="models")
app.add_typer(judge_app, name="judge")
log_app = typer.Typer(help="The lab's append-only log of votes and events.", no_args_is_help=True)
app.add_typer(log_app, name="log")

LabOption = Annotated[
    Path, typer.Option("--lab", envvar="FAIRTRIAL_LAB", help="The lab's directory.", show_default="./lab")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of text.")]
DEFAULT_LAB = Path("lab")


@app.callback(invoke_without_command=True)
def _version(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        import fairtrial

        typer.echo(fairtrial.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit


@app.command()
def demo(
    endpoint: Annotated[
        str | None, typer.Option(help="Put the models of an OpenAI-compatible endpoint on trial, too.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Which of the endpoint's models (default: the first).")
    ] = None,
    lab: Annotated[Path, typer.Option("--lab", help="Where the demo's lab is kept.")] = Path("demo-lab"),
    json: JsonOption = False,
) -> None:
    """A first verdict: a real embedded model, used in several ways, on real prompts, in a signed report."""
    from fairtrial.cli.demo import run_demo

    run_demo(lab, endpoint=endpoint, models=model or [], json=json)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Where to make it.")] = DEFAULT_LAB, json: JsonOption = False
) -> None:
    """Make a lab: its directory, database, signing key, and a trial file to start from."""
    from fairtrial.lab import Lab
    from fairtrial.lab.starter import write_starter_trial

    lab = Lab.create(directory)
    trial = write_starter_trial(lab.path)
    if json:
        as_json({"lab": str(lab.path), "trial": str(trial), "key": lab.public_key.fingerprint})
        return
    console().print(f"A lab in {lab.path}, signing as {lab.public_key.fingerprint}.")
    console().print(f"Next: fairtrial run {trial} --lab {lab.path}")


@app.command()
def doctor(
    trial: Annotated[Path | None, typer.Argument(help="A trial file to examine, too.")] = None,
    lab: LabOption = DEFAULT_LAB,
    json: JsonOption = False,
) -> None:
    """Find what would stop a run, before it does."""
    from fairtrial.core import BadInput
    from fairtrial.lab import examine

    findings = examine(lab, trial)
    bad = [f for f in findings if f.state == "bad"]
    if json:
        as_json({"ok": not bad, "findings": [f.as_plain() for f in findings]})
    else:
        from rich.text import Text

        marks = {"ok": Text("ok", "green"), "note": Text("note", "yellow"), "bad": Text("bad", "red")}
        table(
            ["", "what", "finding"], [[marks[f.state], f.what, f"{f.message} {f.next_step}".strip()] for f in findings]
        )
    if bad:
        raise typer.Exit(BadInput.exit_code)


@app.command()
def run(
    trial: Annotated[Path, typer.Argument(help="A trial file (TOML).", metavar="TRIAL.toml")],
    lab: LabOption = DEFAULT_LAB,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print calls, tokens and money; send nothing.")] = False,
    no_text: Annotated[bool, typer.Option("--no-text", help="Leave item text out of the report.")] = False,
    accept_failures: Annotated[
        bool, typer.Option("--accept-failures", help="Report answers that could not be had as failed.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Most calls in flight at one model.")] = None,
    json: JsonOption = False,
) -> None:
    """Run a trial: prompts, responses, scores, battles, votes, boards, a signed report. The same command goes on."""
    from fairtrial.cli.progress import shown_progress
    from fairtrial.lab import Lab
    from fairtrial.runs import read_trial

    checked = read_trial(trial)
    if workers is not None:
        checked = checked.model_copy(update={"workers": workers})
    plan = Lab.plan(checked, base=trial.parent)
    if dry_run:
        for entry in (*checked.contestants, *checked.judges):
            Lab.check_model(entry)
        _print_estimate(plan, json)
        return
    desk = Lab.create(lab) if lab == DEFAULT_LAB else Lab.open(lab)  # ./lab is made when it is not there
    with shown_progress(quiet=json) as progress:
        result = desk.run(plan, progress=progress, text=not no_text, accept_failures=accept_failures)
    show_report(result.report, result.directory, json=json)
    if not result.report.boards and not result.report.judges:
        raise typer.Exit(NoConclusion.exit_code)


def _print_estimate(plan: Any, json: bool) -> None:
    from fairtrial.runs import estimate_plan

    rows = estimate_plan(plan)
    if json:
        from fairtrial.core.canonical import to_plain

        as_json({"trial": plan.trial.name, "prompts": len(plan.prompts.prompts), "rows": to_plain(rows)})
        return
    cells = [
        [r.name, f"{r.calls:,}", f"{r.prompt_tokens:,}", f"{r.completion_tokens:,}", _dollars(r.usd)] for r in rows
    ]
    dollars = [r.usd for r in rows]
    known = None if None in dollars else sum(filter(None, dollars))
    sums = [f"{sum(getattr(r, name) for r in rows):,}" for name in ("calls", "prompt_tokens", "completion_tokens")]
    total = ["all", *sums, _dollars(known)]
    table(["who", "calls", "prompt tokens, about", "answer tokens, at most", "US dollars, about"], [*cells, total])
    console().print("Nothing was sent.")


def _dollars(usd: float | None) -> str:
    return "unknown: no price declared" if usd is None else f"{usd:.4f}"


@app.command()
def rank(
    file: Annotated[
        Path | None, typer.Argument(help="Battles: CSV, TSV, JSONL, JSON or Parquet, also gzipped; one row a vote.")
    ] = None,
    lab: Annotated[Path | None, typer.Option("--lab", help="Rank the votes of a lab's latest report.")] = None,
    ties: Annotated[
        Literal["davidson", "half", "rao-kupper", "auto"],
        typer.Option(help="Model of ties; auto takes the one that predicts best."),
    ] = "davidson",
    graded: Annotated[bool, typer.Option("--graded", help="Use grades (-2 … 2) by a cumulative link.")] = False,
    control: Annotated[
        str, typer.Option(help="Effects to take out: length,position,relative:NAME … (features of the file).")
    ] = "",
    cluster: Annotated[
        str, typer.Option(help="What was sampled: rater,prompt or one of them.", show_default="what the votes name")
    ] = "",
    by: Annotated[str, typer.Option(help="A board for each value of this column, too.")] = "",
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Only these votes; repeatable.")
    ] = None,
    kind: Annotated[
        Literal["human", "scorer", "judge"] | None,
        typer.Option(help="Kind of evidence.", show_default="people's votes where there are any"),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Smallest difference that matters, in rating points.", show_default="35")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Error rate of the board.")] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    draws: Annotated[int, typer.Option(min=100, help="Draws behind the simultaneous intervals.")] = 4000,
    agreement: Annotated[bool, typer.Option("--agreement", help="How far raters agree, too.")] = False,
    matrix: Annotated[bool, typer.Option("--matrix", help="Who beat whom, too.")] = False,
    unweighted: Annotated[
        bool, typer.Option("--unweighted", help="Let every vote count once, whatever its weight.")
    ] = False,
    out: Annotated[
        list[Path] | None, typer.Option(help="Save the board as .svg, .png, .html or .json; repeatable.")
    ] = None,
    lang: Annotated[Literal["en", "ko"] | None, typer.Option(help="Language of text and pictures.")] = None,
    json: JsonOption = False,
) -> None:
    """Rank models from votes, with honest uncertainty; refuse what the votes do not support."""
    from fairtrial.cli.ranking import Request, check, from_file, from_lab, rank_votes, show_lab
    from fairtrial.core import BadInput

    if (file is None) == (lab is None):
        raise BadInput("give a battle file, or --lab DIR.", next_step="Try: fairtrial rank votes.csv")
    request = Request(
        kind=kind, ties=ties, graded=graded, control=control, cluster=cluster, by=by, where=tuple(where or ()),
        alpha=alpha, margin=margin, draws=draws, seed=seed, agreement=agreement, matrix=matrix, unweighted=unweighted,
        out=tuple(out or ()), lang=lang, json=json,
    )  # fmt: skip
    check(request)
    if file is not None:
        rank_votes(from_file(file, request), request)
    elif lab is not None and request.plain:
        show_lab(lab, request)
    elif lab is not None:
        rank_votes(from_lab(lab, request), request)


@app.command()
def report(
    name: Annotated[str | None, typer.Argument(help="A report's directory name, or its beginning.")] = None,
    lab: LabOption = DEFAULT_LAB,
    rewrite: Annotated[bool, typer.Option("--rewrite", help="Render page and charts anew and sign again.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the lab's reports.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Save what is printed as an SVG picture, too.")] = None,
    json: JsonOption = False,
) -> None:
    """Show a report's boards and where it lies."""
    from fairtrial.lab import Lab

    desk = Lab.open(lab)
    if list_all:
        rows = [(path, desk.report(path.name)[1]) for path in desk.reports()]
        if json:
            as_json({"reports": [{"directory": str(p), "name": r.name, "created": r.created} for p, r in rows]})
        elif rows:
            table(["report", "trial", "made"], [[p.name, r.name, r.created] for p, r in rows])
        else:
            console().print("No report yet. Make one: fairtrial run TRIAL.toml", highlight=False)
        return
    if rewrite:
        name = desk.rewrite(name).name
    directory, found = desk.report(name)
    show_report(found, directory, json=json)
    if picture is not None:
        save_picture(found, picture)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="The directory of a report or a release.")],
    trust: Annotated[list[Path] | None, typer.Option(help="Public key files (PEM) to trust.")] = None,
    lab: LabOption = DEFAULT_LAB,
    json: JsonOption = False,
) -> None:
    """Check a report or a release offline: TRUSTED, UNTRUSTED, TAMPERED (naming file or row) or UNSIGNED."""
    from fairtrial.cli.verifying import verify_path

    raise typer.Exit(verify_path(path, trust or [], lab, json=json))


@app.command()
def serve(
    lab: LabOption = DEFAULT_LAB,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host name under which the pages may be asked for.", metavar="NAME")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Serve the arena: blind battles in the browser, the live leaderboard, the API. Ctrl-C stops it."""
    from fairtrial.cli.serving import run_server

    run_server(lab, host=host, port=port, hosts=allow_host or [], json=json)


@app.command()
def backup(
    destination: Annotated[Path, typer.Argument(help="A directory that is not there yet.", metavar="DIR")],
    lab: LabOption = DEFAULT_LAB,
    json: JsonOption = False,
) -> None:
    """Copy a lab, also while it is served; the copy is looked through, and is a lab itself."""
    from fairtrial.lab import Lab
    from fairtrial.lab.backup import back_up

    copied = back_up(Lab.open(lab), destination)
    if json:
        as_json({"copy": str(copied.path), "entries": copied.entries, "link": copied.link, "mb": copied.megabytes})
        return
    console().print(
        f"Copied to {copied.path} ({copied.megabytes:.1f} MB, private keys included: guard it as you guard the lab).",
        soft_wrap=True,
    )
    console().print(
        f"Its log has {copied.entries} entries, all walked; the newest link is {copied.link}.", soft_wrap=True
    )


@app.command()
def export(
    lab: LabOption = DEFAULT_LAB,
    task: Annotated[str | None, typer.Option(help="Votes of a rating task.", show_default="the arena's")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Copy the release to this directory, too; it must not be there.", metavar="DIR")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a public release of the arena's votes: screened, signed, with boards that follow byte for byte."""
    from fairtrial.cli.exporting import export_release

    export_release(lab, task=task, out=out, json=json)


@app.command("import")
def import_(
    pairs: Annotated[
        Path, typer.Argument(help="Pairs of answers: JSONL, JSON, CSV, TSV, Parquet, Argilla.", metavar="PAIRS")
    ],
    name: Annotated[str, typer.Option(help="What the lab calls the task.")],
    question: Annotated[str, typer.Option(help="What raters are asked: which answer helps the pupil more?")],
    lab: LabOption = DEFAULT_LAB,
    guidelines: Annotated[Path | None, typer.Option(help="A Markdown file with guidelines for raters.")] = None,
    overlap: Annotated[
        int | None, typer.Option(min=1, help="Raters wanted for each item.", show_default="all of them")
    ] = None,
    invite: Annotated[int, typer.Option(min=0, max=1000, help="Make so many invitations.")] = 0,
    field: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="Our field = their column; repeatable.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a rating task from pairs of answers that are there already, and invitations to it."""
    from fairtrial.cli.importing import import_pairs

    import_pairs(
        pairs, lab, name=name, question=question, guidelines=guidelines, overlap=overlap, invite=invite,
        fields=field or [], json=json,
    )  # fmt: skip


@log_app.command("check")
def log_check(lab: LabOption = DEFAULT_LAB, json: JsonOption = False) -> None:
    """Walk the lab's whole log: no entry is missing, changed or moved."""
    from fairtrial.cli.exporting import check_log

    check_log(lab, json=json)


@log_app.command("head")
def log_head(lab: LabOption = DEFAULT_LAB, json: JsonOption = False) -> None:
    """Print where the log ends: its size and newest link, to hold the lab to later."""
    from fairtrial.cli.exporting import show_head

    show_head(lab, json=json)


@app.command()
def plugins(json: JsonOption = False) -> None:
    """List model providers and scorers, built in and plugged in."""
    from fairtrial.core.plugins import GROUPS, available

    rows = []
    for group in GROUPS:
        for name, point in sorted(available(group).items()):
            try:
                point.load()
                state = "ok"
            except Exception as error:  # noqa: BLE001 - a broken plugin is listed, never fatal
                state = f"cannot be loaded: {error}"
            rows.append({"group": group, "name": name, "object": point.value, "state": state})
    if json:
        as_json({"plugins": rows})
    else:
        table(["group", "name", "object", "state"], [list(r.values()) for r in rows])
