"""From the words of a trial file (``embedded/smollm2-135m``) to a provider. Read `open_provider` first."""

from collections.abc import Mapping

from fairtrial.core import BadInput, Provider, nearest
from fairtrial.core.plugins import available, load


def open_provider(model: str, settings: Mapping[str, object]) -> Provider:
    """The provider for ``<provider>/<model id>`` with its settings (base_url, api_key_env, mode …), not yet opened.

    Raises:
        BadInput: The name has no provider part, or no plugin of that name is installed.
    """
    provider, _, name = model.partition("/")
    table = available("fairtrial.models")
    if not name or provider not in table:
        known = ", ".join(f"{p}/…" for p in sorted(table))
        hint = "" if provider in table else nearest(provider, table)
        raise BadInput(
            f"model '{model}' names no known provider.", next_step=f"Write it as one of: {known}. {hint}".strip()
        )
    factory = load("fairtrial.models", provider)
    built: Provider = factory.from_settings(name, settings)
    return built
