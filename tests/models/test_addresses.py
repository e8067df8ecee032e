"""Addresses: what an endpoint may be, however it is spelt and wherever its name leads."""

import ipaddress
import socket

import pytest
from endpoint_server import EndpointServer, serving
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.core import BadInput
from fairtrial.models._addresses import (
    AddressPolicy,
    AddressRefused,
    GuardedResolver,
    check_url,
    guarded_socket,
    reach_of,
)
from fairtrial.models.openai import OpenAIProvider

OWNER, PRIVATE, WEB = {}, {"allow_private": True}, {"untrusted": True}


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("http://localhost:11434/v1", "http://localhost:11434/v1"),
        ("HTTP://LocalHost:11434/v1/", "http://localhost:11434/v1"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://[0:0:0:0:0:0:0:1]/v1", "http://[::1]/v1"),
        ("https://models.example.org", "https://models.example.org"),
        ("https://models.example.org./openai/v1//", "https://models.example.org/openai/v1"),
        ("https://203-0-113-9.example.org/v1", "https://203-0-113-9.example.org/v1"),
        ("https://모델.example/v1", "https://xn--bo1b89k.example/v1"),
        ("http://model_server:8000/v1", "http://model_server:8000/v1"),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1"),
    ],
)
def test_owners_may_name_public_hosts_and_this_machine(url: str, checked: str) -> None:
    assert check_url(url) == checked


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:11434/v1",
        "ftp://example.org/v1",
        "file:///etc/passwd",
        "gopher://example.org",
        "http:///v1",
        "http://",
        "http://exa mple.org/v1",
        "http://example.org:port/v1",
        "http://example.org:99999/v1",
        "http://example.org/v1?key=SECRETKEY12345678",
        "http://example.org/v1#SECRETKEY12345678",
        "http://example.org/v1?",
        "http://example.org/../admin",
        "http://example.org/v1\\@evil.example",
        "http://example.org\\@evil.example/",
        "http://example.org%2eevil.example/v1",
        "http://-example.org/v1",
        "http://exa..mple.org/v1",
        "http://[::1/v1",
        "http://[nonsense]/v1",
        "http://[fe80::1%25eth0]/v1",
        "http://user:SECRETKEY12345678@example.org/v1",
        "http://SECRETKEY12345678@example.org/v1",
        "http://example.org:80@evil.example/v1",
    ],
)
@pytest.mark.parametrize("who", [OWNER, PRIVATE, WEB])
def test_what_is_no_plain_base_url_is_refused_and_no_secret_repeated(url: str, who: dict[str, bool]) -> None:
    with pytest.raises(BadInput) as raised:
        check_url(url, **who)
    assert "SECRETKEY" not in str(raised.value)
    assert raised.value.next_step


NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "[::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[fd00:42::42]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::808:808]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "metadata.google.internal",
    "METADATA.google.internal.",
    "instance-data",
    "metadata",
]


@pytest.mark.parametrize("host", NEVER)
@pytest.mark.parametrize("who", [OWNER, PRIVATE, WEB, PRIVATE | WEB])
def test_metadata_link_local_and_embedded_addresses_are_never_reached(host: str, who: dict[str, bool]) -> None:
    with pytest.raises(BadInput):
        check_url(f"http://{host}/v1", **who)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "2852039166",
        "0xA9FEA9FE",
        "169.254.43518",
        "0251.0376.0251.0376",
        "256.256.256.256",
        "1.2.3.4.5",
        "example.0x1",
        "①②⑦.0.0.1",
        "１６９.254.169.254",
        "169。254。169。254",
    ],
)
def test_unusual_spellings_of_ipv4_reach_nothing_that_plain_ones_do_not(host: str) -> None:
    try:
        checked = check_url(f"http://{host}/v1")
    except BadInput:
        return
    assert checked == "http://127.0.0.1/v1"  # what is normalised is normalised before it is judged and used


@pytest.mark.parametrize(
    "host", ["10.0.0.5", "172.16.1.1", "192.168.1.20", "100.64.0.1", "198.18.0.1", "[fc00::1]", "[fd12::1]"]
)
def test_private_hosts_need_to_be_meant(host: str) -> None:
    with pytest.raises(BadInput, match="private address") as raised:
        check_url(f"http://{host}/v1")
    assert "allow_private = true" in raised.value.next_step
    assert check_url(f"http://{host}/v1", allow_private=True) == f"http://{host}/v1"
    with pytest.raises(BadInput):
        check_url(f"http://{host}/v1", allow_private=True, untrusted=True)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_addresses_entered_by_others_do_not_reach_this_machine(host: str) -> None:
    with pytest.raises(BadInput, match="this machine"):
        check_url(f"http://{host}/v1", untrusted=True)
    assert check_url("https://8.8.8.8/v1", untrusted=True)


@given(st.ip_addresses())
def test_no_policy_allows_more_than_a_laxer_one(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    reach = reach_of(address)
    web, owner, private = (AddressPolicy(**who).allows(reach) for who in (WEB, OWNER, PRIVATE))
    assert web <= owner <= private
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        assert not private
    if not address.is_global:
        assert not web or address in ipaddress.ip_network("64:ff9b::/96")


def test_the_last_gate_looks_at_the_address_a_socket_connects_to() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))
    guarded_socket(AddressPolicy(), info).close()
    with pytest.raises(AddressRefused, match="this machine"):
        guarded_socket(AddressPolicy(untrusted=True), info)
    with pytest.raises(AddressRefused):
        guarded_socket(AddressPolicy(allow_private=True), (*info[:4], ("169.254.169.254", 80)))


async def test_a_name_that_leads_to_a_refused_address_is_refused() -> None:
    found = await GuardedResolver(AddressPolicy()).resolve("localhost", 80)
    assert {r["host"] for r in found} <= {"127.0.0.1", "::1"}
    with pytest.raises(AddressRefused, match="this machine"):
        await GuardedResolver(AddressPolicy(untrusted=True)).resolve("localhost", 80)


@pytest.fixture
def rebinding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that gives a harmless-looking name the address of this machine."""
    genuine = socket.getaddrinfo

    def lookup(host: str, *rest: object, **more: object) -> object:
        return genuine("127.0.0.1" if host == "models.example.org" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_networks_without_ipv4_reach_public_addresses_through_their_prefix_and_no_others() -> None:
    assert reach_of(ipaddress.ip_address("64:ff9b::8.8.8.8")) == "public"
    for inner in ("10.0.0.1", "127.0.0.1", "169.254.169.254"):
        assert reach_of(ipaddress.ip_address(f"64:ff9b::{inner}")) == "never"


async def test_a_name_is_refused_when_one_of_its_addresses_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(EndpointServer()) as server:
        genuine = socket.getaddrinfo
        port = int(server.url.split(":")[2].split("/")[0])

        def lookup(host: str, *rest: object, **more: object) -> object:
            if host != "models.example.org":
                return genuine(host, *rest, **more)
            both = ("127.0.0.1", "169.254.169.254")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in both]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        provider = OpenAIProvider("small", base_url=server.url.replace("127.0.0.1", "models.example.org"))
        with pytest.raises(BadInput, match=r"it leads to 169\.254\.169\.254, a link-local, metadata"):
            await provider.open()
        assert server.seen == []


@pytest.mark.usefixtures("rebinding")
async def test_a_public_name_that_leads_inside_is_not_connected_to() -> None:
    async with serving(EndpointServer()) as server:
        url = server.url.replace("127.0.0.1", "models.example.org")
        provider = OpenAIProvider("small", base_url=url, untrusted=True)
        with pytest.raises(BadInput, match=r"it leads to 127\.0\.0\.1, an address of this machine"):
            await provider.open()
        assert server.seen == []
        owner = OpenAIProvider("small", base_url=url)
        await owner.open()
        await owner.close()
        assert len(server.seen) == 1
