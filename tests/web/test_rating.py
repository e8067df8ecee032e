"""A rating task over real HTTP: from the invitation to the end, with pauses, hostile pairs and closed doors."""

import re

import aiohttp
import pytest

from fairtrial.arena import access, assignment, tasks


class Browser:
    def __init__(self, address: str) -> None:
        self.address = address
        self.client = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, path: str) -> tuple[int, str, str]:
        async with self.client.get(self.address + path) as answer:
            return answer.status, answer.url.path, await answer.text()

    async def post(self, path: str, **form: str) -> tuple[int, str, str]:
        async with self.client.post(self.address + path, data=form) as answer:
            return answer.status, answer.url.path, await answer.text()


@pytest.fixture
async def browser(site):
    opened = []

    def opening() -> Browser:
        opened.append(Browser(site.address))
        return opened[-1]

    yield opening
    for one in opened:
        await one.client.close()


def ballot_of(text: str) -> str:
    return re.search(r'action="/battles/([\w-]+)/vote"', text)[1]


async def test_from_the_invitation_to_the_end(site, browser, make):
    task, secret, _ = await make(site)
    rater = browser()
    status, _, text = await rater.get(f"/invite/{secret}")
    assert status == 200
    assert "Which helps &lt;i&gt;more&lt;/i&gt;?" in text
    assert site.arena.rater(secret) is None  # looking records nothing
    assert "agree" in (await rater.post(f"/invite/{secret}"))[2]
    assert site.arena.rater(secret) is None  # nor does a form without consent
    seen = []
    _, path, text = await rater.post(f"/invite/{secret}", agree="yes")
    for number in range(1, 5):
        assert path == f"/tasks/{task.id}"
        assert f"{number} of 4" in text
        told = ("secret-key", "probe", "Quillby", "Weststern", "north against south", secret, "expected")
        assert not [word for word in told if word in text]
        assert not [bad for bad in ("<script>alert", "<img", "\u202e", 'href="javascript') if bad in text]
        assert ballot_of((await rater.get(path))[2]) == ballot_of(text)  # loaded again it is the same item
        seen.append(ballot_of(text))
        _, path, text = await rater.post(f"/battles/{seen[-1]}/vote", grade="1")
    assert "Thank you" in text
    assert len(set(seen)) == 4
    with site.arena.store.reading() as connection:
        found = assignment.summary(connection, task.id)
    assert len(found.columns["rater"]) == 3
    assert (found.raters[0].done, found.raters[0].passed + found.raters[0].failed) == (4, 1)
    _, _, text = await rater.get("/history")
    assert "Quillby" not in text
    assert "names stay hidden" in (await rater.get(f"/battles/{seen[0]}"))[2]


async def test_names_are_shown_where_the_task_says_so(site, browser, make):
    _, secret, _ = await make(site, reveal=True)
    rater = browser()
    _, _, text = await rater.post(f"/invite/{secret}", agree="yes")
    _, path, text = await rater.post(f"/battles/{ballot_of(text)}/vote", grade="0")
    assert path.startswith("/battles/")
    assert "Quillby" in text


async def test_a_rater_goes_on_in_another_browser(site, browser, make):
    task, secret, _ = await make(site)
    first, second = browser(), browser()
    _, _, text = await first.post(f"/invite/{secret}", agree="yes")
    await first.post(f"/battles/{ballot_of(text)}/vote", grade="1")
    assert "1 are done" in (await first.get(f"/tasks/{task.id}/pause"))[2]
    assert "begun already" in (await second.get(f"/invite/{secret}"))[2]
    _, path, text = await second.post(f"/invite/{secret}")
    assert (path, "2 of 4" in text) == (f"/tasks/{task.id}", True)


async def test_a_closed_task_takes_no_votes_and_says_so(site, browser, make):
    task, secret, _ = await make(site)
    rater = browser()
    _, _, text = await rater.post(f"/invite/{secret}", agree="yes")
    ballot = ballot_of(text)
    await site.arena.transact(lambda c: tasks.close(c, task.id, by="test"))
    for status, _, text in (
        await rater.get(f"/tasks/{task.id}"),
        await rater.post(f"/battles/{ballot}/vote", grade="1"),
        await rater.get(f"/invite/{secret}"),
    ):
        assert (status, "task is closed" in text) == (410, True)
    await site.arena.transact(lambda c: tasks.reopen(c, task.id, by="test"))
    assert ballot_of((await rater.get(f"/tasks/{task.id}"))[2]) == ballot
    _, path, _ = await rater.post(f"/battles/{ballot}/vote", grade="1")
    assert path == f"/tasks/{task.id}"


async def test_a_revoked_invitation_opens_nothing_any_more(site, browser, make):
    task, secret, token = await make(site)
    rater = browser()
    _, _, text = await rater.post(f"/invite/{secret}", agree="yes")
    await site.arena.access.change(lambda c: access.revoke(c, token, by="test"))
    for status, _, said in (
        await rater.get(f"/tasks/{task.id}"),
        await rater.post(f"/battles/{ballot_of(text)}/vote", grade="1"),
        await rater.get(f"/invite/{secret}"),
        await rater.get(f"/invite/ft_{'x' * 43}"),
        await browser().get(f"/tasks/{task.id}"),
    ):
        assert (status, "invitation is not known" in said) == (404, True)


async def test_a_profile_is_in_bands_and_asked_only_where_declared(site, browser, make):
    _, secret, _ = await make(site, profile_asked=True)
    rater = browser()
    assert 'name="age"' in (await rater.get(f"/invite/{secret}"))[2]
    assert (await rater.post(f"/invite/{secret}", agree="yes", age="37"))[0] == 422
    await rater.post(f"/invite/{secret}", agree="yes", age="30s", region="korea")
    assert site.arena.rater(secret).profile == {"age": "30s", "region": "korea", "language": "", "expertise": ""}
    _, other, _ = await make(site)
    await browser().post(f"/invite/{other}", agree="yes", age="30s")
    assert not any(site.arena.rater(other).profile.values())


async def test_a_task_in_korean(site, browser, make):
    _, secret, _ = await make(site, profile_asked=True)
    rater = browser()
    rater.client.headers["Accept-Language"] = "ko"
    assert "대한민국" in (await rater.get(f"/invite/{secret}"))[2]
    assert "4개 중 1번째" in (await rater.post(f"/invite/{secret}", agree="yes"))[2]
