"""What stands before every page: hosts, cross-site forms, sizes, rates, headers, cookies."""

import asyncio
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairtrial.web.security import HEADERS, Bucket, Guard


async def ask(site, method, path, **more):
    async with site.client.request(method, site.address + path, allow_redirects=False, **more) as answer:
        return answer, await answer.text()


@pytest.mark.parametrize(
    "path", ["/", "/static/arena.css", "/api/v1/log", "/nothing", "/api/v1/nothing", "/battles/x/events"]
)
async def test_every_answer_carries_the_headers(site, path):
    answer, _ = await ask(site, "GET", path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1.", 200),
        ("[::1]:8080", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("evil.example:80", 400),
        ("", 400),
    ],
)
async def test_hosts(site, host, status):
    answer, _ = await ask(site, "GET", "/about", headers={"Host": host})
    assert answer.status == status


async def test_a_host_that_the_owner_named(serve):
    site = await serve(hosts=["arena.example.org"])
    assert (await ask(site, "GET", "/about", headers={"Host": "arena.example.org"}))[0].status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x", "Cookie": "rater=1"}, 403),
    ],
)
async def test_forms_of_other_sites(site, headers, status):
    answer, _ = await ask(site, "POST", "/settings", data={"lang": "ko"}, headers=headers)
    assert answer.status == status


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1"])
async def test_no_form_leads_elsewhere(site, back):
    for path, data in (("/settings", {"back": back}), ("/consent", {"agree": "yes", "next": back})):
        answer, _ = await ask(site, "POST", path, data=data)
        assert (answer.status, answer.headers["Location"]) == (303, "/")


async def test_a_prompt_of_one_megabyte_is_told_plainly(site):
    answer, _ = await ask(site, "POST", "/consent", data={"agree": "yes"})
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    sent = {size: io.BytesIO(b"prompt=" + b"x" * size) for size in (900_000, 1_100_000)}
    answer, text = await ask(site, "POST", "/battles", data=sent[900_000], headers=headers)
    assert (answer.status, "Your message has 900000 characters; at most 32000 are allowed." in text) == (413, True)
    answer, text = await ask(site, "POST", "/battles", data=sent[1_100_000], headers=headers)
    assert (answer.status, text) == (413, "That is more than this page takes.")

    async def endless():
        for _ in range(40):
            yield b"x" * 65_536

    answer, _ = await ask(site, "POST", "/battles", data=endless(), headers=headers)
    assert answer.status == 413


@pytest.mark.parametrize(
    "cookie", ["rater=", "rater=%00%ff", "rater=" + "x" * 7000, "rater;;;=", "lang=\u00e9; theme=7"]
)
async def test_a_broken_cookie_is_no_cookie(site, cookie):
    answer, text = await ask(site, "GET", "/", headers={"Cookie": cookie})
    assert (answer.status, "Before you begin" in text) == (200, True)


async def test_the_cookie_of_a_voter(serve):
    site = await serve(proxies=["127.0.0.1"], hosts=["arena.example.org"])
    for headers, secure in (({}, False), ({"X-Forwarded-Proto": "https", "Host": "arena.example.org"}, True)):
        answer, _ = await ask(site, "POST", "/consent", data={"agree": "yes"}, headers=headers)
        made = answer.headers["Set-Cookie"]
        assert "HttpOnly" in made
        assert "SameSite=lax" in made
        assert ("Secure" in made) is secure
        assert ("Strict-Transport-Security" in answer.headers) is secure


async def test_too_many_requests_say_when_to_come_again(serve):
    site = await serve(limits={"requests_per_second": 5})
    statuses = [(await ask(site, "GET", "/about"))[0] for _ in range(30)]
    late = [answer for answer in statuses if answer.status == 429]
    assert late
    assert int(late[0].headers["Retry-After"]) >= 1
    assert (await ask(site, "GET", "/static/arena.css"))[0].status == 200


def test_a_bucket_fills_again_and_forgets():
    moment = 0.0
    bucket = Bucket(rate=2, most=3, clock=lambda: moment, remembered=10)
    assert [bucket.wait("a") for _ in range(4)] == [0, 0, 0, 1]
    moment = 0.5
    assert [bucket.wait("a") for _ in range(2)] == [0, 1]
    for n in range(1000):
        bucket.wait(f"other {n}")
    assert len(bucket._left) <= 10


async def test_a_full_disk_or_a_defect_is_told_without_its_inside(site, monkeypatch):
    async def fails(*_args, **_more):
        raise RuntimeError("secret /path/of/this")

    monkeypatch.setattr(type(site.arena), "enrol", fails)
    answer, text = await ask(site, "POST", "/consent", data={"agree": "yes"})
    assert answer.status == 500
    assert "secret" not in text
    assert "nothing of yours was lost" in text
    await asyncio.sleep(0)


@pytest.mark.parametrize("back", ["evil.example", "@evil.example", " //evil.example", ""])
async def test_what_is_no_path_leads_to_the_start(site, back):
    answer, _ = await ask(site, "POST", "/settings", data={"back": back})
    assert (answer.status, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "back", ["/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: x=1", "/ /evil", "/%5cevil.example"]
)
async def test_no_path_is_read_as_another_host_or_header(site, back):
    answer, _ = await ask(site, "POST", "/settings", data={"back": back, "lang": "ko"})
    where = answer.headers["Location"]
    assert answer.status == 303
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))
    assert where.isprintable()
    assert [cookie.partition("=")[0] for cookie in answer.headers.getall("Set-Cookie")] == ["lang"]


async def raw(site, request: bytes) -> int:
    """Bytes to the server, and its status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.address.rsplit(":", 1)[1]))
    writer.write(request)
    await writer.drain()
    writer.write_eof()
    said = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return int(said.split()[1])


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("GET / HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.0\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost@evil.example\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n", 400),
        ("POST /settings HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n", 400),
        ("POST /settings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x9\r\n", 400),
    ],
)
async def test_what_a_browser_would_never_send(site, sent, status):
    assert await raw(site, (sent + "Connection: close\r\n\r\n").encode()) == status


async def test_redirects_refusals_and_defects_carry_the_headers_too(serve, monkeypatch):
    site = await serve(limits={"requests_per_second": 3})
    seen = {}

    async def look(name, *asked, **more):
        answer, _ = await ask(site, *asked, **more)
        seen[name] = (answer.status, {one: answer.headers.get(one) for one in HEADERS})
        assert answer.headers["Cache-Control"] == "no-store", name

    await look("redirect", "POST", "/settings", data={"lang": "ko"})
    await look("host", "GET", "/", headers={"Host": "evil.example"})
    await look("site", "POST", "/settings", headers={"Origin": "null"})
    await look("method", "PUT", "/settings")
    await look("large", "POST", "/settings", data=io.BytesIO(b"x" * 1_100_000))

    async def fails(*_args, **_more):
        raise RuntimeError

    monkeypatch.setattr(type(site.arena), "enrol", fails)
    await look("defect", "POST", "/consent", data={"agree": "yes"})

    def breaks(*_args, **_more):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(type(site.arena.boards), "view", breaks)
        await look("defect told to a program", "GET", "/api/v1/board")
    for _ in range(30):
        await look("often", "GET", "/")
    assert {name: status for name, (status, _) in seen.items()} == {
        "redirect": 303, "host": 400, "site": 403, "method": 405, "large": 413, "defect": 500, "often": 429,
        "defect told to a program": 500,
    }  # fmt: skip
    assert {name: headers for name, (_, headers) in seen.items() if headers != HEADERS} == {}


def counting(proxies=()):
    """A guard that lets four requests of one address through; asked, it gives the address and scheme it believes."""
    let_through = []

    async def app(scope, receive, send):
        let_through.append((scope["client"][0], scope["scheme"]))

    guard = Guard(app, proxies=proxies, rate=1.0, clock=lambda: 0.0)

    async def asking(client, *headers):
        before = len(let_through)
        named = [(b"host", b"localhost"), *((name.encode(), value.encode()) for name, value in headers)]
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "scheme": "http"}

        async def send(message):
            pass

        async def receive():
            return {"type": "http.request", "body": b""}

        await guard(scope | {"client": (client, 1), "headers": named}, receive, send)
        return let_through[-1] if len(let_through) > before else None

    return asking


async def test_another_token_or_forwarded_address_with_each_request_is_still_one_address():
    asking = counting()
    for n in range(4):
        assert await asking("192.0.2.1", ("authorization", f"Bearer {n}"), ("x-forwarded-for", f"198.51.100.{n}"))
    assert await asking("192.0.2.1", ("authorization", "Bearer new"), ("x-forwarded-for", "198.51.100.9")) is None
    assert await asking("192.0.2.2")


async def test_the_addresses_of_one_network_are_one_visitor():
    asking = counting()
    for n in range(4):
        assert await asking(f"2001:db8:0:1::{n + 1:x}")
    assert await asking("2001:db8:0:1:ffff::1") is None
    assert await asking("2001:db8:0:2::1")


async def test_a_forwarded_address_is_believed_of_a_named_proxy_alone():
    asking = counting(proxies=("192.0.2.1", "192.0.2.2"))
    chain = ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 192.0.2.2")
    assert await asking("192.0.2.1", chain, ("x-forwarded-proto", "https")) == ("198.51.100.7", "https")
    assert await asking("192.0.2.9", chain, ("x-forwarded-proto", "https")) == ("192.0.2.9", "http")
    # What the visitor sent may stay a line of its own before the proxy's.
    split = (("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.8"))
    assert await asking("192.0.2.1", *split) == ("198.51.100.8", "http")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 5)), max_size=60))
def test_no_one_gets_more_than_the_rate(requests):
    now = 0.0
    bucket = Bucket(rate=2, most=4, clock=lambda: now, remembered=3)
    taken: dict[str, int] = {}
    for actor, pause in requests:
        now += pause
        wait = bucket.wait(actor)
        taken[actor] = taken.get(actor, 0) + (wait == 0)
        assert wait in (0, 1)
        assert len(bucket._left) <= 3
        if len(taken) <= 3:  # nobody was forgotten
            assert taken[actor] <= 4 + 2 * now + 1e-6


async def test_secrets_are_in_no_page_error_or_log(site, visit, caplog, monkeypatch):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("OPENAI_API_KEY", "canary-of-the-environment")
    visitor = await visit(site)
    owner = (await site.token("owner"))["Authorization"]
    said = []
    for headers in (
        {}, {"Authorization": owner}, {"Cookie": f"rater={visitor.rater}"}, {"Cookie": "rater=canary-cookie"},
        {"Authorization": "Bearer ft_canary"}, {"Cookie": "admin=canary-session; lang=canary-lang; theme=canary-theme"},
    ):  # fmt: skip
        for method, path in (
            ("GET", "/"), ("GET", "/history"), ("GET", "/admin"), ("GET", "/battles/x"), ("POST", "/battles/x/vote"),
            ("GET", "/api/v1/log"), ("POST", "/api/v1/battles"), ("GET", "/nothing"), ("POST", "/admin/login"),
        ):  # fmt: skip
            answer, text = await ask(site, method, path, headers=headers)
            said += [text, *(f"{name}: {value}" for name, value in answer.headers.items())]
    _, text = await ask(site, "POST", "/admin/login", data={"token": "ft_canary-typed"})
    said.append(text)

    async def fails(*_args, **_more):
        raise RuntimeError("broken")

    monkeypatch.setattr(type(site.arena), "vote", fails)
    battle = await visitor.battle("a canary-question")
    status, text, _ = await visitor.send("POST", f"{battle}/vote", data={"grade": "1"})
    assert (status, "Something went wrong here" in text) == (500, True)
    everything = "\n".join([*said, text])
    for secret in (visitor.rater, owner.removeprefix("Bearer "), "canary"):
        assert secret not in everything
        assert secret not in caplog.text
    assert "RuntimeError: broken" in caplog.text
    assert "Traceback" not in everything


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("POST", "/battles/x/vote"), ("GET", "/battles/nobody"), ("GET", "/contestants/x")],
)
async def test_errors_are_told_in_the_visitors_language(site, visit, method, path):
    visitor = await visit(site)
    status, text, _ = await visitor.send(method, path, headers={"Cookie": f"rater={visitor.rater}; lang=ko"})
    assert status >= 400
    assert '<html lang="ko"' in text
    said = text[text.index('class="said') :]
    said = re.sub("<[^>]*>", " ", said[said.index(">") : said.index("</div>")])
    assert re.search("[가-힣]", said)
    assert not re.search("[A-Za-z]{4}", said), said


async def test_refusals_before_any_page_are_in_the_visitors_language(site):
    for headers, method in (({"Host": "evil.example"}, "GET"), ({"Sec-Fetch-Site": "cross-site"}, "POST")):
        _, text = await ask(site, method, "/settings", headers={"Accept-Language": "ko"} | headers)
        assert re.search("[가-힣]", text)


async def test_the_battle_of_another_is_as_one_that_never_was(site, visit):
    mine, other = await visit(site), await visit(site)
    battle = await mine.battle("A question of mine")
    form = {"grade": "1", "prompt": "x", "pane": "A", "reason": "other"}
    for voted in (False, True):
        found = []
        for path in (battle, "/battles/" + "x" * len(battle.rsplit("/", 1)[1])):
            for method, tail in (("GET", ""), *(("POST", t) for t in ("/vote", "/turns", "/withdraw", "/report"))):
                data = form if method == "POST" else None
                status, text, _ = await other.send(method, path + tail, data=data)
                found.append((status, text.replace(path, "…")))
                assert "A question of mine" not in text
        assert found[:5] == found[5:]
        assert {status for status, _ in found} == {404}
        if not voted:
            await mine.vote(battle)


async def test_an_expired_ballot_is_told_and_reveals_nothing(serve, visit):
    site = await serve(ballot_hours=1e-6)
    visitor = await visit(site)
    battle = await visitor.battle()
    site.arena._live.clear()
    status, text, _ = await visitor.send("POST", f"{battle}/vote", data={"grade": "1"})
    assert (status, "This ballot has expired." in text) == (410, True)
    status, text, _ = await visitor.send("GET", battle)
    assert status < 500
    assert not {"north", "south", "east"} & set(re.findall(r"[a-z]+", text))


@pytest.mark.parametrize(
    ("method", "path", "data", "status", "said"),
    [
        ("PUT", "/settings", None, 405, "단추를 사용해"),
        ("POST", "/settings", {"lang": io.BytesIO(b"a file")}, 422, "항목이 없거나"),
        ("GET", "/nothing", None, 404, "그런 페이지"),
    ],
)
async def test_refusals_are_korean_on_korean_pages(site, method, path, data, status, said):
    answer, text = await ask(site, method, path, data=data, headers={"Cookie": "lang=ko", "Origin": site.address})
    assert (answer.status, said in text) == (status, True), text
