"""The data card of a release: what it is, whose votes, what is left out, how to check it. Read `croissant` first.

For programs in Croissant 1.1 (docs.mlcommons.org/croissant) with its fields for responsible AI; for people in English
and Korean. Nothing is left blank: where nothing was stated, the card says so.
"""

from collections.abc import Mapping
from typing import Any

from fairtrial.arena.releases.rows import COLUMNS, LEAVES, VOTES_JSONL, VOTES_PARQUET

_ABOUT: Mapping[str, str] = {
    "question_id": "What was asked: a prompt of a pool by its id, a typed one by a name for this release only",
    "model_a": "The one contestant",
    "model_b": "The other contestant",
    "winner": "model_a, model_b, tie, tie (bothbad), or abstain (skipped)",
    "grade": "-2 to 2, positive when model_a is better; empty where no grade was given",
    "conversation_a": "What was said with model_a",
    "conversation_b": "What was said with model_b",
    "text_withheld": "Why both conversations are empty: personal data, awaiting review, or too long",
    "turn": "Number of turns",
    "anony": "True: names were hidden until the vote",
    "language": "Language of the first message, by its script",
    "category": "Category of the first message, by simple rules",
    "source": "typed by the voter, or the pool or task the prompt came from",
    "task": "The rating task; empty in the arena",
    "tstamp": "When the vote was cast: seconds since 1970, cut to the minute",
    "rater": "The voter's pseudonym in this release: one browser, invitation or program, not a person",
    "evaluator": "human",
    "evaluator_kind": "human",
    "order": "ab: model_a was shown first; ba: model_b was",
    "policy": "How the pair was drawn",
    "seed": "Seed of the draw",
    "p_pair": "Probability of this pair under the policy",
    "weight": "What the vote counts on the weighted board, 0 to 1",
    "weight_reason": "Why it counts less than in full",
    "seconds": "From the opening of the battle to the vote, rounded",
    "early": "True: an answer was still being written",
    "masked_a": "Self-identifications masked in the answers of model_a",
    "masked_b": "Self-identifications masked in the answers of model_b",
    "salt": "Enters the digest in leaves.txt; see docs/public-data.md",
    "leaf": "Where the row was withheld after publication: its digest",
    "withheld": "Why the row was withheld after publication; then all else is empty",
}
_CROISSANT_TYPES = {"VARCHAR": "sc:Text", "BOOLEAN": "sc:Boolean", "DOUBLE": "sc:Float"}
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field",
    "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator",
    "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
NOT_STATED = "not stated"


def croissant(manifest: Mapping[str, Any], leaves: str) -> dict[str, Any]:
    """The card as JSON-LD.

    Args:
        manifest: The release's manifest.
        leaves: SHA-256 of ``leaves.txt``.
    """
    told, name = manifest["card"], manifest["release"]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": name,
        "description": f"Blind votes on answers of language models, from {told['lab']}. {_left_out(manifest)}",
        "datePublished": manifest["created"],
        "version": "1.0.0",
        "license": told["licence"],
        "creator": {"@type": "Organization", "name": told["lab"], "description": told["operator"]},
        "citeAs": f"{told['lab']}, {name}, made with Fairtrial {manifest['fairtrial']}",
        "isLiveDataset": True,
        "distribution": [
            _file(VOTES_JSONL, "application/jsonlines", "One vote a line"),
            _file(VOTES_PARQUET, "application/x-parquet", "The same votes"),
            _file(LEAVES, "text/plain", "A digest for each vote, signed; it tells whether a vote is what was signed")
            | {"sha256": leaves},
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "votes",
                "name": "votes",
                "field": [_field(column, kind) for column, kind in COLUMNS.items()],
            }
        ],
        "rai:dataCollection": "Votes in a blind arena: two answers side by side, names hidden until the vote.",
        "rai:dataCollectionType": ["Direct measurement", "Web interface"],
        "rai:dataAnnotationProtocol": f"Question to voters: {told['question']} Five steps, both bad, or skip.",
        "rai:dataAnnotationPlatform": f"Fairtrial {manifest['fairtrial']}",
        "rai:annotationsPerItem": "1 in the arena; as many as raters in a rating task",
        "rai:dataAnnotationDemographics": _bands(manifest),
        "rai:personalSensitiveInformation": _personal(manifest),
        "rai:dataPreprocessingProtocol": _left_out(manifest),
        "rai:dataLimitations": _LIMITS,
        "rai:dataBiases": "Voters chose to come; they are no sample of any population.",
        "rai:dataUseCases": "Ranking models by people's votes, with Fairtrial or without; study of voting.",
        "rai:dataReleaseMaintenancePlan": (
            "A vote that is taken back is withheld here, and missing in the next release; this one still verifies."
        ),
        "rai:dataSocialImpact": f"Funding: {told['funding']}",
    }


_LIMITS = (
    "A rater is a browser, an invitation or a program, not a person. Names of people and things told in words are not "
    "found by screening. Pseudonyms hold within one release; equal texts and times can be matched between releases. "
    "Languages and categories are rough labels by rules."
)


def _file(name: str, kind: str, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject", "@id": name, "name": name, "description": about, "contentUrl": name,
        "encodingFormat": kind,
    }  # fmt: skip


def _field(column: str, kind: str) -> dict[str, Any]:
    about = _ABOUT.get(column) or (
        f"What the rater told: {column[6:]} in bands" if column[:6] == "rater_" else "Style of the last answer: a count"
    )
    plain = {"@type": "cr:Field", "@id": f"votes/{column}", "name": column, "description": about}
    source = {"fileObject": {"@id": VOTES_PARQUET}, "extract": {"column": column}}
    if kind.startswith("STRUCT"):
        parts = [
            {
                "@type": "cr:Field",
                "@id": f"votes/{column}/{part}",
                "name": part,
                "dataType": "sc:Text",
                "source": source | {"transform": {"jsonPath": part}},
            }
            for part in ("role", "content")
        ]
        return plain | {"repeated": True, "subField": parts}
    return plain | {"dataType": _CROISSANT_TYPES.get(kind, "sc:Integer"), "source": source}


def _counted(counts: Mapping[str, int], nothing: str) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or nothing


def _left_out(manifest: Mapping[str, Any]) -> str:
    return (
        f"{manifest['rows']:,} votes. Taken back before this release: {_counted(manifest['taken_back'], 'none')}. "
        f"Weighted below 1: {_counted(manifest['weighted'], 'none')}. "
        f"Texts withheld: {_counted(manifest['texts_withheld'], 'none')}."
    )


def _bands(manifest: Mapping[str, Any]) -> str:
    bands = manifest["bands"]
    if not bands["told"]:
        return "No evidence: no rater told anything about themselves."
    if "smallest" not in bands or bands["smallest"] < bands["k"]:
        return f"{bands['told']} raters told something; not published, for too few of them are alike."
    return (
        f"{bands['told']:,} of {manifest['raters']:,} raters told age, region, language or expertise in bands; each "
        f"combination is shared by at least {bands['k']} raters, who do not all prefer one contestant; "
        f"suppressed: {_counted(bands['suppressed'], 'none')}."
    )


def _personal(manifest: Mapping[str, Any]) -> str:
    return (
        "Texts are screened for e-mail and IP addresses, telephone, card, account and identity numbers, and keys; "
        "conversations with findings are withheld until a moderator has decided. Now withheld: "
        f"{_counted(manifest['texts_withheld'], 'none')}. Raters have pseudonyms whose key was destroyed."
    )


def for_people(manifest: Mapping[str, Any], plain: str) -> str:
    """The card as Markdown, English and Korean.

    Args:
        manifest: The release's manifest.
        plain: The template of the card.
    """
    told, boards = manifest["card"], manifest["boards"]
    commands = "\n".join(board["command"] for board in boards.values() if "command" in board)
    refused = "; ".join(f"{name}: {board['refused']}" for name, board in boards.items() if "refused" in board)
    values = {
        "release": manifest["release"],
        "lab": told["lab"],
        "created": manifest["created"],
        "licence": told["licence"],
        "operator": told["operator"],
        "funding": told["funding"],
        "question": told["question"],
        "rows": f"{manifest['rows']:,}",
        "raters": f"{manifest['raters']:,}",
        "contestants": "\n".join(_contestant(one) for one in manifest["contestants"]) or "- none",
        "policies": _counted(manifest["policies"], "none"),
        "sources": _counted(manifest["sources"], "none"),
        "taken_back": _counted(manifest["taken_back"], "0"),
        "weighted": _counted(manifest["weighted"], "0"),
        "texts_withheld": _counted(manifest["texts_withheld"], "0"),
        "bands": _bands(manifest),
        "commands": commands or "# no board: there are no decided votes",
        "refused": refused or "-",
        "log": f"{manifest['log']['size']:,}, `{manifest['log']['link']}`",
        "version": manifest["fairtrial"],
    }
    return plain.format_map(values)


def _contestant(one: Mapping[str, Any]) -> str:
    facts = ", ".join(f"{name}: {value}" for name, value in one.get("facts", {}).items())
    more = [one["id"], *([facts] if facts else []), *(["simulated"] if one.get("simulated") else [])]
    return f"- {one['name']} ({'; '.join(more)})"
