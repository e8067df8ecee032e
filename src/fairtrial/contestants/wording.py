"""The words strategies put around a prompt, in English and Korean. Read `user_message` first.

A change here changes what is asked, so it changes `WORDING`, which is part of every contestant's id.
"""

from collections.abc import Sequence

from fairtrial.core import Prompt, digest

_WORDS = {
    "en": {
        "letter": "Answer with the letter of the right choice.",
        "think": "Think step by step. Then write the final answer on a last line that begins with 'Answer:'.",
        "persona": "You are {persona}. Answer as that person would.",
        "question": "Question: ",
        "answer": "Answer:",
    },
    "ko": {
        "letter": "맞는 보기의 글자로 답하세요.",
        "think": "차근차근 생각한 다음, 마지막 줄에 '정답:'으로 시작하는 최종 답을 쓰세요.",
        "persona": "당신은 {persona}입니다. 그 사람답게 답하세요.",
        "question": "질문: ",
        "answer": "정답:",
    },
}

WORDING = digest(_WORDS)[7:19]


def words(prompt: Prompt, which: str) -> str:
    """The phrase `which` in the prompt's language (English unless Korean)."""
    return _WORDS["ko" if prompt.language.startswith("ko") else "en"][which]


def user_message(prompt: Prompt, turn: int = 0, *, think: bool = False) -> str:
    """The user's message of one turn: the text, the lettered choices (first turn) and what kind of answer is wanted."""
    parts = [prompt.turns[turn]]
    if prompt.choices and turn == 0:
        parts.append("\n".join(f"{chr(ord('A') + i)}. {choice}" for i, choice in enumerate(prompt.choices)))
        if not think:
            parts.append(words(prompt, "letter"))
    if think:
        parts.append(words(prompt, "think"))
    return "\n\n".join(parts)


def plain_block(prompt: Prompt, answer: str | None) -> str:
    """``Question: … Answer:`` text for base models, which know no chat turns; with an answer it is a worked example."""
    block = f"{words(prompt, 'question')}{user_message(prompt)}\n{words(prompt, 'answer')}"
    return block if answer is None else f"{block} {answer}"


def shown_reference(example: Prompt) -> str:
    """How a worked example's answer is shown: the letter for choices, else the first accepted wording."""
    reference = (example.reference or "").split("||")[0].strip()
    return (choice_letter(reference, example.choices) if example.choices else None) or reference


def choice_letter(reference: str, choices: Sequence[str]) -> str | None:
    """The letter that a reference means: itself, or that of the option whose text it is; None when it is neither."""
    letters = [chr(ord("A") + i) for i in range(len(choices) or 26)]
    if reference.strip().upper() in letters:
        return reference.strip().upper()
    return letters[choices.index(reference)] if reference in choices else None
