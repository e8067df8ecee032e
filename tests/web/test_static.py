"""What is served as files: as it was taken, of this host alone, without words and without ways to make markup."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fairtrial import reports, web

REPOSITORY = Path(__file__).parents[2]
STATIC = Path(web.__file__).parent / "static"
OURS = [*STATIC.glob("*.*"), Path(reports.__file__).parent / "static" / "tokens.css"]
TEXT = [path for path in [*OURS, *STATIC.rglob("vendor/**/*")] if path.suffix in {".js", ".css", ".svg", ".json"}]
NAMESPACES = ("http://www.w3.org/",)
SCRIPT = (STATIC / "arena.js").read_text(encoding="utf-8")


def without_comments(script: str) -> str:
    return re.sub(r"^\s*//.*$|\s// .*$", "", script, flags=re.MULTILINE)


def test_vendored_files_are_as_they_were_taken():
    said = subprocess.run(
        [sys.executable, REPOSITORY / "tools/vendor_assets.py", "--check"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("path", TEXT, ids=lambda path: path.name)
def test_no_file_refers_to_another_host(path):
    text = path.read_text(encoding="utf-8")
    hosts = [found for found in re.findall(r"(?:https?:)?//[\w-]+\.[\w./-]+", text) if not found.startswith(NAMESPACES)]
    mentioned = [
        one for one in hosts if one.startswith("http") or re.search(rf"(?:url\(|import\s*)['\"]?{re.escape(one)}", text)
    ]
    assert mentioned == []
    for address in re.findall(r"url\(\s*['\"]?([^)'\"]+)", text):
        assert address.startswith(("fonts/", "data:", "#")), address


def test_no_template_refers_to_another_host():
    for path in (STATIC.parent / "templates").glob("*.j2"):
        assert re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", path.read_text(encoding="utf-8")) == [], (
            path.name
        )


@pytest.mark.parametrize(
    "way",
    ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTML", "document.write", "eval(", "new Function", "srcdoc",
     "createContextualFragment", ".style", "javascript:", "onclick", "localStorage", "document.cookie", "import("],
)  # fmt: skip
def test_the_script_makes_no_markup_of_text(way):
    assert way not in without_comments(SCRIPT)


def test_timers_take_functions():
    assert re.findall(r"set(?:Timeout|Interval)\(\s*['\"`]", SCRIPT) == []


def test_the_script_has_no_words_of_its_own():
    strings = [a or b or c for a, b, c in re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'|`([^`]*)`', without_comments(SCRIPT))]
    assert len(strings) > 20
    for one in strings:
        assert one.isascii(), one
        # What is left of a selector without attributes, classes, states and gaps is names of elements.
        rest = re.sub(r"\[[^\]]*\]|\$\{[^}]*\}|[.#:][\w-]+|\([^)]*\)", " ", one)
        assert one in {"use strict", "text/html"} or "," in rest or len(re.findall("[A-Za-z]{2,}", rest)) < 2, one


async def test_files_are_served_with_their_types_and_kept_for_a_while(site):
    for path, kind in (
        ("arena.js", "javascript"), ("arena.css", "text/css"), ("tokens.css", "text/css"), ("icon.svg", "image/svg+xml"),
        ("vendor/katex/katex.min.js", "javascript"),
    ):  # fmt: skip
        async with site.client.get(f"{site.address}/static/{path}") as answer:
            assert answer.status == 200, path
            assert kind in answer.headers["Content-Type"]
            assert answer.headers["Cache-Control"] == "public, max-age=3600"
            assert "etag" in answer.headers


@pytest.mark.parametrize(
    "path", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "vendor/../../app.py", "....//app.py", "", "vendor", "%00"]
)
async def test_nothing_else_is_served(site, path):
    from yarl import URL

    async with site.client.get(URL(f"{site.address}/static/{path}", encoded=True)) as answer:
        assert answer.status in (400, 404, 405), path
        assert "fastapi" not in (await answer.text()).lower()
