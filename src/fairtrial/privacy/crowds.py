"""Raters published only in crowds: k-anonymity of their bands, and no crowd of one opinion. Read `suppress` first.

k-anonymity: Samarati and Sweeney 1998. The guard on opinions is distinct 2-diversity: Machanavajjhala et al. 2007.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from fairtrial.core import BadInput

OTHER = "other"
"""Stands for every band that was suppressed."""
_MOST_COLUMNS = 8

_Cell = tuple[str, ...]
_Crowds = dict[_Cell, list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Raters whose bands may be published."""

    rows: list[dict[str, str]]
    """In the order given; columns that are no bands are as they were."""
    suppressed: dict[str, int]
    """For each column, how many raters' bands became "other"."""
    smallest: int
    """Raters in the smallest combination; below k only when all of them are "other" everywhere."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """When a crowd is safe: at least k raters, and their opinions (``""``: none) are not all the same one."""

    k: int
    opinions: list[str] | None

    def diverse(self, who: Sequence[int]) -> bool:
        return self.opinions is None or len({self.opinions[i] for i in who} - {""}) != 1

    def safe(self, who: Sequence[int]) -> bool:
        return len(who) >= self.k and self.diverse(who)


def suppress(
    rows: Sequence[Mapping[str, str]], columns: Sequence[str], *, k: int = 5, opinion: str | None = None
) -> Crowd:
    """`rows`, one a rater, with bands turned into "other" until every combination of `columns` is a crowd.

    A crowd has at least `k` raters, who (if the column `opinion` is named) do not all share one opinion. Greedy, and
    the same for the same rows: the smallest combination that is no crowd is taken, all ways to turn some of its columns
    into "other" are tried, and the one is kept that loses the fewest bands. On each way further combinations that are
    no crowds join, then crowds lend raters they can spare (last rows first), so that a few rare raters do not cost a
    large crowd its bands; failing that, whole crowds join. Where nothing else helps, everything is "other".

    ``""`` (not said) is a band like any other. The result is safe by itself; it promises nothing once joined to other
    data, or to another release with the same raters.

    Raises:
        BadInput: `k` below 1, more than 8 columns, a row without a column, or (where rows have a ``rater``) a rater
            with two rows, whose copies would count as a crowd.
    """
    _check(rows, columns, k, opinion)
    rule = _Rule(k, None if opinion is None else [row[opinion] for row in rows])
    crowds: _Crowds = defaultdict(list)
    for place, row in enumerate(rows):
        crowds[tuple(row[column] for column in columns)].append(place)
    nothing = (OTHER,) * len(columns)
    while unsafe := {cell for cell, who in crowds.items() if not rule.safe(who)}:
        if set(crowds) == {nothing}:
            break
        worst = min(unsafe, key=lambda cell: (len(crowds[cell]), cell))
        ways = ((target, _moves(crowds, worst, target, unsafe, rule)) for target in _generalisations(worst))
        possible = [(_loss(moves, target), target, moves) for target, moves in ways if moves]
        _, target, moves = min(possible, key=lambda way: way[:2])  # to `nothing` there is always a way
        _apply(crowds, target, moves)
    bands = {place: cell for cell, who in crowds.items() for place in who}
    released = [{**row, **dict(zip(columns, bands[place], strict=True))} for place, row in enumerate(rows)]
    return Crowd(
        rows=released,
        suppressed={c: sum(old[c] != new[c] for old, new in zip(rows, released, strict=True)) for c in columns},
        smallest=min((len(who) for who in crowds.values()), default=0),
    )


def _check(rows: Sequence[Mapping[str, str]], columns: Sequence[str], k: int, opinion: str | None) -> None:
    if k < 1:
        raise BadInput(f"a crowd of {k} raters is none.", where="k", next_step="Five is usual.")
    if len(columns) > _MOST_COLUMNS:
        raise BadInput(f"bands have at most {_MOST_COLUMNS} columns here.", next_step="Leave the finest ones out.")
    for place, row in enumerate(rows, start=1):
        for column in (*columns, *((opinion,) if opinion is not None else ())):
            if column not in row:
                raise BadInput(
                    f"a rater has no '{column}'.", where=f"row {place}", next_step="Write '' for 'not said'."
                )
    raters = Counter(row["rater"] for row in rows if "rater" in row)
    if raters and max(raters.values()) > 1:
        twice = next(rater for rater, times in raters.items() if times > 1)
        raise BadInput(f"the rater '{twice}' has more than one row.", next_step="Give one row for each rater.")


def _generalisations(cell: _Cell) -> Iterator[_Cell]:
    """The cell itself and every cell that turns some of its bands into "other"."""
    return product(*((band, OTHER) if band != OTHER else (OTHER,) for band in cell))


def _covers(target: _Cell, cell: _Cell) -> bool:
    return all(wide in {OTHER, band} for wide, band in zip(target, cell, strict=True))


def _distance(cell: _Cell, target: _Cell) -> int:
    return sum(band != wide for band, wide in zip(cell, target, strict=True))


def _loss(moves: list[tuple[int, _Cell]], target: _Cell) -> int:
    return sum(_distance(cell, target) for _, cell in moves)


def _moves(crowds: _Crowds, worst: _Cell, target: _Cell, unsafe: set[_Cell], rule: _Rule) -> list[tuple[int, _Cell]]:
    """Who must move to `target`, from where, to make it a crowd that holds `worst`; empty when there is no way."""
    near = sorted(
        (cell for cell in crowds if cell != target and _covers(target, cell)),
        key=lambda cell: (cell != worst, _distance(cell, target), len(crowds[cell]), cell),
    )
    who = list(crowds.get(target, ()))
    moves: list[tuple[int, _Cell]] = []

    def join(cell: _Cell, places: Sequence[int]) -> None:
        who.extend(places)
        moves.extend((place, cell) for place in places)

    for cell in near:
        if cell == worst or (cell in unsafe and not rule.safe(who)):
            join(cell, crowds[cell])
    safe_ones = [cell for cell in near if cell not in unsafe]
    lent = _borrow(crowds, safe_ones, who, rule)
    if lent:
        return moves + lent
    for cell in safe_ones:
        if not rule.safe(who):
            join(cell, crowds[cell])
    return moves if rule.safe(who) or set(target) == {OTHER} else []


def _borrow(crowds: _Crowds, lenders: list[_Cell], who: Sequence[int], rule: _Rule) -> list[tuple[int, _Cell]]:
    """Raters whom crowds can spare and who make `who` a crowd; empty when none are needed or too few can be had."""
    who = list(who)
    lent: list[tuple[int, _Cell]] = []
    for cell in sorted(lenders, key=lambda cell: -len(crowds[cell])):
        left = list(crowds[cell])
        for place in reversed(crowds[cell]):
            if rule.safe(who) or len(left) <= rule.k:
                break
            rest = [other for other in left if other != place]
            if (len(who) < rule.k or rule.diverse([*who, place])) and rule.safe(rest):
                left = rest
                lent.append((place, cell))
                who.append(place)
    return lent if rule.safe(who) else []


def _apply(crowds: _Crowds, target: _Cell, moves: list[tuple[int, _Cell]]) -> None:
    for place, cell in moves:
        crowds[cell].remove(place)
        if not crowds[cell]:
            del crowds[cell]
        crowds[target].append(place)
    crowds[target].sort()
