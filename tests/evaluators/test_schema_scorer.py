"""JSON Schema: where the JSON stands in an answer, which schemas are refused, and that nothing is fetched."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.core import BadInput, Prompt, Response
from fairtrial.evaluators import Scorer, check_reference
from fairtrial.evaluators.json_answers import MAX_DEPTH, MAX_TEXT, MAX_VALUES, find_json

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FENCE = "```"


def item(schema: object) -> Prompt:
    return Prompt(key="x", turns=("?",), reference=schema if isinstance(schema, str) else json.dumps(schema))


def scored(text: str, schema: object, finish: str = "stop"):
    prompt = item(schema)
    return Scorer("json_schema").score(prompt, Response(prompt=prompt.id, contestant="c", turns=(text,), finish=finish))


def refused(schema: object) -> str:
    with pytest.raises(BadInput) as caught:
        check_reference(item(schema), "json_schema", where="f")
    assert caught.value.where == "f"
    assert "item 'x'" in caught.value.message
    assert caught.value.next_step
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (' {"a": 1}\n', {"a": 1}),
        ("[1, 2]", [1, 2]),
        ("null", None),
        (f"So:\n{FENCE}json\n[1]\n{FENCE}\nDone.", [1]),
        (f"{FENCE}JSON\n1\n{FENCE}\n{FENCE}json\n2\n{FENCE}", 2),
        (f"{FENCE}json\n[1", ...),
        (f'{FENCE}json\nno\n{FENCE}\n{{"a": 1}}', ...),  # the block decides
        ('He said 5" and {x} then {"a": {"b": "}"}} or {"c": 2}. {}x', {}),
        ('Here: {"a": {"b": "}"}} – fine {not} this', {"a": {"b": "}"}}),
        ("only [1, 2] here", ...),
        ('{"a": NaN}', ...),
        ('{"a": 1e999}', ...),
        ('{"a": ' + "1" * 301 + "}", ...),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("", ...),
    ],
)
def test_where_the_json_stands(text: str, value: object) -> None:
    found = find_json(text)
    assert (found[1] if found else ...) == value
    assert found is None or find_json(found[0]) == found


def test_bounds() -> None:
    assert find_json("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH) is not None
    for text in (
        "[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1),
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        "see " + '{"a":' * 200 + "1" + "}" * 200,
        json.dumps([1] * MAX_VALUES),
        json.dumps("x" * MAX_TEXT),
        json.dumps({"x" * 2000: 1}),
        " " * 1_000_001 + "1",
    ):
        assert find_json(text) is None


HOSTILE = [
    piece * (1_000_000 // len(piece))
    for piece in (
        "{",
        "[",
        '"',
        '{"',
        '{"a":',
        '{"a":1,',
        '{"a":[{},',
        '{"\\',
        '{"a":"\\"',
        "{}",
        "```json\n",
        "1",
        "{ ",
    )
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.timeout(60)
def test_a_megabyte_of_malice_ends_soon(text: str) -> None:
    find_json(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12),
       st.sampled_from(["{0}", " {0}\n", "text\n```json\n{0}\n```\nmore"]))  # fmt: skip
def test_any_json_is_found_whole_or_fenced(value: object, around: str) -> None:
    text = around.replace("{0}", json.dumps(value))
    found = find_json(text)
    assert found is not None
    assert found[1] == value


def test_values_and_reasons() -> None:
    assert scored('Sure! {"name": "Kim"}', PERSON).reason == "right"
    assert scored('Answer: {\n"name": "Kim"\n}', PERSON).value == 1
    assert scored('{"name": 4}', PERSON).reason == "wrong"
    assert scored("I am Kim", PERSON).reason == "unparsable"
    assert scored('{"name": "K', PERSON, finish="length").reason == "truncated"
    assert scored('{"name": "Kim"}', PERSON, finish="refused").value == 0
    assert scored('{"name": "Kim"}', PERSON, finish="error").reason == "failed"
    assert scored('Sure! {"name": "Kim"}', PERSON).extracted == '{"name": "Kim"}'
    assert scored('"a||b"', {"const": "a||b"}).value == 1  # a schema is one reference


def test_drafts() -> None:
    tuples = {"prefixItems": [{"type": "integer"}], "items": False}
    assert scored("[1, 2]", tuples).value == 0  # 2020-12 unless said otherwise
    assert scored("[1, 2]", tuples | {"$schema": "http://json-schema.org/draft-07/schema#"}).value == 0  # items: false
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}
    assert scored('["a"]', old).value == 0
    assert scored("[1]", old).value == 1
    assert scored('"not-a-date"', {"format": "date"}).value == 1  # an annotation
    assert scored("3", True).value == 1
    assert scored("3", False).value == 0


def test_references_inside_a_schema() -> None:
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/p", "$defs": {"p": PERSON}}
    assert scored('{"name": "Kim"}', named).value == 1
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}}, "additionalProperties": False}
    deep = '{"left":' * (MAX_DEPTH - 1) + "{}" + "}" * (MAX_DEPTH - 1)
    assert scored(deep, tree).value == 1
    assert scored(deep.replace("{}", '{"right":1}'), tree).value == 0
    assert scored('{"type": "object"}', {"$ref": "https://json-schema.org/draft/2020-12/schema"}).value == 1
    check_reference(
        item({"properties": {"$ref": {"type": "string"}}, "const": {"$ref": "http://x.test"}}), "json_schema", where=""
    )


@pytest.mark.parametrize(
    ("schema", "part"),
    [
        ("{", "not JSON"),
        ("{'type': 'object'}", "not JSON"),
        ('{"minimum": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([PERSON], "a JSON Schema is an object"),
        ("4", "a JSON Schema is an object"),
        ({"type": "objct"}, "/type"),
        ({"properties": {"a": {"minLength": -1}}}, "/properties/a/minLength"),
        ({"pattern": "("}, "/pattern"),
        ({"patternProperties": {"(": True}}, "patternProperties"),
        ({"$schema": "https://example.test/mine"}, "$schema"),
        ({"$schema": 7}, "$schema"),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "inside"),
        ({"$ref": "#/$defs/none"}, "nothing is fetched"),
        ({"$ref": "file:///etc/hostname"}, "nothing is fetched"),
        ({"$id": "https://example.test/a", "items": {"$ref": "b"}}, "nothing is fetched"),
        ({"$ref": "http://[::1"}, "nothing is fetched"),
        ({"properties": {"a": {"$ref": "#/x"}}, "x": {"$ref": "#/y"}}, "#/y"),
        ({"$ref": "#"}, "without end"),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#/$defs/a"}}}, "without end"),
    ],
)
def test_schemas_that_cannot_be_used_are_refused_before_the_run(schema: object, part: str) -> None:
    assert part in refused(schema)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server that would serve a schema, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_is_fetched(listener: tuple[str, list[str]]) -> None:
    url, asked = listener
    for schema in (
        {"$ref": f"{url}/a"},
        {"properties": {"a": {"$dynamicRef": f"{url}/b"}}},
        {"$id": f"{url}/c", "items": {"$ref": "d"}},
        {"$schema": f"{url}/e"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "not": {"$ref": f"{url}/f#/definitions/a"}},
    ):
        refused(schema)
        with pytest.raises(BadInput):
            scored('{"a": [1]}', schema)
    assert asked == []


@pytest.mark.timeout(120)
def test_hostile_answers_take_bounded_steps() -> None:
    branch = {"properties": {"l": {"$ref": "#"}}, "required": ["k"]}
    both = {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": [branch, branch, {"type": "integer"}]}
    assert scored('{"l":' * 40 + "{}" + "}" * 40, both).value == 0  # 2^40 ways
    distinct = json.dumps([{"i": i} for i in range(3_000)])
    assert scored(distinct, {"uniqueItems": True}).value == 1
    assert scored(json.dumps("1" * 90_000 + "x"), {"pattern": "[0-9]+$"}).value == 0
    assert scored(json.dumps(list(range(9_000))), {"items": {"type": "integer"}, "unevaluatedItems": False}).value == 1


@pytest.mark.parametrize(
    ("array", "unique"),
    [("[1, true]", 1), ("[1, 1.0]", 0), ('[{"a": 1, "b": [0]}, {"b": [0.0], "a": 1}]', 0), ("[[1], [true]]", 1), ("[{}, []]", 1), ('["1", 1]', 1), ("[null, null]", 0)],
)  # fmt: skip
def test_unique_items(array: str, unique: int) -> None:
    from jsonschema import Draft202012Validator

    assert scored(array, {"uniqueItems": True}).value == unique
    assert Draft202012Validator({"uniqueItems": True}).is_valid(json.loads(array)) == bool(unique)


LEAVES = st.sampled_from(
    [{"type": "integer"}, {"type": "string", "pattern": "^a"}, {"minimum": 2}, {"multipleOf": 0.5}, {"multipleOf": 3}, {"uniqueItems": True}, {"required": ["a"]}, {"maxLength": 2}, {"const": 1}, {"enum": [[], {}, "a"]}, True, False]
)  # fmt: skip
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.builds(lambda key, of: {key: of}, st.sampled_from(["items", "not", "additionalProperties", "contains", "propertyNames"]), inner)
    | st.builds(lambda key, of: {key: of}, st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=6,
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, 1e300, 10**299]) | st.sampled_from(["", "a", "abc"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None)
@given(SCHEMAS, VALUES)
def test_bounded_validation_says_what_the_library_says(schema: object, value: object) -> None:
    from jsonschema import Draft202012Validator

    text = json.dumps(value)
    assert scored(text, schema).value == float(Draft202012Validator(schema).is_valid(json.loads(text)))
