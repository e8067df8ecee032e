"""Style features of an answer: what a rater sees apart from the content. Read `style` first."""

import re

_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)]) ", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")


def style(text: str) -> dict[str, int]:
    """Counts in `text`: characters, words, headings, list items, bold spans, code blocks, emoji."""
    counts = {"characters": len(text), "words": len(text.split())}
    marked = {
        "headings": len(_HEADING.findall(text)) if "#" in text else 0,
        "list_items": len(_ITEM.findall(text)),
        "bold": len(_BOLD.findall(text)) if "**" in text else 0,
        "code_blocks": text.count("```") // 2,
        "emoji": 0 if text.isascii() else len(_EMOJI.findall(text)),
    }
    return counts | {name: count for name, count in marked.items() if count}
