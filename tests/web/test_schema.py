"""Schemathesis: whatever the OpenAPI document allows or forbids, the API answers as the document says."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from fairtrial.arena import access
from fairtrial.lab import Lab
from fairtrial.store import Store


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a served lab, and a token for it."""
    lab = Lab.create(tmp_path_factory.mktemp("served") / "lab")
    contestants = "".join(
        f'[[contestant]]\nname = "{name}"\nmodel = "sim/{name}"\nsettings = {{ skill = 0.5, length = 5 }}\n'
        for name in ("north", "south")
    )
    (lab.path / "lab.toml").write_text(f"format = 1\n[arena.limits]\nbattles_per_minute = 100000\n{contestants}")
    with Store.open(lab.directory.database) as store:
        token, _ = store.transact(lambda c: access.grant(c, "schema", {"owner"}, by="test")).result()
    command = [
        str(Path(sys.executable).with_name("fairtrial")),
        "serve",
        "--lab",
        str(lab.path),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as server:
        said = ""
        while not said.rstrip().endswith("}"):
            said += server.stdout.readline()
        yield json.loads(said)["address"], token
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def test_the_api_keeps_to_its_document(served):
    address, token = served
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 7
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        def keeps(case):
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

        keeps()
