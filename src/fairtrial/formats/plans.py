"""From the columns of any source to `Battles`: which to read, and what they mean. Read `Plan` first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fairtrial.core import BadInput, nearest
from fairtrial.formats.coding import Kind, Loaded, Want, text_of
from fairtrial.formats.shapes import Pair, Shape, shape_of
from fairtrial.formats.verdicts import LABELS, Verdicts
from fairtrial.stats import POSITION, RELATIVE, REQUIRED, Battles, Coded, Column, IntArray, Place, features_of, numbers

SHOWN = 10
"""Most values or names listed in an error."""
_GROUPS, _NUMBERS = ("question_id", "rater", "battle_id"), ("grade", "weight")
_KINDS = dict.fromkeys(_GROUPS, Kind.GROUP) | dict.fromkeys(_NUMBERS, Kind.NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is read of a source, and how it becomes battles."""

    shape: Shape
    where: str
    columns: Mapping[str, Want]
    """Our column to the source's."""
    features: Mapping[str, Pair]
    by: Mapping[str, Want]
    only: Mapping[str, tuple[Want, str]]
    """Name as given to the column and the text it must have."""
    judges: Want | None
    apart: Mapping[str, Want]
    """The columns that say why a row is passed over: ``weight_reason``, where the weight is 0, and ``withheld``."""
    names: tuple[str, ...] = field(repr=False)

    @property
    def wants(self) -> tuple[Want, ...]:
        """Every column that is to be read."""
        pairs = (want for pair in self.features.values() for want in pair)
        chosen = (want for want, _ in self.only.values())
        judges = () if self.judges is None else (self.judges,)
        ours = (*self.columns.values(), *self.apart.values())
        every = (*ours, *self.shape.winner.wants, *pairs, *self.by.values(), *chosen, *judges)
        return tuple(dict.fromkeys(every))

    @classmethod
    def of(
        cls,
        names: Iterable[str],
        *,
        control: Sequence[str] = (),
        by: Sequence[str] = (),
        only: Mapping[str, object] | None = None,
        where: str = "battles",
        late: bool = False,
        weighted: bool = True,
    ) -> "Plan":
        """Recognise the shape and find the columns.

        Args:
            names: The columns there are.
            control: Features that will be controlled for.
            by: Columns by which boards will be split.
            only: Column to the value that rows are kept for; compared as text.
            where: Name of the source, for errors.
            late: Columns may turn up that `names` lacks, so ours are looked for all the same.
            weighted: Use the weights of the votes; without them every vote counts once.

        Raises:
            BadInput: A column that is not there.
        """
        names = tuple(map(str, names))
        shape = shape_of(names)
        columns = {}
        for ours, theirs in shape.sources.items():
            found = next((name for name in theirs if name in names), None)
            if found is None and ours in REQUIRED:
                raise _missing(ours, names, where)
            if found is None and late and ours in theirs:
                found = ours
            if found is not None and Want(found, Kind.LABEL) not in shape.winner.wants:
                columns[ours] = Want(found, _KINDS.get(ours, Kind.LABEL))
        if not weighted:
            columns.pop("weight", None)
        reasons = ("withheld", "weight_reason") if "weight" in columns else ("withheld",)
        finder = _Finder(names=names, columns=columns, where=where)
        return cls(
            shape=shape,
            where=where,
            columns=columns,
            features=dict(_feature(name, shape, names, where) for name in control if name != POSITION),
            by={name: finder.find(name, "split by") for name in by},
            only={name: (finder.find(name, "select by"), text_of(value)) for name, value in (only or {}).items()},
            judges=Want(shape.judges, Kind.LABEL) if shape.judges in names else None,
            apart={name: Want(name, Kind.LABEL) for name in reasons if name in names},
            names=names,
        )

    def battles(self, loaded: Loaded, *, control: Sequence[str] = ()) -> Battles:
        """The battles in columns that were read.

        Raises:
            BadInput: No row with the selected values, several judges, or bad content; names row and column as they are
                in the source.
        """
        place = Place(name=self.where, rows=loaded.rows)
        columns, votes = loaded.columns, loaded.votes
        if (keep := self._selected(loaded)) is not None:
            place = Place(name=self.where, rows=_Picked(loaded.rows, keep))
            columns = {want: take(column, keep) for want, column in columns.items()}
            votes = len(keep)
        kept, passed_over = self._passed_over(columns, votes, place)
        if passed_over:
            place = Place(name=self.where, rows=_Picked(place.rows, kept))
            columns = {want: take(column, kept) for want, column in columns.items()}
            votes = len(kept)
        self._one_judge(columns)

        def load(want: Want) -> Column:
            return columns.get(want, _same(None, votes))

        verdicts = self.shape.winner.read(load, place)
        told = len(verdicts.winner)
        if self.shape.mirror:
            verdicts = _without_mirror(verdicts, load(self.columns["model_a"]), load(self.columns["model_b"]))
        itself = told - len(verdicts.winner)
        source = verdicts.source
        if source is not None:
            place = Place(name=self.where, rows=_Picked(place.rows, source))
            columns = {want: take(column, source) for want, column in columns.items()}
        ours: dict[str, Column] = {"winner": verdicts.winner}
        ours |= {name: columns[want] for name, want in self.columns.items() if want in columns}
        ours |= {name: _same(label, len(verdicts.winner)) for name, label in self.shape.fixed.items()}
        if verdicts.weight is not None:
            ours["weight"] = verdicts.weight
        if self.shape.machines and "evaluator_kind" not in ours and "rater" in self.columns:
            ours["evaluator_kind"] = self._kinds(load(self.columns["rater"]))
        for name, pair in self.features.items():
            ours |= {f"feature_{name}_{side}": columns[want] for side, want in zip("ab", pair, strict=True)}
        labels = {name: self._label(name, want, ours, columns) for name, want in self.by.items()}
        try:
            found = Battles.from_columns(
                ours | labels,
                control=control,
                by=tuple(self.by),
                where=self.where,
                rows=place.rows,
                ballot=source if verdicts.weight is not None else None,
            )
            if itself:
                passed_over["baseline against itself"] = itself
            return replace(found, passed_over=passed_over) if passed_over else found
        except BadInput as error:
            raise self._in_their_words(error) from error.__cause__

    def _label(self, name: str, want: Want, ours: Mapping[str, Column], columns: Mapping[Want, Column]) -> Column:
        """A column to split boards by, unless battles have another one of this name."""
        if name in ours and (name not in self.columns or self.columns[name].column != want.column):
            raise BadInput(
                f"boards cannot be split by '{name}', which says something about each vote.", where=self.where
            )
        return columns[want]

    def _selected(self, loaded: Loaded) -> IntArray | None:
        """Rows with the selected values, or None for all."""
        if not self.only or not loaded.votes:
            return None
        keep = np.arange(loaded.votes)
        for name, (want, value) in self.only.items():
            coded = Coded.of(loaded.columns[want]) if want in loaded.columns else _same(None, loaded.votes)
            texts = [text_of(label) for label in coded.labels]
            wanted = np.array([text == value for text in texts], dtype=bool)
            codes = coded.codes[keep]
            if not len(keep := keep[wanted[codes]]):
                there = sorted({texts[k] or "(empty)" for k in np.flatnonzero(np.bincount(codes)).tolist()})
                raise BadInput(
                    f"no row has {name} '{value}'.",
                    where=self.where,
                    next_step=f"{_guess(value, there)}Values there: {_listed(there)}.",
                )
        return keep

    def _passed_over(self, columns: Mapping[Want, Column], votes: int, place: Place) -> tuple[IntArray, dict[str, int]]:
        """The rows that are votes, and how many are none, by reason: a publisher's weight of 0, a withheld body.

        A weight of 0 for which no reason is given is no reason to pass a vote over; it is refused later.
        """
        keep = np.ones(votes, dtype=bool)
        counts: dict[str, int] = {}
        for name, want in self.apart.items():
            if want not in columns:
                continue
            coded = Coded.of(columns[want])
            said = np.array([text_of(label) != "" for label in coded.labels], dtype=bool)[coded.codes] & keep
            if name == "weight_reason":
                said &= numbers(columns[self.columns["weight"]], "weight", place) == 0
            for code, count in enumerate(np.bincount(coded.codes[said], minlength=len(coded.labels)).tolist()):
                if count:
                    reason = text_of(coded.labels[code])
                    counts[f"withheld: {reason}" if name == "withheld" else reason] = count
            keep &= ~said
        return np.flatnonzero(keep), dict(sorted(counts.items()))

    def _one_judge(self, columns: Mapping[Want, Column]) -> None:
        """Refuse verdicts of several judges: kinds of judges are not mixed silently."""
        if self.judges is None or self.judges not in columns:
            return
        coded = Coded.of(columns[self.judges])
        names = sorted({text_of(coded.labels[k]) or "(none)" for k in coded.used().tolist()})
        if len(names) > 1:
            raise BadInput(
                f"the file holds verdicts of {len(names)} judges, which are not mixed: {_listed(names)}.",
                where=f"{self.where}, {self.judges.column}",
                next_step=f"Choose one: --where {self.judges.column}={names[0]}",
            )

    def _kinds(self, raters: Column) -> Coded:
        """Judge for raters who are machines by their names; unknown for the others."""
        coded = Coded.of(raters)
        machine = np.array([text_of(label).startswith(self.shape.machines) for label in coded.labels], dtype=np.int8)
        return Coded(labels=(None, "judge"), codes=machine[coded.codes])

    def _in_their_words(self, error: BadInput) -> BadInput:
        """The error with the source's own name of the column."""
        place, _, ours = error.where.rpartition(", ")
        theirs = {name: want.column for name, want in self.columns.items()}
        for name, pair in self.features.items():
            theirs |= {f"feature_{name}_{side}": want.column for side, want in zip("ab", pair, strict=True)}
        where = f"{place}, {theirs[ours]}" if ours in theirs else error.where
        return BadInput(error.message, where=where, next_step=error.next_step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finder:
    """Finds a column by the source's name or by ours."""

    names: Sequence[str]
    columns: Mapping[str, Want]
    where: str

    def find(self, name: str, use: str) -> Want:
        if name in self.names:
            return Want(name, Kind.LABEL)
        if name in self.columns:
            return Want(self.columns[name].column, Kind.LABEL)
        raise BadInput(
            f"there is no column '{name}' to {use}; columns found: {_listed(self.names)}.",
            where=self.where,
            next_step=nearest(str(name), self.names),
        )


@dataclass(frozen=True, slots=True)
class _Picked(Sequence[int]):
    """Row numbers of picked rows; made up only when an error asks for one."""

    rows: Sequence[int] | None
    picked: IntArray

    def __len__(self) -> int:
        return len(self.picked)

    def __getitem__(self, index: Any) -> Any:
        row = int(self.picked[index])
        return row + 1 if self.rows is None else self.rows[row]


def _without_mirror(verdicts: Verdicts, model_a: Column, model_b: Column) -> Verdicts:
    """The votes without ties of a model with itself, which say nothing; its wins over itself stay, as errors."""
    a, b = Coded.of(model_a), Coded.of(model_b)
    index = {label: k for k, label in enumerate(a.labels) if isinstance(label, str)}
    turn = np.array([index.get(label, -1) if isinstance(label, str) else -1 for label in b.labels], dtype=np.int64)
    same = turn[b.codes] == a.codes
    if not same.any():
        return verdicts
    source = np.arange(len(same)) if verdicts.source is None else verdicts.source
    winner = Coded.of(verdicts.winner)
    keep = np.flatnonzero(~(same[source] & (winner.codes == LABELS.index("tie"))))
    weight = None if verdicts.weight is None else verdicts.weight[keep]
    return Verdicts(winner=take(winner, keep), weight=weight, source=source[keep])


def take(column: Column, rows: IntArray) -> Column:
    """These rows of a column."""
    if isinstance(column, np.ndarray):
        return column[rows]
    coded = Coded.of(column)
    return Coded(labels=coded.labels, codes=coded.codes[rows])


def _same(label: object, count: int) -> Coded:
    return Coded(labels=(label,), codes=np.zeros(count, dtype=np.int8))


def _feature(name: str, shape: Shape, names: Sequence[str], where: str) -> tuple[str, Pair]:
    """A feature's bare name and its two columns."""
    bare = name.removeprefix(RELATIVE)
    there = {f: pair for f, pair in shape.features.items() if all(want.column in names for want in pair)}
    for own in features_of(names):
        there[own] = (Want(f"feature_{own}_a", Kind.NUMBER), Want(f"feature_{own}_b", Kind.NUMBER))
    if bare in there:
        return bare, there[bare]
    found = sorted(there)
    raise BadInput(
        f"there is no column 'feature_{bare}_a' to control for '{bare}'.",
        where=where,
        next_step=nearest(bare, found) if found else "Controls need columns feature_NAME_a and feature_NAME_b.",
    )


def _missing(name: str, names: Sequence[str], where: str) -> BadInput:
    return BadInput(
        f"column '{name}' is missing; columns found: {_listed(names) or 'none'}.",
        where=where,
        next_step=f"{_guess(name, names)}Battle files need the columns model_a, model_b and winner.",
    )


def _guess(name: str, known: Sequence[str]) -> str:
    """A question with a space after it where one of the known names is near, else nothing."""
    hint = nearest(name, known) if name and known else ""
    return f"{hint} " if hint.startswith("Did") else ""


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
