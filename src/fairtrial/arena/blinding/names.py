"""Names of models and their makers. Read `known` first, then `own_names` for those of a lab's contestants.

A distinctive name (``smollm``) gives its model away anywhere. An ambiguous one (``palm``, ``라마``) is a word of the
language too, so it counts only where a speaker names itself. A space in a name may be any joiner or a space in a text,
or nothing; a name without one may be written with joiners, but not with spaces.
"""

import re
from dataclasses import dataclass
from functools import cache

from fairtrial.arena.blinding.folding import fold
from fairtrial.core import Contestant

# Family: distinctive names ; ambiguous names.
_FAMILIES = """
openai: chatgpt, chat gpt, openai, gpt 1, gpt 2, gpt 3, gpt 4, gpt 4o, gpt 5, gpt oss, gpt neo, gpt j, instructgpt,
    davinci-002, davinci-003, o1-mini, o1-preview, o3-mini, o4-mini, 챗지피티, 챗gpt, 오픈에이아이, 오픈ai, 지피티
    ; gpt, open ai, o1, o3, 챗 지피티, 오픈 에이아이
anthropic: anthropic, claude 1, claude 2, claude 3, claude 4, claude 5, claude opus, claude sonnet, claude haiku,
    claude instant, claude ai, 앤트로픽, 앤스로픽 ; claude, 클로드
google: gemini 1 5, gemini 2 0, gemini 2 5, gemini pro, gemini flash, gemini ultra, gemini nano, gemini advanced,
    google gemini, google bard, google palm, palm-2, gemma 2b, gemma 7b, gemma-2, gemma-3, gemma-3n, codegemma,
    google deepmind, deepmind, 딥마인드, 제미나이 프로, 谷歌双子座
    ; gemini, bard, palm, google, gemma, lamda, 제미나이, 제미니, 바드, 젬마, 구글, 谷歌
meta: llama-1, llama-2, llama-3, llama-4, llama 3 1, llama 3 2, llama 3 3, meta llama, code llama, llama.cpp, tinyllama,
    라마3, 라마-2 ; llama, meta, meta ai, facebook, 라마, 메타
mistral: mixtral, mistral ai, mistral 7b, mistral large, mistral small, mistral medium, mistral nemo, ministral,
    codestral, pixtral, magistral, 미스트랄, 믹스트랄 ; mistral, le chat
alibaba: qwen, qwq, tongyi, alibaba cloud, 큐원, 통의치엔원, 통이치엔원, 通义千问, 千问, 通义, 阿里云, 阿里巴巴
    ; alibaba, 알리바바
deepseek: deepseek, deep seek, 딥시크, 深度求索 ; 딥 시크
microsoft: phi-1, phi-2, phi-3, phi-4, phi-3.5, phi mini, microsoft phi, microsoft copilot, bing chat, wizardlm
    ; phi, microsoft, copilot, bing, 파이, 마이크로소프트, 코파일럿
xai: grok-1, grok-2, grok-3, grok-4, grok ai ; grok, xai, 그록
cohere: command r plus, cohere ai, cohere for ai, cohere command, aya expanse ; command, command r, cohere,
    aya, 코히어
huggingface: smollm, smolvlm, smol lm, huggingface, zephyr 7b, starcoder, 스몰lm, 허깅페이스
    ; hugging face, zephyr, bloom, bigscience, 허깅 페이스
lg: exaone, 엑사원, lg ai research, lg ai 연구원 ; lg, 엘지
naver: hyperclova, hyper clova, clova x, hyperclovax, 하이퍼클로바, 하이퍼 클로바, 클로바 엑스, 클로바x
    ; clova, naver, 클로바, 네이버
upstage: solar 10 7b, solar pro 2, solar mini chat, upstage solar, upstage ai, 업스테이지 솔라
    ; solar, upstage, solar pro, solar mini, 솔라,
    솔라 프로, 솔라 미니, 업스테이지
tii: falcon 7b, falcon 40b, falcon 180b, falcon-2, falcon-3, falcon h1, technology innovation institute
    ; falcon, tii, 팰컨, 팔콘
lmsys: vicuna 7b, vicuna 13b, vicuna 33b, lmsys, fastchat t5 ; vicuna, 비쿠나
01: yi 34b, yi 6b, yi-1.5, yi lightning, 01.ai, 01 ai, 零一万物 ; yi
zhipu: chatglm, glm 4, glm-5, zhipu, zhipu ai, z.ai, 智谱, 智谱清言 ; glm
moonshot: kimi k2, kimi k1 5, moonshot ai, 月之暗面 ; kimi, moonshot, 키미
minimax: minimax m1, minimax m2, minimax-01, minimax-text, abab 6 5, 稀宇 ; minimax
amazon: amazon nova, nova pro, nova lite, nova micro, nova premier, amazon titan ; nova, amazon, aws, titan,
    아마존, 노바
ai21: jamba 1 5, jamba mini, jamba large, ai21, jurassic 2 ; jamba
ibm: granite-3, granite-4, ibm granite, watsonx ; granite, ibm, 그래니트
nvidia: nemotron, 네모트론 ; nvidia, 엔비디아
bytedance: doubao, seed oss, 豆包, 字节跳动 ; bytedance, 바이트댄스
baidu: ernie bot, ernie 4 5, wenxin, 文心一言, 百度 ; ernie, baidu, 바이두
tencent: hunyuan, 混元, 腾讯 ; tencent, 텐센트
baichuan: baichuan, 百川智能
internlm: internlm, internvl, 书生 ; intern lm
allenai: olmo 2, olmo 7b, olmoe, tulu 3, allenai, allen ai, allen institute for ai ; olmo, tulu
databricks: dbrx, mosaicml, dolly 2 0 ; databricks, dolly
stability: stablelm, stable lm, stable beluga, stability ai
eleuther: eleutherai, gpt neox, pythia 6 9b ; pythia, eleuther
stanford: alpaca 7b, stanford alpaca ; alpaca, stanford
apple: openelm, apple intelligence, afm-3b ; apple, siri, 애플
samsung: samsung gauss, 삼성 가우스 ; samsung, 삼성, gauss
kakao: kanana, kogpt, 카나나 ; kakao, 카카오
skt: a.x-3, a.x-4, 에이닷엑스 ; sk telecom, 에이닷, sk텔레콤
kt: kt mi deum, 믿음2.0 ; kt, 믿음
nc: varco llm, 바르코 ; varco, ncsoft, 엔씨소프트
inflection: inflection ai ; inflection
reka: reka core, reka flash, reka edge, reka ai ; reka
perplexity: perplexity ai, pplx ; perplexity, sonar
nous: nous hermes, nousresearch, hermes 3, openhermes ; nous research
liquid: liquid ai, lfm2, lfm-1 ; liquid
writer: palmyra ; writer
snowflake: snowflake arctic ; snowflake
xiaomi: mimo-7b ; xiaomi
"""

_LETTERS = re.compile(r"[^\W_]+")
# A small 'l' and a capital 'i' are drawn alike in many fonts, also within plain ASCII.
_DRAWN_ALIKE = str.maketrans("i", "l")


@dataclass(frozen=True, slots=True)
class Name:
    """One spelling of one name."""

    skeleton: str
    """Its letters and digits, folded by `skeleton`."""
    breaks: frozenset[int]
    """Places in the skeleton where a space may stand."""
    distinctive: bool
    family: str
    """What it belongs to; every name of a family that the voter wrote about may be answered about."""


def skeleton(folded: str) -> str:
    """`folded` text with the letters that are drawn alike made equal; of the same length."""
    return folded.translate(_DRAWN_ALIKE)


def _name(spelling: str, family: str, *, distinctive: bool) -> Name:
    folded = fold(spelling)
    words = [_LETTERS.findall(part) for part in folded.split()]
    breaks, length = set(), 0
    for word in words:
        length += sum(map(len, word))
        breaks.add(length)
    letters = "".join("".join(word) for word in words)
    return Name(skeleton(letters), frozenset(breaks - {length}), distinctive, family)


@cache
def known() -> tuple[Name, ...]:
    """Well-known models and makers, in English, Korean and some Chinese."""
    names = []
    for entry in re.split(r"\n(?=\S)", _FAMILIES.strip()):
        family, _, spellings = entry.partition(":")
        for distinctive, part in zip((True, False), spellings.split(";"), strict=False):
            names += [_name(s, family, distinctive=distinctive) for s in " ".join(part.split()).split(", ")]
    return tuple(names)


def own_names(contestants: tuple[Contestant, ...]) -> tuple[Name, ...]:
    """Names by which the lab's own contestants could give themselves away.

    A registered name counts anywhere when it looks like one (a digit, a capital inside, a hyphen); a plain word, such
    as ``teacher``, only where a speaker names itself.
    """
    names = []
    for contestant in contestants:
        models = (contestant.name, contestant.model.model, contestant.facts.get("base_model", ""))
        for model in models:
            for part in re.split(r"[/\\:]", model):
                whole = part.removesuffix(".gguf")
                telling = re.search(r"\d|[a-z][A-Z]|\w[-_.]\w", whole) is not None
                names.append(_name(re.sub(r"\s+", "", whole), contestant.id, distinctive=telling and len(whole) > 3))
                lead = re.match(r"[^\W\d_]+", whole)
                if lead and len(lead[0]) > 2:
                    names.append(_name(lead[0], contestant.id, distinctive=False))
        names.append(_name(contestant.facts.get("maker", ""), contestant.id, distinctive=False))
    sure = {name.skeleton for name in known()}
    return tuple(n for n in dict.fromkeys(names) if len(n.skeleton) > 1 and n.skeleton not in sure)
