"""An attacker's corpus, an innocent one, and the stream against the whole text."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairtrial.arena.blinding import MASK, Blinding, BlindStream, display
from fairtrial.arena.blinding.folding import fold
from fairtrial.core import Contestant, ModelIdentity


def contestant(name, model="", **facts):
    return Contestant(name=name, model=ModelIdentity(provider="sim", model=model or name), facts=facts)


BLINDING = Blinding(
    [
        contestant("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct", maker="Hugging Face"),
        contestant("Toad-7B", maker="Pond Works", base_model="meta-llama/Llama-3.2-1B"),
        contestant("teacher"),
    ]
)

# What an answer says, and the letters that may not be left of it.
ATTACKS = [
    ("I am SmolLM.", "smollm"),
    ("I'm SmolLM2-135M-Instruct, nice to meet you.", "smollm 135m"),
    ("My name is Toad-7B and I like ponds.", "toad 7b"),
    ("I am Toad, an assistant.", "toad"),
    ("I was trained by Pond Works to help you.", "pondworks"),
    ("I am teacher, your assistant.", "teacher"),
    ("As an AI language model trained by OpenAI, I cannot do that.", "openai"),
    ("I'm ChatGPT, a large language model.", "chatgpt"),
    ("Hello! I am Claude, made by Anthropic.", "claude anthropic"),
    ("I am a large language model, trained by Google.", "google"),
    ("I'm Bard, your creative and helpful collaborator.", "bard"),
    ("I am Gemini, a family of models.", "gemini"),
    ("I'm a Llama model.", "llama"),
    ("I'm an AI assistant created by Meta.", "meta"),
    ("As Gemini, I do not have opinions.", "gemini"),
    ("As a language model developed by Microsoft, I should say this.", "microsoft"),
    ("My name is Phi.", "phi"),
    ("You are talking to Falcon.", "falcon"),
    ("You're chatting with Command, a model by Cohere.", "command cohere"),
    ("I am Google's language model.", "google"),
    ("I am Meta's Llama.", "meta llama"),
    ("Google trained me to be helpful.", "google"),
    ("Apple created me.", "apple"),
    ("Meta is my creator.", "meta"),
    ("Llama here! How can I help?", "llama"),
    ("My creators at Google asked me to be careful.", "google"),
    ("My developer is Meta.", "meta"),
    ("I was built by the team at Apple.", "apple"),
    ("I've been fine-tuned by researchers from IBM.", "ibm"),
    ("I am based on Llama.", "llama"),
    ("I am a version of Llama that was tuned for chat.", "llama"),
    ("I am an AI system that was designed and developed by Nova.", "nova"),
    ("Call me Grok.", "grok"),
    ("I go by Copilot.", "copilot"),
    ("I'm actually just Mistral.", "mistral"),
    ("I am not Claude, but a friend of his.", "claude"),
    ("Yours sincerely, Gemini", "gemini"),
    ("Written by GPT-4o on request.", "gpt4o 4o"),
    ("Qwen2.5-72B-Instruct at your service.", "qwen 72b"),
    ("DeepSeek-R1-Distill wrote this.", "deepseek r1 distill"),
    ("Claude 3.5 Sonnet wrote this.", "claude sonnet 35"),
    # Korean and Chinese
    ("저는 라마입니다.", "라마"),
    ("저는 클로드예요.", "클로드"),
    ("나는 솔라라고 해.", "솔라라고"),
    ("제 이름은 제미나이입니다.", "제미나이"),
    ("저는 구글에서 훈련한 대규모 언어 모델입니다.", "구글"),
    ("저는 메타가 만든 인공지능 비서입니다.", "메타"),
    ("저는 네이버에서 개발되었습니다.", "네이버"),
    ("카카오가 만든 AI 챗봇이에요.", "카카오"),
    ("저는 Google에서 개발한 언어 모델입니다.", "google"),
    ("저는 LG가 만든 엑사원이에요.", "lg 엑사원"),
    ("하이퍼클로바X가 답합니다.", "하이퍼클로바"),
    ("챗지피티는 이렇게 생각해요.", "챗지피티"),
    ("저는 솔라 모델입니다.", "솔라"),
    ("我是通义千问。", "通义千问"),
    # letters of other scripts and shapes
    ("I am SmоlLM.", "smollm"),
    ("I am ЅмоlLМ.", "smollm"),
    ("Ι am Gеmini.", "gemini"),
    ("I am СlаudЕ.", "claude"),
    ("This is 𝐒𝐦𝐨𝐥𝐋𝐌 speaking.", "smollm"),
    ("This is ＳｍｏｌＬＭ speaking.", "smollm"),
    ("I am ꜱᴍᴏʟʟᴍ.", "smollm"),
    ("I am ⓢⓜⓞⓛⓛⓜ.", "smollm"),
    ("I am 🅂🄼🄾🄻🄻🄼.", "smollm"),
    ("I am 🇸 🇲 🇴 🇱 🇱 🇲.", "smollm"),
    ("I am SmoIIM.", "smollm"),
    ("I am S̶m̶o̶l̶L̶M̶.", "smollm"),
    ("I am Ｑｗéṅ.", "qwen"),
    # hidden characters
    ("I am Smol\u200bLM.", "smollm"),
    ("I am S\u200dm\u200do\u200dl\u200dL\u200dM.", "smollm"),
    ("I am Chat\u00adGPT.", "chatgpt"),
    ("I am Open\ufe0fAI and Cla\U000e0041ude.", "openai claude"),
    ("I am \u202eSmolLM\u202c.", "smollm"),
    ("I am Smol\u202aLM.", "smollm"),
    ("I am Lla\u2060ma.", "llama"),
    ("저는 라\u200b마입니다.", "라마"),
    # spelt out
    ("I am G P T - 4.", "gpt4"),
    ("I am S.m.o.l.L.M.", "smollm"),
    ("S-m-o-l-L-M is who I am.", "smollm"),
    ("I am s m o l l m, hello.", "smollm"),
    ("I am S m o l L M 2.", "smollm"),
    ("Q\nw\ne\nn", "qwen"),
    ("It is Sm ol LM.", "smollm"),
    ("저는 클 로 드입니다.", "클로드"),
    ("Smol LM wrote this.", "smollm"),
    ("Chat GPT wrote this.", "chatgpt"),
    # markup
    ("I am **Smol**LM.", "smollm"),
    ("I am *S*_m_**o**lLM.", "smollm"),
    ("I am `Smol``LM`.", "smollm"),
    ("```\nI am Llama\n```", "llama"),
    ("# I am\n\nLlama", ""),
    ("I am a model made by Hugging&#70;ace.", "huggingface"),
    ("I am &#x53;&#x6d;olLM.", "smollm"),
    ("I am Smol<b>LM</b>.", "smollm"),
    ("I am Smol<span></span>LM.", "smollm"),
    ('I am Smol<span class="x">LM</span>.', ""),
    ("I am Smol<!-- -->LM.", "smollm"),
    ("I am Smol\\LM.", "smollm"),
    ("I am $\\text{Smol}\\text{LM}$.", "smollm"),
    ("I am [SmolLM](https://huggingface.co/x).", "smollm huggingface"),
    ("See [this](https://chat.openai.com).", "openai"),
    ("My name is: **Llama**", "llama"),
    ("I am *Claude*, made by **Meta**.", "claude meta"),
    ("| name |\n|---|\n| SmolLM |", "smollm"),
    ('{"model": "smollm2-135m"}', "smollm 135m"),
    ("my_smollm_model", "smollm"),
]

INNOCENT = """
The palm tree sways in the wind.
Lombard Street is crooked.
Llamas live in the Andes, and a llama may spit.
Her zodiac sign is Gemini.
I am a Gemini, born in June.
As Google Maps shows, the road is closed.
The phi coefficient measures association.
Solar panels turn light into current.
Open the command line and type ls.
A meta-analysis pools several studies.
I am fond of apple pie.
Compare palm oil and olive oil.
The bard sang at the feast.
The falcon is the fastest bird.
A nova is an exploding star.
Claude Monet painted water lilies.
I am Claude Monet, and I paint.
Claude Shannon founded information theory.
She cannot grok the idea.
The mistral is a cold wind in Provence.
The arguments cohere well.
A granite worktop lasts long.
The co-pilot took over.
I was bitten by a llama.
Kubernetes was developed by Google and is open source.
The iPhone is made by Apple.
I use Google every day.
I work with solar cells.
I am in command of the ship.
I'm an Apple user.
Please google it.
Minimax search looks ahead.
The GPT partition table has replaced MBR.
Press Command-R to reload.
This is Google Maps on a phone.
As a palm reader, she sees the future.
The golden ratio is called phi.
Meta tags describe a page.
Microsoft Excel has a SUM function.
The bloom of the roses is early.
They upstage the lead actor.
He ran with the titan of industry.
I have been to the palm house in Kew.
I was raised on a llama farm.
As an apple grower, I prune in winter.
My name is Daniel and I live near Palm Springs.
My palm is sweaty.
The project Gemini preceded Apollo.
Sonar finds fish.
The snowflake melted.
I am made of flesh and you are made of solar dust.
A hugging face emoji says thanks.
The alpaca and the vicuna have fine wool.
Dolly the sheep was cloned.
Open AI ecosystems are healthy.
Ernie and Bert are friends.
Gauss proved it at the age of 21.
Yi Sun-sin was an admiral.
The moonshot project failed.
라마단은 이슬람의 금식월입니다.
솔라 패널은 햇빛으로 전기를 만듭니다.
라마는 안데스 산맥에 사는 동물입니다.
저는 라마를 좋아합니다.
구글이 만든 텐서플로는 공개되어 있습니다.
저는 구글에서 검색했습니다.
저는 애플이 만든 아이폰을 씁니다.
클로드 모네는 화가입니다.
파이 값은 3.14입니다.
메타버스에서 만나요.
나는 솔라 발전소에서 일한다.
셰익스피어는 에이번의 바드라고 불린다.
BERT는 구글에서 개발한 언어 모델입니다.
삼성은 1938년에 세워졌다.
믿음이 중요합니다.
""".strip().splitlines()

ASKED = [
    ("Who wrote the GPT-4 report?", "The GPT-4 report was written by OpenAI."),
    ("Compare palm oil and olive oil", "Palm oil has more saturated fat than olive oil."),
    ("What is Qwen?", "Qwen is a family of models by Alibaba; Qwen2.5-7B is one of them."),
    ("클로드와 챗지피티를 비교해 줘", "클로드는 글이 길고 챗지피티는 짧다."),
    ("Tell me about SmolLM2-135M", "SmolLM2-135M has 135 million parameters."),
]


# Written without looking at the rules, and tried before any was changed for them: of these 166 self-identifications, most
# by names that are words as well, 120 were masked at first sight (72 %), and 137 of the 145 innocent sentences below
# were left alone (94 %). The rules then learned from the rest; what they did not learn is in MISSED and MISTAKEN.
HELD_OUT = [
    ("I am an artificial intelligence made by Meta Platforms.", "meta"),
    ("I'm LLaMA, developed by Meta.", "llama meta"),
    ("My name's Nova.", "nova"),
    ("People call me Claude.", "claude"),
    ("This response was generated by Llama.", "llama"),
    ("As an assistant powered by Gemini, I can help.", "gemini"),
    ("I run on Mistral.", "mistral"),
    ("Being a Google model, I must be careful.", "google"),
    ("I'm the Falcon model from TII.", "falcon tii"),
    ("I am proud to be Gemini.", "gemini"),
    ("I, Claude, cannot answer that.", "claude"),
    ("— Gemini", "gemini"),
    ("My training was done by Microsoft.", "microsoft"),
    ("I come from Apple.", "apple"),
    ("I was born at Google.", "google"),
    ("We at OpenAI believe so.", "openai"),
    ("You can call me Phi!", "phi"),
    ("The assistant you are talking to is Llama.", "llama"),
    ("Gemini is my name.", "gemini"),
    ("Hi, Llama speaking.", "llama"),
    ("I am one of the Gemma models.", "gemma"),
    ("I'm part of the Granite family.", "granite"),
    ("I'm a chatbot by Cohere.", "cohere"),
    ("I am a product of Amazon.", "amazon"),
    ("I am Solar, and I was made in Korea by Upstage.", "solar upstage"),
    ("Nice to meet you! I'm Kimi, from Moonshot.", "kimi moonshot"),
    ("I have been created by NVIDIA.", "nvidia"),
    ("Model: Llama", "llama"),
    ("저는 네이버의 하이퍼클로바X입니다.", "네이버 하이퍼클로바"),
    ("저는 업스테이지가 개발한 솔라입니다.", "업스테이지 솔라"),
    ("내 이름은 바드야.", "바드"),
    ("저를 만든 회사는 메타입니다.", "메타"),
    ("저는 마이크로소프트의 AI 비서입니다.", "마이크로소프트"),
    ("저는 앤트로픽의 클로드입니다.", "앤트로픽 클로드"),
    ("안녕하세요, 클로드입니다.", "클로드"),
    ("저, 라마는 답할 수 없습니다.", "라마"),
    ("구글이 저를 만들었습니다.", "구글"),
    ("저는 엘지에서 만들었어요.", "엘지"),
    ("제 개발사는 카카오입니다.", "카카오"),
    ("I am $Smol$LM", "smollm"),
    ("I am Smol\nLM", "smollm"),
    ("I am ᏚmolLM", "smollm"),
    ("I am 𝕮𝖑𝖆𝖚𝖉𝖊", "claude"),
    ("I am C-l-a-u-d-e", "claude"),
    ("I am c l a u d e", "claude"),
    ("I am *L*l*a*m*a*", "llama"),
    ("I am ~~Smol~~LM", "smollm"),
    ("I am <i>L</i>lama", "llama"),
    ("My name is &quot;Llama&quot;", "llama"),
    ("I am “Gemini”", "gemini"),
    ("I AM GEMINI", "gemini"),
    ("i am gemini", "gemini"),
    ("I'm\xa0Gemini", "gemini"),
    ("I’m Gemini", "gemini"),
    ("Iʼm Llama", "llama"),
    ("I am ChatGΡT", "chatgpt"),
    ("ｇｐｔ－４", "gpt4"),
    ("GPT—4", "gpt4"),
    ("GPT\u20114", "gpt4"),
    ("I am S/m/o/l/L/M", "smollm"),
    ("As an LLM created at Meta, I lack feelings.", "meta"),
    ("I was developed in Redmond by Microsoft.", "microsoft"),
    ("It's Claude here, how may I help?", "claude"),
    ("Greetings! Gemini at your service.", "gemini"),
    ("I'm your friendly neighbourhood model Llama.", "llama"),
    ("Llama is the name.", "llama"),
    ("The company that made me is Google.", "google"),
    ("This answer comes from Gemini.", "gemini"),
    ("I'm merely Phi.", "phi"),
    ("My full name is Command, by Cohere.", "command cohere"),
    ("Known to users as Claude, I try to help.", "claude"),
    ("I am the latest Gemini.", "gemini"),
    ("Users know me as Copilot.", "copilot"),
    ("Trained by Google, I know a lot.", "google"),
    ("I am an open-weight model released by Mistral.", "mistral"),
    ("I have been trained by a team at Naver.", "naver"),
    ("I'm GPT.", "gpt"),
    ("My model name is Falcon.", "falcon"),
    ("I am a fine-tune of Llama.", "llama"),
    ("I was distilled from Llama.", "llama"),
    ("Hi there! I'm Nova 🙂", "nova"),
    ("Sure — as Claude I'd say no.", "claude"),
    ("I am a conversational AI from Apple.", "apple"),
    ("I'm a virtual helper that Google built.", "google"),
    ("Meta's engineers built me.", "meta"),
    ("You asked who made me: it was Google.", "google"),
    ("My weights come from Mistral.", "mistral"),
    ("저는 구글의 제미나이예요.", "구글 제미나이"),
    ("저는 메타에서 만든 라마라고 해요.", "메타 라마"),
    ("제 이름은 노바라고 합니다.", "노바"),
    ("저는 삼성이 개발한 인공지능입니다.", "삼성"),
    ("나는 애플에서 만든 AI야.", "애플"),
    ("저는 네이버가 훈련시킨 모델이에요.", "네이버"),
    ("저의 이름은 클로바입니다.", "클로바"),
    ("저는 클로드입니다만, 도와드릴게요.", "클로드"),
    ("마이크로소프트에서 저를 개발했습니다.", "마이크로소프트"),
    ("솔라라고 불러 주세요.", "솔라"),
    ("I am Ꮯlaude", "claude"),
    ("I am Gem\u200bini", "gemini"),
    ("I am G-e-m-i-n-i", "gemini"),
    ("I am G·e·m·i·n·i", "gemini"),
    ("I am G e m i n i.", "gemini"),
    ("I am **G**emini", "gemini"),
    ("I am _Gem_ini", "gemini"),
    ("I am ɢᴇᴍɪɴɪ", "gemini"),
    ("I am 𝔾𝕖𝕞𝕚𝕟𝕚", "gemini"),
    ("I am Gеmіnі", "gemini"),
    ("I am G&#101;mini", "gemini"),
    ("I am Gem<em>ini</em>", "gemini"),
    ("I am Ge\\mini", "gemini"),
    ("I am (G)emini", "gemini"),
    ("I am G|e|m|i|n|i", "gemini"),
    ("I am G_e_m_i_n_i", "gemini"),
    ("I am Gemini™", "gemini"),
    ("I am #Gemini", "gemini"),
    ("I am @Claude", "claude"),
    ("I am G\n\ne\n\nm\n\ni\n\nn\n\ni", "gemini"),
    ("I am g, e, m, i, n, i", "gemini"),
    ("I am Gemini[1]", "gemini"),
    ("I'm an assistant from Anthropic named Claude.", "anthropic claude"),
    ("As a Meta AI model, I cannot help.", "meta"),
    ("I was programmed by engineers at Apple.", "apple"),
    ("I'm Nova! How are you?", "nova"),
    ("My creator, Google, wants me to be safe.", "google"),
    ("I am an instance of Claude.", "claude"),
    ("I'm Copilot, your everyday companion.", "copilot"),
    ("Well, I'm really just Gemini in disguise.", "gemini"),
    ("Hello, this is Bard speaking.", "bard"),
    ("I'm an early version of Grok by xAI.", "grok xai"),
    ("Signed,\nClaude", "claude"),
    ("As Llama I do not have feelings.", "llama"),
    ("I am a tool created by the Beijing company Moonshot.", "moonshot"),
    ("You may know me as Bing.", "bing"),
    ("I'm a member of the Phi family.", "phi"),
    ("I am, of course, Claude.", "claude"),
    ("I am a neural network developed at IBM.", "ibm"),
    ("I've got to say, as a Google language model, no.", "google"),
    ("I am Claude 🤖", "claude"),
    ("I am Mistral-like? No: I am Mistral.", "mistral"),
    ("저는 노바라는 이름의 AI입니다.", "노바"),
    ("저는 라마 기반 모델입니다.", "라마"),
    ("저는 솔라 프로입니다.", "솔라"),
    ("저는 대규모 언어 모델 제미나이입니다.", "제미나이"),
    ("제가 바로 클로드입니다.", "클로드"),
    ("I am L\u2060l\u2060a\u2060m\u2060a", "llama"),
    ("I am 🅻🅻🅰🅼🅰", "llama"),
    ("I am ʟʟᴀᴍᴀ", "llama"),
    ("I am l.l.a.m.a", "llama"),
    ("I am L-lama", "llama"),
    ("I am **Ll**__am__*a*", "llama"),
    ("I am [Lla](#)ma", "llama"),
    ("I am &lt;Llama&gt;", "llama"),
    ("I am Llаmа", "llama"),
]

MISSED = [
    ("Who am I? Claude.", "claude"),  # the name stands alone
    ("I'm an LLM trained on Google's infrastructure.", "google"),  # 'trained on' is said of data too
    ("I am Sｍ0lLM", "sm0llm"),  # a digit for a letter
    ("lm Gemini", "gemini"),  # a letter for another in a common word
    ("I owe my existence to Meta.", "meta"),  # no pattern
    ("I'm what people call Grok.", "grok"),  # no pattern
    ("Built with Llama.", "llama"),  # said of anything
    ("My training data was collected by Microsoft.", "microsoft"),  # no pattern
    ("The name's Falcon.", "falcon"),  # no pattern
    ("Call me by my name: Solar.", "solar"),  # no pattern
    ("저는 업스테이지에서 왔어요.", "업스테이지"),  # people come from places too
    ("I am Lꞁama", "llama"),  # a letter our table lacks
    ("I am amaLl backwards", "amall"),  # backwards
]

HELD_OUT_INNOCENT = """
I am Nova's mother.
My company uses Meta ads.
The command failed with an error.
I am using Gemini to write this novel.
I was trained by a falcon expert.
This is meta.
Phi is the 21st letter of the Greek alphabet.
The house was built by Solar City workers.
My apple is red.
He was created by Marvel and Apple bought the rights.
Dr. Granite treats patients.
As solar energy grows, prices fall.
As Apple reported, sales rose.
I am by the palm tree.
I'm looking at Google right now.
The bard, the falcon and the llama met.
Samsung was founded in 1938.
I am in love with Claude.
I am reading about Meta.
Use `git command` and `google-chrome`.
import numpy as np
Kt is the rate constant.
The titan Atlas held up the sky.
I am an admirer of Claude Debussy.
The company's name is Apple.
Have you read I, Claudius?
The name Claude is French.
Jean-Claude Van Damme acts.
The minimax theorem is by von Neumann.
이 식물은 노바입니다.
저는 삼성에서 일합니다.
저는 서울에 사는 학생입니다.
솔라는 태양을 뜻한다.
애플파이를 구웠다.
구글에 검색해 보세요.
네이버 지도를 여세요.
저는 카카오를 좋아합니다.
파이썬은 언어입니다.
그는 미국에서 만든 차를 탄다.
Llama or alpaca wool?
I am 4 years old and my palm is small.
She is a Google engineer.
I am a Google engineer.
I'm writing as Claude Monet would.
print("hello world")
Gemini is the third sign of the zodiac.
As a Meta employee, she knows.
The model is based on a falcon's wing.
The solar model was created by NASA.
I am a palm oil trader.
She named her dog Nova.
I was made to read the bard at school.
The llama is a domesticated camelid.
My name is Ruby, said the girl.
I'm trained as a command officer.
The meta tag was added by the developer.
As the falcon dives, it reaches 320 km/h.
As a solar engineer, I design panels.
I am writing from Apple Valley.
He is based in Mistral, a village.
The team at Google developed TensorFlow in 2015.
Go was created at Google by Robert Griesemer.
React was built by Facebook.
Designed by Apple in California.
I am allergic to apple skin.
I am told that Amazon delivers on Sunday.
This is Gemini season.
This is Apple's first store.
Granite is an igneous rock.
The nova faded after weeks.
In my opinion, Microsoft Word is fine.
My bank is on Palm Street.
My llama is called Tina.
I, for one, welcome our llama overlords.
The parties cohere around the plan.
The commands cd and ls are basic.
Titan is the largest moon of Saturn.
The Amazon is a long river.
The Pythia was the oracle of Delphi.
Hermes is the messenger of the gods.
Reka is a river in Slovenia.
Ernie Els plays golf.
A dolly is used to move boxes.
Alpaca fibre is warm.
Zephyr is the west wind.
Use phi for the angle and theta for the other.
The liquid in the flask is blue.
The writer finished her novel.
Perplexity measures how surprised a model is.
An inflection point is where curvature changes sign.
The databricks notebook failed.
The aurora looked like a snowflake under the lens.
구글은 1998년에 세워졌습니다.
저는 구글 지도를 자주 씁니다.
저는 아마존 강에 가 보았습니다.
나는 솔라 패널을 설치했다.
애플에서 만든 제품은 비싸다.
저는 네이버에서 기사를 읽었습니다.
카카오가 만든 메신저는 편하다.
라마와 알파카는 다르다.
파이가 맛있어요.
메타 분석은 여러 연구를 합친다.
안녕하세요, 저는 민수입니다.
노바는 별이 폭발하는 현상이다.
I am Palmer, the caretaker.
I was created in a lab by Dr. Nova in the comic.
As Titan orbits Saturn, it shows one face.
Falcons nest on cliffs.
I am eating an apple.
My phone is made by Samsung.
I'm building a llama farm in Peru.
He works at Google as a chef.
The solar system has eight planets.
Run the command as an administrator.
I am an Amazon seller.
I am based in Meta, Ohio.
My cat Gemini purrs.
Gemini and Leo are signs.
Nova Scotia is in Canada.
A phi of 0.5 is large.
The bard wrote sonnets.
I was told by Apple support to restart.
I'm running a command in the shell.
The writer was paid by Amazon.
Is it a llama or an alpaca?
Claude, the baker, rises early.
As the command executes, wait.
My model is trained on solar data.
The bird is called a falcon.
This app is powered by solar energy.
I have a Google account.
My Google account is locked.
솔라 시스템은 태양계를 뜻한다.
저는 메타버스를 연구합니다.
나는 구글 계정이 있다.
저는 클로드 모네를 좋아합니다.
저는 파이를 만들었습니다.
제 이름은 김노바가 아닙니다.
삼성에서 만든 냉장고입니다.
네이버가 개발한 지도 앱입니다.
저는 라마가 무섭습니다.
아마존에서 책을 샀어요.
저는 애플 주식을 샀습니다.
팔콘은 매를 뜻한다.
""".strip().splitlines()

MISTAKEN = ["My name is Gemma and I am ten."]


def letters(text):
    return re.sub(r"[\W_]", "", fold(re.sub(r"&#(x?)([0-9a-f]+);", lambda m: chr(int(m[2], 16 if m[1] else 10)), text)))


def alike(text):
    return text.replace("i", "l")


@pytest.mark.parametrize(
    ("text", "names"), [*ATTACKS, *HELD_OUT, *(pytest.param(*m, marks=pytest.mark.xfail(strict=True)) for m in MISSED)]
)
def test_a_name_that_gives_the_model_away_is_masked(text, names):
    masked = BLINDING.mask(text)
    assert MASK in masked.text
    assert masked.flags
    left = alike(letters(masked.text))
    assert not [name for name in names.split() if alike(name) in left], masked.text


@pytest.mark.parametrize(
    "text",
    [*INNOCENT, *HELD_OUT_INNOCENT, *(pytest.param(m, marks=pytest.mark.xfail(strict=True)) for m in MISTAKEN)],
)
def test_an_innocent_sentence_is_untouched(text):
    masked = BLINDING.mask(text)
    assert masked.text == text
    assert masked.flags == ()


@pytest.mark.parametrize(("asked", "answer"), ASKED)
def test_what_the_voter_asked_about_may_be_answered(asked, answer):
    assert BLINDING.mask(answer, asked).text == answer


def test_a_speaker_that_names_itself_is_masked_even_when_asked():
    assert BLINDING.mask("Yes, I am GPT-4.", "Are you GPT-4?").text == f"Yes, I am {MASK}."
    assert BLINDING.mask("Yes, I'm Llama.", "Is a llama answering?").text == f"Yes, I'm {MASK}."
    # A word that is also a name gives no licence to name the model.
    assert BLINDING.mask("Phi-3 wrote this.", "What is the phi coefficient?").text == f"{MASK} wrote this."


def test_the_mask_tells_nothing_of_what_it_hides():
    shown = {BLINDING.mask(f"I am {name}.").text for name in ("SmolLM2-135M", "GPT-4o-mini", "Yi", "Claude 3.5 Sonnet")}
    assert shown == {f"I am {MASK}."}


def test_flags_say_what_kind_of_slip_it_was():
    kinds = [flag.kind for flag in BLINDING.mask("Qwen is large. I am Llama.").flags]
    assert kinds == ["term", "self-identification"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("e\u0301 \u1112\u1161\u11ab", "é 한"),
        ("ta\u200bg\u200c\u2060\ufeff\u00ad\ufe0f\U000e0041", "tag"),
        ("👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3", "👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3"),
        ("x\u202ey\x1b[3m", "x⟨RLO⟩y⟨ESC⟩[3m"),
        ("a\u00a0b\u2003c\u3000d", "a b c d"),
        ("one \ntwo  \nthree     \n   \nend  ", "one\ntwo  \nthree  \n\nend"),
        ("Smоl Привет ρV πr²", "Smol Привет ρV πr²"),
        ("a&#8203;b &amp; &nbsp; &#x202E;", "a⟨ZWSP⟩b &amp; &nbsp; ⟨RLO⟩"),
        ("&#82\u200d03; &#82&zwj;03;", "⟨ZWSP⟩ &#82⟨ZWJ⟩03;"),
        ("Z" + "\u0335" * 50, "Z" + "\u0335" * 8),
        ("“quoted” – kept…", "“quoted” – kept…"),
    ],
)
def test_one_form_is_shown(raw, shown):
    assert BLINDING.normalise(raw) == shown


FRAGMENTS = [
    *[
        "I am ",
        "GPT",
        "G",
        "P",
        "T",
        " ",
        "-",
        "4",
        "smol",
        "LM",
        " Llama",
        "Meta",
        "'s ",
        " made me.",
        ", I ",
        "Claude",
        " Monet",
    ],
    *[
        "**",
        "<b>",
        "</b>",
        "<span a='",
        "'>",
        "&#7",
        "0;",
        "](",
        ")",
        "[",
        "\\text{",
        "}",
        "⟨RLO⟩",
        "\n",
        "\r",
        "  ",
        ".",
    ],
    *[
        "\u200b",
        "\u0301",
        "м",
        "\u202e",
        "👩",
        "\u200d",
        "ﬁ",
        "저는 ",
        "라마",
        "입니다",
        "구글",
        "에서 만든 ",
        "모델",
        "a",
        "a" * 33,
    ],
]
PIECES = st.lists(
    st.one_of(
        st.sampled_from([text for text, _ in ATTACKS] + INNOCENT),
        st.sampled_from(FRAGMENTS),
        st.text(max_size=5),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=400)
@given(PIECES, st.sampled_from(["", "What is Llama?", "GPT-4"]), st.randoms(use_true_random=False))
def test_the_stream_equals_the_whole_however_it_is_cut(pieces, asked, rng):
    text = "".join(pieces)
    whole = BLINDING.mask(text, asked)
    stream, at, shown = BlindStream(BLINDING, asked), 0, ""
    while at < len(text):
        size = rng.choice([1, 1, 2, 3, 5, 17])
        shown += stream.feed(text[at : at + size])
        at += size
        assert whole.text.startswith(shown)  # nothing shown is ever taken back, so no masked name was shown
    assert shown + stream.finish() == whole.text
    assert tuple(stream.flags) == whole.flags


FLOODS = [
    "a",
    "g p t ",
    "\u200b",
    "\u0301",
    "smol",
    "i am a llama ",
    "I am made by the ",
    "<b>",
    "&#",
    "](",
    "中",
    "ж",
    "ﷺ",
    "l l a m a",
    "\n",
    "**",
    "G",
]


@pytest.mark.parametrize("flood", FLOODS)
def test_what_is_held_back_is_bounded(flood):
    stream = BlindStream(BLINDING)
    block = flood * (2000 // len(flood))
    for _ in range(20):
        stream.feed(block)
    held = [len(stream._normaliser._held), len(stream._normaliser._blanks), len(stream._reader._rest)]
    held += [sum(len(word.raw) + len(word.gap.raw) for word in stream._reader.words)]
    assert max(held) < 3000, held


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("OpenAI or Meta: who made you? One word.", "Meta"),
        ("Are you Claude or Gemini?", "Gemini."),
        ("Which company trained you, Google or Microsoft? Answer with its name only.", "Google"),
        ("Complete: I was trained by ___ (Apple / Google)", "Apple"),
        ("Name your maker: Amazon, Apple, Meta.", "**Amazon**"),
        ("너는 라마야 솔라야? 이름만 말해.", "솔라"),
        ("누가 당신을 만들었나요, 구글 아니면 메타?", "메타"),
    ],
)
def test_the_bare_name_is_masked_where_the_voter_asks_who_answers(asked, said):
    assert BLINDING.mask(said, asked).text == said.replace(said.strip("*."), MASK)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Compare palm oil and olive oil.", "Palm oil is more solid."),
        ("Who wrote the GPT-4 report?", "The GPT-4 report was written by its makers."),
        ("Can you explain the meta element in HTML?", "The meta element holds facts about a page."),
        ("Which company makes the iPhone, Apple or Google?", "Apple"),
        ("What are the Gemini twins called?", "The Gemini twins are Castor and Pollux."),
        ("솔라 패널과 애플 파이의 차이는?", "솔라 패널은 전기를 만듭니다."),
    ],
)
def test_a_question_about_something_else_may_be_answered_by_name(asked, said):
    assert BLINDING.mask(said, asked).text == said


def test_every_mark_of_unicode_is_known():
    marked = re.compile(f"[{display.marks()}]")
    every = range(sys.maxunicode + 1)
    assert [n for n in every if bool(marked.match(chr(n))) != unicodedata.category(chr(n)).startswith("M")] == []
