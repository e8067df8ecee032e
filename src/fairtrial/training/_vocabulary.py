"""The words that programs write with: subjects, requests, sentences, English and Korean."""

from dataclasses import dataclass

from fairtrial.evaluators.instructions import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an instruction is about."""

    kind: str
    """Its plural, for example ``animals``."""
    members: tuple[str, ...]


def _subject(kind: str, members: str) -> Subject:
    return Subject(kind=kind, members=tuple(members.split()))


SUBJECTS: dict[Language, tuple[Subject, ...]] = {
    "en": (
        _subject("animals", "lion tiger wolf horse rabbit camel zebra monkey goat sheep otter"),
        _subject("fruits", "apple banana cherry grape lemon mango orange peach plum melon fig"),
        _subject("tools", "hammer wrench saw drill chisel ladder shovel axe rake pliers file"),
        _subject("colours", "red blue green yellow purple orange white black brown pink grey"),
        _subject("jobs", "teacher nurse baker farmer pilot lawyer judge painter driver sailor tailor"),
        _subject("sports", "football tennis hockey golf rugby boxing rowing skiing cricket chess judo"),
        _subject("countries", "France Japan Brazil Egypt Kenya Norway Canada Korea Peru India Spain"),
        _subject("instruments", "piano violin guitar flute drum harp trumpet cello organ banjo oboe"),
        _subject("vehicles", "car truck bus train bicycle boat plane tram ferry rocket van"),
        _subject("trees", "oak pine maple birch willow cedar elm palm ash spruce larch"),
        _subject("foods", "bread rice soup cheese pasta salad honey butter pizza cake egg"),
        _subject("birds", "eagle owl robin crow swan duck goose parrot falcon heron wren"),
    ),
    "ko": (
        _subject("동물", "사자 호랑이 늑대 토끼 낙타 원숭이 염소 여우 곰 기린 사슴"),
        _subject("과일", "사과 바나나 체리 포도 레몬 망고 복숭아 자두 수박 참외 배"),
        _subject("도시", "서울 부산 대구 인천 광주 대전 울산 수원 전주 강릉 제주"),
        _subject("직업", "교사 간호사 농부 조종사 변호사 판사 화가 요리사 선원 기자 목수"),
        _subject("음식", "빵 국수 떡 치즈 만두 김밥 꿀 버터 비빔밥 죽 달걀"),
        _subject("악기", "피아노 바이올린 기타 플루트 북 하프 트럼펫 첼로 가야금 단소 장구"),
    ),
}

_LISTED: dict[Language, tuple[str, ...]] = {
    "en": ("Name some {kind}.", "List {kind} that people know.", "Give examples of {kind}.", "Which {kind} are there?"),
    "ko": ("{kind}의 예를 드세요.", "잘 알려진 {kind}의 이름을 쓰세요.", "아는 {kind} 이름을 쓰세요."),
}
REQUESTS: dict[str, dict[Language, tuple[str, ...]]] = {
    "": {
        "en": ("Tell me about {kind}.", "Write about {kind}.", "What do you know about {kind}?", "Describe {kind}."),
        "ko": ("{kind}에 대해 쓰세요.", "{kind}에 대해 말해 주세요.", "{kind}에 관해 아는 것을 쓰세요."),
    },
    "items": _LISTED,
    "sorted": _LISTED,
    "sums": {
        "en": ("What is {0} + {1}?", "Add {0} and {1}.", "{0} + {1} = ?"),
        "ko": ("{0} + {1} = ?", "{0} 더하기 {1}?"),
    },
}
"""What is asked for, by family; those without requests of their own share the first."""
SENTENCES: dict[Language, tuple[str, ...]] = {
    "en": (
        "many people like {x}.",
        "{x} and {y} are well known {kind}.",
        "there are many {kind}, for example {x}.",
        "I would choose {x} before {y}.",
        "you can read about {kind} in books.",
        "some say that {x} is better than {y}.",
        "most of us have seen {x} once.",
        "{kind} can be very different.",
        "a good example is {x}.",
    ),
    "ko": (
        "예를 들어 {x}, {y} 등이 있습니다.",
        "많은 사람이 {kind} 이야기를 좋아합니다.",
        "{kind} 중에는 {x}도 있습니다.",
        "저는 {y}보다 {x} 쪽이 좋습니다.",
        "책에서 {kind}에 대해 읽을 수 있습니다.",
        "좋은 예로 {x}도 들 수 있습니다.",
    ),
}
AFTER_A_WORD: dict[Language, tuple[str, ...]] = {
    "en": ("is a good example.", "comes to mind first.", "is well known."),
    "ko": ("먼저 떠오릅니다.", "같은 것이 좋은 예입니다."),
}
BEFORE_A_WORD: dict[Language, tuple[str, ...]] = {
    "en": ("My favourite is", "A good example is", "The last one is"),
    "ko": ("좋은 예는 바로", "마지막은"),
}
FIGURES: dict[Language, tuple[str, ...]] = {
    "en": ("{n}", "The answer is {n}.", "It is {n}.", "That makes {n}."),
    "ko": ("{n}", "답은 {n}입니다.", "정답: {n}"),
}
KEYS = ("name", "kind", "size", "place", "colour", "age", "price", "use")
OPENERS = {
    "A": "Among other things,",
    "B": "By the way,",
    "C": "Certainly,",
    "D": "Daily life shows that",
    "E": "Every child knows that",
    "F": "For sure,",
    "G": "Generally,",
    "H": "Here is one:",
    "I": "In short,",
    "J": "Just so,",
    "K": "Kindly note that",
    "L": "Let me say that",
    "M": "Maybe",
}
"""A way to begin with each letter that `first_letter` asks for."""
