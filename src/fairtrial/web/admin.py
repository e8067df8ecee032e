"""The owner's pages: overview, contestants, pool, tokens, releases. Read `admin_entrance.needs` first.

Each action is one over the same registry, tokens and releases that commands and API use; it answers with a redirect to
a page that says what was done.
"""

import asyncio
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

import fairtrial
from fairtrial.arena import access, releases
from fairtrial.arena.clock import now
from fairtrial.arena.settings import check_settings
from fairtrial.contestants import STRATEGIES
from fairtrial.core import BadInput
from fairtrial.lab.serving import Opened
from fairtrial.provenance import SigningKey
from fairtrial.runs.trial import ContestantEntry
from fairtrial.store import history
from fairtrial.web.admin_entrance import (
    COOKIE,
    Action,
    Owner,
    Reader,
    admin_page,
    done,
    entrance_of,
    holder_of,
    login_page,
)
from fairtrial.web.failures import sentence, status_of
from fairtrial.web.voting import arena_of
from fairtrial.web.words import words_of

router = APIRouter(include_in_schema=False, route_class=Action)
Field = Annotated[str, Form()]
KEYS = "FAIRTRIAL_KEY_"
"""How the name of a variable must begin whose value may be sent to an address that was entered on the web."""
_TEXTS = ("name", "model", "base_url", "api_key_env", "strategy", "persona", "maker", "base_model", "licence", "pays")
_NUMBERS = ("temperature", "max_tokens")
_PROMPTS_SHOWN = 200
_MOST_DAYS = 3650


def opened_of(request: Request) -> Opened:
    """The lab and its arena."""
    found: Opened = request.app.state.opened
    return found


def key_of(request: Request) -> SigningKey:
    """The lab's signing key."""
    return SigningKey.load(opened_of(request).lab.directory.keys / "lab.pem")


# --- overview ---------------------------------------------------------------------------------------------------------


@router.get("/admin")
async def overview(request: Request) -> Response:
    """How the arena stands; for those who gave no token, where to give it."""
    if holder_of(request) is None:
        return login_page(request)
    arena = arena_of(request)
    with arena.store.reading() as connection:
        head = history.head(connection)
    return admin_page(
        request,
        "admin_overview",
        entrants=_entrants(request),
        running=arena.running,
        votes=arena.votes.on(now()[:10]),
        spent=arena.budget.today,
        limits=arena.settings.limits,
        head=head,
    )


# --- contestants ------------------------------------------------------------------------------------------------------


@router.get("/admin/contestants")
async def contestants(request: Request, _: Reader) -> Response:
    """All contestants, what became of them, and what can be done."""
    return _contestants(request)


@router.post("/admin/contestants/add")
async def add(request: Request, holder: Owner) -> Response:
    """Put a contestant on the record; what was typed is kept where something is wrong."""
    typed = {name: value.strip() for name, value in (await request.form()).items() if isinstance(value, str)}
    arena = arena_of(request)
    try:
        entry, untrusted = _entry(typed, arena.settings.allowed_endpoints)
        await arena.register(entry, by=holder.id, untrusted=untrusted)
    except BadInput as error:
        place = f"{error.where.removeprefix('form: ')}: " if error.where.startswith("form: ") else ""
        return _contestants(
            request, typed=typed, error=place + sentence(error, words_of(request)), status=status_of(error)
        )
    found = arena.registry.by_name(entry.name)
    trouble = found.trouble if found else ""
    return done(
        request, "/admin/contestants", "added_trouble" if trouble else "added", name=entry.name, trouble=trouble
    )


@router.post("/admin/contestants/stop")
async def stop(request: Request, holder: Owner, contestant: Field = "", reason: Field = "") -> Response:
    """Take a contestant out of every battle at once."""
    return await _change(request, contestant, "stopped", reason, holder.id)


@router.post("/admin/contestants/resume")
async def resume(request: Request, holder: Owner, contestant: Field = "", reason: Field = "") -> Response:
    """Take a stopped contestant back in."""
    return await _change(request, contestant, "resumed", reason, holder.id)


@router.post("/admin/contestants/retire")
async def retire(
    request: Request, holder: Owner, contestant: Field = "", reason: Field = "", sure: Field = ""
) -> Response:
    """Retire a contestant for good."""
    if sure != "yes":
        raise BadInput(words_of(request)("admin.not_sure"))
    return await _change(request, contestant, "retired", reason, holder.id)


async def _change(
    request: Request, contestant: str, event: Literal["stopped", "resumed", "retired"], reason: str, by: str
) -> Response:
    arena = arena_of(request)
    change = await arena.change(contestant, event, reason=reason, by=by)
    name = arena.registry.name(contestant)
    return done(
        request,
        "/admin/contestants",
        event,
        name=name,
        seconds=f"{change.details['seconds']:.3f}",
        battles=change.details["battles_ended"],
        entry=change.seq,
    )


def _contestants(
    request: Request, *, typed: dict[str, str] | None = None, error: str = "", status: int = 200
) -> Response:
    registry = arena_of(request).registry
    changes = registry.changes()
    return admin_page(
        request,
        "admin_contestants",
        status=status,
        error=error,
        entrants=_entrants(request),
        changes={
            name: [c for c in changes if c.details["contestant"] == name]
            for name in arena_of(request).registry.entrants
        },
        strategies=sorted(STRATEGIES),
        typed=typed or {},
        keys=KEYS,
    )


def _entrants(request: Request) -> list[Any]:
    """Those who can be drawn first, then by name."""
    found = arena_of(request).registry.entrants.values()
    states = ("active", "stopped", "retired")
    return sorted(found, key=lambda one: (states.index(one.state), one.contestant.name))


def _entry(typed: dict[str, str], allowed: tuple[str, ...]) -> tuple[ContestantEntry, bool]:
    """The contestant that a form describes, and whether its address is a stranger's word.

    Raises:
        BadInput: As for ``lab.toml``; or a key that is not meant to leave the lab.
    """
    table: dict[str, Any] = {name: typed[name] for name in _TEXTS if typed.get(name)}
    for name in _NUMBERS:
        if typed.get(name):
            table[name] = _number(name, typed[name])
    prices = [typed.get(name, "") for name in ("price_prompt", "price_completion")]
    if any(prices):
        table["price"] = [_number("price", one or "0") for one in prices]
    host = urlsplit(table.get("base_url", "")).netloc.rpartition("@")[2].lower()
    untrusted = host not in allowed and host.rpartition(":")[0] not in allowed
    if host and not untrusted:
        table["allow_private"] = True
    if not table.get("api_key_env", KEYS).startswith(KEYS):
        raise BadInput(
            f"a key that is named here must be in a variable whose name begins with {KEYS}.",
            where="form: api_key_env",
            next_step="Other keys of this machine cannot be sent to an address that was entered on a page.",
        )
    _, (entry,) = check_settings({"contestant": [table]}, where="form")
    return entry, untrusted


def _number(name: str, text: str) -> float | int | str:
    if text == "default":
        return text
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        raise BadInput(f"'{text:.40}' is no number.", where=f"form: {name}") from None


# --- pool -------------------------------------------------------------------------------------------------------------


@router.get("/admin/pool")
async def pool(request: Request, _: Reader) -> Response:
    """The prompts for voters who bring none."""
    prompts = arena_of(request).pool
    return admin_page(request, "admin_pool", pool=prompts, prompts=prompts.prompts[:_PROMPTS_SHOWN])


# --- tokens -----------------------------------------------------------------------------------------------------------


@router.get("/admin/tokens")
async def tokens(request: Request, _: Owner) -> Response:
    """Who may do more than look."""
    with arena_of(request).store.reading() as connection:
        found = access.every(connection)
    return admin_page(request, "admin_tokens", tokens=found, now=now(), roles=(*access.ROLES, "vote"))


@router.post("/admin/tokens/make")
async def make_token(request: Request, holder: Owner, name: Field = "", role: Field = "", days: Field = "") -> Response:
    """Make a token; the next page shows it once."""
    kept = int(days) if days.isdecimal() else 365
    if not 1 <= kept <= _MOST_DAYS:
        raise BadInput(f"a token is in force for 1 to {_MOST_DAYS} days.", where="days")
    secret, token = await arena_of(request).access.change(
        lambda c: access.grant(c, name, {role}, by=holder.id, days=kept)
    )
    return done(request, "/admin/tokens", "token_made", shown_once=(secret,), name=token.name)


@router.post("/admin/tokens/revoke")
async def revoke_token(request: Request, holder: Owner, token: Field = "") -> Response:
    """Put a token out of force."""
    gone = await arena_of(request).access.change(lambda c: access.revoke(c, token, by=holder.id))
    return done(request, "/admin/tokens", "token_revoked", name=gone.name)


@router.post("/admin/tokens/rotate")
async def rotate_token(request: Request, holder: Owner, token: Field = "") -> Response:
    """Replace a token; a session that was begun with it goes on with the new one."""
    secret, fresh = await arena_of(request).access.change(lambda c: access.rotate(c, token, by=holder.id))
    session = entrance_of(request).find(request.cookies.get(COOKIE))
    if session is not None and session.token == token:
        session.token = fresh.id
    return done(request, "/admin/tokens", "token_rotated", shown_once=(secret,), name=fresh.name)


# --- releases ---------------------------------------------------------------------------------------------------------


@router.get("/admin/releases")
async def release_list(request: Request, _: Reader) -> Response:
    """What was published, and whether today is a day for it."""
    found = (await asyncio.to_thread(releases.listed, opened_of(request).lab.directory.reports))[0]
    return admin_page(
        request,
        "admin_releases",
        releases=found,
        looks=[look.isoformat() for look in arena_of(request).settings.looks],
        today=now()[:10],
    )


@router.post("/admin/releases/publish")
async def publish(request: Request, _: Owner) -> Response:
    """Make a release of the arena's votes now."""
    arena, directory = arena_of(request), opened_of(request).lab.directory
    made = await asyncio.to_thread(
        releases.publish,
        arena.store,
        directory.reports,
        key_of(request),
        arena.settings,
        version=fairtrial.__version__,
    )
    return done(request, "/admin/releases", "published", release=made.id, votes=made.manifest["rows"])
