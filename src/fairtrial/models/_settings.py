"""The settings of an endpoint in a trial file, checked one by one. Read `options_from` first."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from fairtrial.core import BadInput, nearest
from fairtrial.models._retry import Retries
from fairtrial.models._secret import key_from_environment


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _places(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096 else None


def _tries(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100 else None


def _amount(value: object) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if good else None  # type: ignore[arg-type]


def _seconds(value: object) -> float | None:
    return _amount(value) or None


def _price(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    prompt, completion = map(_amount, value)
    return None if prompt is None or completion is None else (prompt, completion)


SETTINGS: dict[str, tuple[Callable[[object], Any], str]] = {
    "base_url": (_text, "an address such as http://localhost:11434/v1"),
    "api_key_env": (_text, "the name of an environment variable"),
    "allow_private": (_flag, "true or false"),
    "connections": (_places, "a whole number from 1 to 4096"),
    "price": (_price, "two numbers: US dollars per million prompt tokens and per million completion tokens"),
    "timeout": (_seconds, "a number of seconds above 0"),
    "retries": (_tries, "a whole number from 0 to 100"),
    "chat": (_flag, "true or false"),
    "complete": (_flag, "true or false"),
    "logprobs": (_flag, "true or false"),
    "check_model": (_flag, "true or false"),
    "untrusted": (_flag, "true or false"),
}


def options_from(model: str, settings: Mapping[str, object]) -> dict[str, Any]:
    """Keyword arguments of `OpenAIProvider` from a trial file's settings; None counts as not given.

    Raises:
        BadInput: An unknown setting, a value of the wrong kind, a missing base URL, a key in the file, or an
            environment variable that is not set. No value is repeated: it might be a key.
    """
    where = f"openai/{model}"
    options: dict[str, Any] = {}
    for name, value in settings.items():
        if value is None:
            continue
        if name in {"api_key", "key", "token"}:
            raise BadInput(
                f"{name} puts a key into a file.",
                where=where,
                next_step='Put it into an environment variable and name that: api_key_env = "MY_API_KEY"',
            )
        if name not in SETTINGS:
            raise BadInput(f"unknown setting '{name}'.", where=where, next_step=nearest(name, SETTINGS))
        read, wanted = SETTINGS[name]
        options[name] = read(value)
        if options[name] is None:
            raise BadInput(f"{name} must be {wanted}.", where=where)
    if "base_url" not in options:
        raise BadInput(
            "base_url is missing.", where=where, next_step='Add, for example: base_url = "http://localhost:11434/v1"'
        )
    if "api_key_env" in options:
        options["api_key"] = key_from_environment(options["api_key_env"]).reveal()
    if "timeout" in options:
        options["timeout_s"] = options.pop("timeout")
    if "retries" in options:
        options["retries"] = Retries(most=options["retries"])
    return options
