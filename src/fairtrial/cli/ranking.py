"""`fairtrial rank`: boards from a battle file or a lab's latest report, printed and saved. Read `rank_votes` first."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fairtrial.cli.output import as_json, console, shown
from fairtrial.core import BadInput, Board, NoConclusion, nearest

if TYPE_CHECKING:
    from fairtrial.core.flow import EvidenceKind
    from fairtrial.reports import Ranking
    from fairtrial.reports.words import Language
    from fairtrial.stats import Battles

ENDINGS = (".html", ".json", ".png", ".svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The options of `rank`, as given."""

    kind: "EvidenceKind | None" = None
    ties: str = "davidson"
    graded: bool = False
    control: str = ""
    cluster: str = ""
    by: str = ""
    where: Sequence[str] = ()
    alpha: float = 0.05
    margin: float | None = None
    draws: int = 4000
    seed: int = 0
    agreement: bool = False
    matrix: bool = False
    unweighted: bool = False
    out: Sequence[Path] = ()
    lang: "Language | None" = None
    json: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing is asked for but the boards as they are."""
        asked = (self.agreement, self.matrix, self.unweighted)
        said = (self.kind, self.graded, self.control, self.cluster, self.by, self.where, *asked)
        usual = Request()
        numbers = ("ties", "alpha", "margin", "draws", "seed")
        return not any((*said, self.out)) and all(getattr(self, name) == getattr(usual, name) for name in numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Votes and what they are called."""

    title: str
    votes: Any
    simulated: frozenset[str] = frozenset()
    """Models whose strength was set by hand; boards mark them."""


def rank_votes(source: Source, request: Request) -> None:
    """Rank, print, save. Exit code 3 where no joint ranking is possible: the board says why."""
    from fairtrial.ranking import RATING_MARGIN, rank, rank_by

    with _busy(f"Reading {source.title} …", quiet=request.json):
        votes = _read(source, request)
    options: dict[str, Any] = {
        "evidence": request.kind,
        "ties": request.ties,
        "graded": request.graded,
        "control": _names(request.control),
        "cluster": _names(request.cluster) or None,
        "where": pairs(request.where),
        "alpha": request.alpha,
        "margin": RATING_MARGIN if request.margin is None else request.margin,
        "draws": request.draws,
        "seed": request.seed,
    }
    with _busy(f"Ranking {len(votes):,} votes …", quiet=request.json):
        boards = rank_by(votes, request.by, **options) if request.by else (rank(votes, **options),)
        boards = tuple(_marked(board, source.simulated) for board in boards)
        found = _agreement(votes, boards[0], request) if request.agreement else None
    from fairtrial.reports import Ranking

    ranking = Ranking(title=source.title, boards=boards, by=request.by, agreement=found, matrix=request.matrix)
    _show(ranking, request)
    for path in request.out:
        with _busy(f"Drawing {path} …", quiet=request.json):
            _save(ranking, path, request)
    if len(boards[0].models) > 1 and all(model.rating is None for model in boards[0].models):
        raise typer.Exit(NoConclusion.exit_code)


def from_file(file: Path, request: Request) -> Source:
    """The votes of a battle file; says on stderr as what it is read."""
    from fairtrial.ranking.sources import read_as

    shape = read_as(file)
    if not request.json:
        console(stderr=True).print(f"{shown(str(file))}: read as {shape}.", soft_wrap=True)
    return Source(title=file.name, votes=file)


def from_lab(lab: Path, request: Request) -> Source:
    """The votes of a lab's latest report."""
    from fairtrial.lab import Lab

    desk = Lab.open(lab)
    directory, report = desk.report()
    votes = desk.votes(directory.name)
    if not request.json:
        console(stderr=True).print(f"{shown(str(directory))}: {len(votes['winner']):,} votes.", soft_wrap=True)
    simulated = frozenset(card["name"] for card in report.contestants if card["model"].get("simulated"))
    return Source(title=report.name, votes=_one_judge(votes, request), simulated=simulated)


def show_lab(lab: Path, request: Request) -> None:
    """The boards of a lab's latest report as they stand, one for each kind of evidence."""
    from fairtrial.lab import Lab
    from fairtrial.ranking import board_json
    from fairtrial.reports import Ranking, print_ranking

    _, report = Lab.open(lab).report()
    if request.json:
        as_json({"boards": [board_json(board) for board in report.boards]})
        return
    for place, board in enumerate(report.boards):
        if place:
            console().print()
        print_ranking(Ranking(title=report.name, boards=(board,)), console(), lang=request.lang or "en")


def check(request: Request) -> None:
    """Refuse what makes no sense before anything is read.

    Raises:
        BadInput: A condition that is none; a file that cannot be written.
    """
    pairs(request.where)
    check_outputs(request.out)


def check_outputs(paths: Sequence[Path]) -> None:
    """Refuse what cannot be written before anything is computed.

    Raises:
        BadInput: An unknown ending, a directory that is not there, the same file twice.
    """
    for path in paths:
        if path.suffix.lower() not in ENDINGS:
            raise BadInput(
                f"a board cannot be saved as '{path.suffix or path.name}'.",
                where=str(path),
                next_step=nearest(path.suffix.lower(), ENDINGS) if path.suffix else f"Known: {', '.join(ENDINGS)}.",
            )
        if path.is_dir() or not path.absolute().parent.is_dir():
            what = "this is a directory." if path.is_dir() else "its directory is not there."
            raise BadInput(what, where=str(path), next_step=f"Make it: mkdir -p {path.parent}" if "not" in what else "")
    if len({path.absolute() for path in paths}) < len(paths):
        raise BadInput("the same file is named twice.", where="--out")


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """``column=value`` as given, several times.

    Raises:
        BadInput: No equals sign, or a column twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        column, equals, value = text.partition("=")
        if not equals or not column:
            raise BadInput(f"'{text}' is not column=value.", where="--where", next_step="Try: --where language=ko")
        if column in found:
            raise BadInput(f"the column '{column}' is named twice.", where="--where")
        found[column] = value
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _read(source: Source, request: Request) -> "Battles":
    """The battles with all that the options need; raters by name where agreement is asked for."""
    from fairtrial.ranking import as_battles

    where = pairs(request.where)
    by = tuple(dict.fromkeys([*([request.by] if request.by else []), *where]))

    def read(columns: tuple[str, ...]) -> "Battles":
        control, weighted = _names(request.control), not request.unweighted
        return as_battles(source.votes, control=control, by=columns, only=where, weighted=weighted)

    if request.agreement and "rater" not in by:
        try:
            return read((*by, "rater"))
        except BadInput:
            pass  # without raters there is a better sentence for it
    return read(by)


def _marked(board: Board, simulated: frozenset[str]) -> Board:
    models = tuple(replace(row, simulated=row.name in simulated) for row in board.models)
    return replace(board, models=models, raw=None if board.raw is None else _marked(board.raw, simulated))


def _one_judge(votes: dict[str, list[Any]], request: Request) -> dict[str, list[Any]]:
    """The votes, unless they are of several judges of whom none was chosen."""
    kinds = votes["evaluator_kind"]
    kind = request.kind or ("human" if "human" in kinds else "judge")
    judges = sorted({who for who, is_of in zip(votes["evaluator"], kinds, strict=True) if is_of == "judge"})
    if kind == "judge" and len(judges) > 1 and not {"evaluator", "rater"} & set(pairs(request.where)):
        raise BadInput(
            f"the report holds votes of {len(judges)} judges, which are not mixed: {', '.join(judges)}.",
            where="--lab",
            next_step=f"Choose one: --where evaluator={judges[0]}",
        )
    return votes


def _agreement(votes: "Battles", board: Board, request: Request) -> dict[str, Any]:
    """Agreement of the board's kind of raters, each with a name."""
    from fairtrial.ranking.sources import of_kind
    from fairtrial.stats import rater_agreement

    chosen, _ = of_kind(votes, board.evidence)
    found = asdict(rater_agreement(chosen, alpha=request.alpha, seed=request.seed))
    labels = chosen.labels.get("rater")
    codes = chosen.clusters("rater")
    names = {}
    if labels is not None:
        names = dict(zip(codes.tolist(), (labels.names[code] for code in labels.codes.tolist()), strict=True))
    found["raters"] = [row | {"name": names.get(row["rater"], str(row["rater"]))} for row in found["raters"]]
    return found


def _show(ranking: "Ranking", request: Request) -> None:
    if not request.json:
        from fairtrial.reports import print_ranking

        print_ranking(ranking, console(), lang=request.lang or "en")
        return
    as_json(as_plain(ranking))


def as_plain(ranking: "Ranking") -> dict[str, Any]:
    """One object: the board, or with `by` its ``boards``; ``agreement`` beside it where it was asked for."""
    from fairtrial.ranking import board_json

    boards = [board_json(board) for board in ranking.boards]
    plain: dict[str, Any] = {"boards": boards} if ranking.by else boards[0]
    return plain if ranking.agreement is None else plain | {"agreement": ranking.agreement}


def _save(ranking: "Ranking", path: Path, request: Request) -> None:
    """Write one output; a reader sees the old file or the new one, never half of one."""
    import os

    import fairtrial
    from fairtrial import reports
    from fairtrial.ranking import board_bytes

    lang = request.lang or "en"
    match path.suffix.lower():
        case ".json":
            data = board_bytes(as_plain(ranking))
        case ".svg":
            data = reports.board_svg(ranking, lang=lang).encode()
        case ".png":
            data = reports.board_png(ranking, lang=lang)
        case _:
            data = reports.board_page(ranking, version=fairtrial.__version__, lang=request.lang or "auto").encode()
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(data)
    os.replace(draft, path)  # noqa: PTH105 - see `page.write_html`
    if not request.json:
        console(stderr=True).print(f"Saved {shown(str(path))}", soft_wrap=True)


def _busy(words: str, *, quiet: bool) -> AbstractContextManager[Any]:
    """A moving sign on a terminal while something takes long; nothing elsewhere."""
    screen = console(stderr=True)
    return nullcontext() if quiet or not screen.is_terminal else screen.status(shown(words))
