"""What stands before every page: hosts, cross-site forms, sizes, rates, headers, cookies."""

import asyncio
import io

import pytest

from fairtrial.web.security import HEADERS, Bucket


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
