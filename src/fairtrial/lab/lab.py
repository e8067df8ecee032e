"""A lab on disk and what it can do: run trials, render and sign reports, verify them. Read `Lab.run` first."""

import asyncio
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import fairtrial
from fairtrial.content import resolve
from fairtrial.core import BadInput, IntegrityError, Interrupted, ModelError, PromptSet, Report, from_json, to_json
from fairtrial.core.canonical import to_plain
from fairtrial.lab.people import ask_people
from fairtrial.lab.votes import vote_columns
from fairtrial.models import open_provider
from fairtrial.provenance import PublicKey, SigningKey, Verdict, sign_directory, verify
from fairtrial.runs import Plan, Progress, Silent, Trial, plan_trial, read_trial, run_trial, summarise
from fairtrial.runs.lanes import Outcome
from fairtrial.runs.people import Heard
from fairtrial.runs.trial import ModelSettings
from fairtrial.store import LabDirectory, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a finished run gives back."""

    report: Report
    directory: Path
    """Where report.html, report.json, the evidence and the signed statement lie."""
    bought: int
    """Calls bought now; 0 when everything was already recorded."""


class Lab:
    """A lab's directory and everything it can do.

    Args:
        directory: An existing lab; see `Lab.create` and `Lab.open`.
    """

    def __init__(self, directory: LabDirectory) -> None:
        self.directory = directory
        self.path = directory.path

    @classmethod
    def create(cls, path: Path | str) -> "Lab":
        """Make a lab, with its database and signing key; on a lab that is there already, only what is missing.

        Raises:
            BadInput: A directory with other things in it, or one that cannot be written.
        """
        directory = LabDirectory(Path(path))
        directory.create()
        Store.create(directory.database).close()
        lab = cls(directory)
        if not lab._key_path.exists():
            SigningKey.create(lab._key_path)
        return lab

    @classmethod
    def open(cls, path: Path | str) -> "Lab":
        """Open a lab.

        Raises:
            BadInput: There is no lab, with the command that makes one.
        """
        directory = LabDirectory(Path(path))
        directory.check()
        return cls(directory)

    @property
    def _key_path(self) -> Path:
        return self.directory.keys / "lab.pem"

    @property
    def public_key(self) -> PublicKey:
        """The lab's own verification key."""
        return SigningKey.load(self._key_path).public

    @staticmethod
    def plan(trial: Trial | Path, *, base: Path | None = None) -> Plan:
        """What a trial would do: its prompts found, selected and checked. Nothing is sent."""
        where = str(trial) if isinstance(trial, Path) else trial.name
        if isinstance(trial, Path):
            base = base or trial.parent
            trial = read_trial(trial)
        prompts = resolve(trial.prompts, base or Path.cwd(), trial.fields)
        if trial.examples:
            shown = resolve(trial.examples, base or Path.cwd(), trial.fields)
            prompts = PromptSet(name=prompts.name, prompts=prompts.prompts, examples=shown.examples or shown.prompts)
        return plan_trial(trial, prompts, where=where)

    @staticmethod
    def check_model(entry: ModelSettings) -> None:
        """Look whether a model's name and settings make sense, without reaching it.

        Raises:
            BadInput: They do not, or an embedded model is not pulled.
        """
        _ = open_provider(entry.model, entry.provider_settings()).identity

    def run(
        self,
        plan: Plan,
        *,
        progress: Progress | None = None,
        text: bool = True,
        accept_failures: bool = False,
    ) -> RunResult:
        """Do whatever of a plan is not done yet, then write and sign its report.

        Battles for people are published in the arena, and their votes taken as far as they are there; a report with
        battles that wait says so, and the same call goes on when people have voted.

        Args:
            plan: From `plan`.
            progress: Told how it goes.
            text: Put item text into the report; without it, only ids, scores, votes and aggregates.
            accept_failures: Record answers that could not be had as failed, and report.

        Raises:
            Interrupted: By Ctrl-C; the same call goes on.
            ModelError: Some answers could not be had.
            IntegrityError: The rating task in which battles wait for people is gone or damaged.
        """
        progress = progress or Silent()
        created = _now()
        with self.directory.lock():
            store = Store.open(self.directory.database)
            try:
                outcome = asyncio.run(_interruptible(plan, store, progress, created, accept_failures))
                if outcome.failed:
                    what = "votes" if accept_failures else f"of {plan.answers} answers, or votes on them,"
                    raise ModelError(
                        f"{outcome.failed} {what} could not be had; the last failure: {outcome.last_failure}",
                        kind="unreachable",
                        passing=True,
                        next_step="Give the same command again, or add --accept-failures to report them as failed.",
                    )
                people = ask_people(plan, store, outcome.trial_id, outcome.contestants)
                record = store.trial(outcome.trial_id)
                first = record.created if record else created  # the same evidence gives the same report, whenever
                directory, report = self._write_report(plan, store, outcome, first, people, text=text)
            finally:
                store.close()
        return RunResult(report=report, directory=directory, bought=outcome.gate.bought)

    def _write_report(
        self, plan: Plan, store: Store, outcome: Outcome, created: str, people: Sequence[Heard], *, text: bool
    ) -> tuple[Path, Report]:
        # A report without item text lies apart, so that the full one is never published in its place.
        suffix = "" if text else "-no-text"
        final = self.directory.reports / f"{_slug(plan.trial.name)}-{outcome.trial_id[7:15]}{suffix}"
        fresh = final.with_name(f".{final.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        report = summarise(
            plan, outcome.contestants, store, outcome.trial_id, fresh, created=created, text=text, people=people
        )
        report = replace(report, software=report.software | {"fairtrial": fairtrial.__version__})
        (fresh / "report.json").write_bytes(_pretty(report))
        self._finish(fresh, report, text=text)
        shutil.rmtree(final, ignore_errors=True)
        fresh.rename(final)
        return final, report

    def _finish(self, directory: Path, report: Report, *, text: bool) -> None:
        from fairtrial.reports import charts, write_html

        drawn = directory / "charts"
        drawn.mkdir(exist_ok=True)
        for name, svg in charts(report).items():
            (drawn / f"{name}.svg").write_text(svg, encoding="utf-8")
        write_html(directory, text=text)
        sign_directory(directory, SigningKey.load(self._key_path), _predicate(report))

    def reports(self) -> list[Path]:
        """The lab's report directories, latest first."""
        found = [p.parent for p in self.directory.reports.glob("*/report.json") if not p.parent.name.startswith(".")]
        return sorted(found, key=lambda p: (p / "report.json").stat().st_mtime, reverse=True)

    def report(self, name: str | None = None) -> tuple[Path, Report]:
        """A report of this lab by (the beginning of) its directory's name; the latest one without a name.

        Raises:
            BadInput: There is none of that name.
        """
        name = Path(name).name if name else None  # a path from `report --list` will do
        found = [p for p in self.reports() if name is None or p.name.startswith(name)]
        if not found:
            known = ", ".join(p.name for p in self.reports()[:8])
            raise BadInput(
                f"this lab has no report{f' named {name!r}' if name else ''}.",
                where=str(self.path),
                next_step=f"There: {known}." if known else "Make one: fairtrial run TRIAL.toml",
            )
        return found[0], load_report(found[0])

    def votes(self, name: str | None = None) -> dict[str, list[Any]]:
        """The votes of a report as the columns of a battle file, for `ranking.rank`; see `lab.votes`.

        Args:
            name: As for `report`.

        Raises:
            BadInput: No such report.
            NoConclusion: It has no votes.
            IntegrityError: Its evidence is damaged.
        """
        directory, report = self.report(name)
        return vote_columns(directory, report)

    def rewrite(self, name: str | None = None) -> Path:
        """Render a report's pictures and page anew from its evidence, and sign it again.

        Raises:
            IntegrityError: The evidence is not what this lab signed; a new signature would vouch for the change.
        """
        directory, report = self.report(name)
        with self.directory.lock():
            self._vouch(directory)
            self._finish(directory, report, text=(directory / "prompts.jsonl").read_text().find('"turns"') >= 0)
        return directory

    def _vouch(self, directory: Path) -> None:
        found = self.verify(directory)
        drawn = ("report.html", "charts/")  # what is drawn anew may have changed
        problems = [problem for problem in found.problems if not problem.startswith(drawn)]
        if problems or self.public_key.keyid not in found.signers:
            raise IntegrityError(
                f"this report is not what this lab signed: {problems[0] if problems else 'it has no signature of it.'}",
                where=str(directory),
                next_step="Give the run command again: the report is made anew from what is recorded, at no cost.",
            )

    def verify(self, path: Path, *, trusted: Sequence[PublicKey] = ()) -> Verdict:
        """Check a report against this lab's key and further trusted keys."""
        return verify(path, trusted=[self.public_key, *trusted])


def load_report(directory: Path) -> Report:
    """The report.json of a report directory."""
    return from_json((directory / "report.json").read_bytes(), Report)


def _predicate(report: Report) -> dict[str, Any]:
    plain = to_plain(report)
    kept = ("name", "created", "software", "evidence", "trial")
    return {key: plain[key] for key in kept} | {
        "contestants": [{"name": c["name"], "id": c["id"]} for c in plain["contestants"]],
        "boards": [
            {"evidence": b["evidence"], "scope": b["scope"], "snapshot": b["snapshot"]} for b in plain["boards"]
        ],
    }


async def _interruptible(plan: Plan, store: Store, progress: Progress, created: str, accept_failures: bool) -> Outcome:
    """Run with Ctrl-C meaning: begin nothing new, finish what is in flight; a second one cancels that too."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = loop.create_task(
        run_trial(plan, store, progress, created=created, stop=stop, accept_failures=accept_failures)
    )

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            loop.call_soon_threadsafe(task.cancel)
            return
        loop.call_soon_threadsafe(begin_stopping)

    def begin_stopping() -> None:  # in the loop: a signal may come in the middle of another line's output
        if not stop.is_set():
            stop.set()
            progress.say("Stopping: finishing the calls in flight. Press Ctrl-C again to leave them.")

    with _handling(on_signal):
        try:
            return await task
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
            raise Interrupted(
                "stopped, and the calls in flight were left.",
                next_step="The same command goes on from here; nothing recorded is bought twice.",
            ) from None


@contextmanager
def _handling(handler: Any) -> Iterator[None]:
    try:
        before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever runs us there has its own way to stop
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name.strip().lower()).strip("-.") or "trial"


def _pretty(report: Report) -> bytes:
    import msgspec

    return msgspec.json.format(to_json(report), indent=1) + b"\n"
