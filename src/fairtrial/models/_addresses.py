"""Which addresses an endpoint may have. Read `check_url` first, then `AddressPolicy`.

A URL is checked as text before anything is sent, every address a name resolves to is checked before it is used, and
the address a socket is about to connect to is checked once more, so that no later answer of the name server and no
spelling of an address gets around the rules.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from fairtrial.core import BadInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Reach = Literal["public", "private", "loopback", "never"]

NEVER = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",  # "this host": some systems connect it to loopback
        "169.254.0.0/16",  # link-local; metadata services of most clouds
        "100.100.100.200/32",  # metadata service inside the shared range
        "192.0.0.192/32",  # metadata service inside the protocol range
        "168.63.129.16/32",  # a cloud's host agent, publicly numbered
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, withdrawn
        "ff00::/8",  # multicast
        "fd00:ec2::/32",  # metadata services on IPv6
        "fd20:ce::/64",
        "fd00:42::42/128",
    )
)
EMBEDS_IPV4 = tuple(
    ipaddress.ip_network(block)
    for block in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*")
ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)$")
PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")

WORDS: dict[Reach, str] = {
    "never": "a link-local, metadata or otherwise unusable address",
    "private": "a private address",
    "loopback": "an address of this machine",
    "public": "a public address",
}


def reach_of(address: Address) -> Reach:
    """How far an address reaches: the public network, a private one, this machine, or nowhere it may."""
    if isinstance(address, ipaddress.IPv6Address) and address in NAT64:
        # Networks without IPv4 reach all of it through this prefix; only what is public may hide behind it.
        inner = ipaddress.IPv4Address(address.packed[-4:])
        return "public" if reach_of(inner) == "public" else "never"
    if address.is_loopback:
        return "loopback"
    if any(address in block for block in (*NEVER, *EMBEDS_IPV4)):
        return "never"
    return "public" if address.is_global else "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """Who entered the address, and what it may therefore reach. Metadata and link-local addresses: never."""

    allow_private: bool = False
    """The owner's own file says that private hosts are meant."""
    untrusted: bool = False
    """Entered by someone else, for example on the web: only public addresses, whatever `allow_private` says."""

    def allows(self, reach: Reach) -> bool:
        """Whether an address of this reach may be connected to."""
        if reach == "public" or self.untrusted:
            return reach == "public"
        return reach == "loopback" or (reach == "private" and self.allow_private)

    def check(self, address: str) -> None:
        """Check an address as a name server or a socket writes it.

        Raises:
            AddressRefused: The policy does not allow it.
        """
        reach = reach_of(ipaddress.ip_address(address))
        if not self.allows(reach):
            raise AddressRefused(address, reach, self.next_step(reach))

    def next_step(self, reach: Reach) -> str:
        """What to do when an address of this reach was refused."""
        if self.untrusted:
            return "Only public addresses may be entered here."
        if reach == "private":
            return "Set allow_private = true beside base_url if it is a host of your own network."
        return "Name another host in base_url."


class AddressRefused(OSError):
    """A name led to an address that the policy does not allow. An `OSError`, so that it passes through connectors."""

    def __init__(self, address: str, reach: Reach, next_step: str) -> None:
        super().__init__(f"it leads to {address}, {WORDS[reach]}")
        self.address = address
        self.reach = reach
        self.next_step = next_step


def check_url(url: str, *, allow_private: bool = False, untrusted: bool = False) -> str:
    """The base URL in one spelling (lower-case host, no final slash), if its text breaks no rule.

    No name is looked up here: what a name leads to is checked when it is connected to.

    Args:
        url: ``http://`` or ``https://``, a host, perhaps a port and a path.
        allow_private: Private hosts are meant.
        untrusted: The address was entered by someone else than the owner: loopback and private hosts are refused.

    Raises:
        BadInput: Another scheme, user name or key inside the URL, query or fragment, an address in an unusual
            spelling, or one that the policy does not allow. The message never repeats what may be a secret.
    """
    policy = AddressPolicy(allow_private=allow_private, untrusted=untrusted)
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").removesuffix(".")
    except ValueError:
        raise _bad("base_url is not a web address.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise _bad("base_url does not start with http:// or https:// and a host name.")
    if "@" in parts.netloc:
        raise BadInput(
            f"base_url for {host} contains a user name or a key.",
            next_step="Put the key into an environment variable and name it with api_key_env.",
        )
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise _bad(f"base_url for {host} contains a query or a fragment.")
    if not PATH.fullmatch(parts.path) or ".." in parts.path.split("/"):
        raise _bad(f"base_url for {host} contains characters that do not belong in a path.")
    place = _check_host(host, policy)
    return f"{parts.scheme}://{place}{f':{port}' if port is not None else ''}{parts.path.rstrip('/')}"


def _bad(message: str) -> BadInput:
    return BadInput(message, next_step="Write it like http://localhost:11434/v1")


def _check_host(host: str, policy: AddressPolicy) -> str:
    """The host as it belongs in a URL."""
    literal, place = _literal(host)
    if literal is not None:
        reach = reach_of(literal)
        if isinstance(literal, ipaddress.IPv6Address) and literal in NAT64:
            reach = "never"
    else:
        place = _host_name(host)
        reach = "never" if place in METADATA_NAMES else "public"
        if place == "localhost" or place.endswith(".localhost"):
            reach = "loopback"
    if not policy.allows(reach):
        raise BadInput(f"base_url names {place}, {WORDS[reach]}.", next_step=policy.next_step(reach))
    return place


def _literal(host: str) -> tuple[Address | None, str]:
    """The address that a host spells out, if it is one, and its one accepted spelling."""
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise _bad("base_url contains an address that is not IPv6.") from None
        if address.scope_id is not None:
            raise _bad("base_url contains an address with a zone.")
        return address, f"[{address.compressed}]"
    try:
        name = host.encode("idna").decode().lower()  # full-width digits become plain ones here
    except UnicodeError:
        raise _bad("base_url contains a host name that cannot be written in ASCII.") from None
    if not ENDS_IN_NUMBER.search(name):
        return None, host
    try:
        return ipaddress.IPv4Address(name), name
    except ValueError:
        raise _bad("base_url spells an IPv4 address in another way than four plain decimal numbers.") from None


def _host_name(host: str) -> str:
    name = host.encode("idna").decode().lower()
    if not HOST_NAME.fullmatch(name) or len(name) > 253:
        raise _bad("base_url contains a host name with characters that do not belong there.")
    return name


class GuardedResolver(AbstractResolver):
    """Looks names up as usual and refuses a name when any of its addresses is refused."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`; the connector uses exactly these.

        Raises:
            AddressRefused: One of them is not allowed.
            OSError: The name has no address.
        """
        found = await self._inner.resolve(host, port, family)
        for result in found:
            self._policy.check(result["host"])
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()


def guarded_socket(policy: AddressPolicy, address_info: Sequence[Any]) -> socket.socket:
    """A socket for an entry of ``getaddrinfo``, if its address is allowed: the last gate before a connection.

    Raises:
        AddressRefused: It is not.
    """
    family, kind, protocol, _, place = address_info
    policy.check(place[0])
    return socket.socket(family=family, type=kind, proto=protocol)
