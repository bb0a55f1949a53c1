"""Hard texts: what other vocabularies make of them was counted once, and our bound for unknown models is never less."""

import base64
import hashlib
import json
import random
import string
import uuid
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from multiplayer.ai.tokens import DeepSeekTokens, OtherTokens, tokenizer_file

ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Maker = Callable[[random.Random], str]


def lines(make: Maker, many: int) -> Maker:
    return lambda chance: "\n".join(make(chance) for _ in range(many))


def drawn(characters: str, many: int) -> Maker:
    return lambda chance: "".join(chance.choices(characters, k=many))


def ulid(chance: random.Random) -> str:
    return "01" + drawn(ULID, 24)(chance)


def envelope(chance: random.Random) -> str:
    told = {"id": ulid(chance), "from": "alice", "role": "member", "at": "2026-11-21T12:34:56Z", "text": 'say "hi" \\n'}
    return json.dumps(told)


def listing(chance: random.Random) -> str:
    size, number = chance.randint(0, 10**7), chance.randint(0, 9999)
    return f"-rw-r--r--  1 root root {size:8} Nov 21 12:{number % 60:02} file_{number:04}.txt"


def numbers(chance: random.Random) -> str:
    return ",".join(f"{chance.uniform(-1000, 1000):.4f}" for _ in range(10))


def short_json(chance: random.Random) -> str:
    return json.dumps({"id": 17, "x": chance.random(), "ok": True, "t": [1, 2, 3]}, separators=(",", ":"))


def url(chance: random.Random) -> str:
    return f"https://example.com/a/{ulid(chance)}?q={chance.randbytes(6).hex()}&utm={chance.randint(0, 999)}"


def between(*ranges: tuple[int, int]) -> Maker:
    return lambda chance: "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(900))


MAKERS: dict[str, Maker] = {
    "prose": lambda _: (
        "The owner decided: we ship on Friday, at half past five. Who will write the notes? I'll do it!\n" * 9
    ),
    "code": lambda _: "        for row in rows:\n            total += row.price * (1 - row.discount)  # in cents\n" * 9,
    "sql": lambda _: "SELECT a.id, count(*) FILTER (WHERE b IS NULL) FROM a LEFT JOIN b USING (id) GROUP BY 1;\n" * 9,
    "trace": lambda _: (
        'File "/usr/lib/python3.11/asyncio/tasks.py", line 267, in __step\nValueError: 0x7ffdeadbeef\n' * 9
    ),
    "german": lambda _: "Die Bundesregierung beschloss am Donnerstag weitere Maßnahmen zur Entlastung der Bürger. " * 9,
    "french": lambda _: "Le gouvernement a décidé jeudi d'alléger la charge des consommateurs, à l'été dernier. " * 9,
    "chinese": lambda _: (
        "我们决定使用 PostgreSQL 作为唯一的日志。周五之前请把测试写完，谁来负责？春眠不觉晓处处闻啼鸟" * 9
    ),
    "japanese": lambda _: "今日は会議があります。ありがとうございます。東京の天気は晴れです。カタカナ。" * 9,
    "korean": lambda _: "안녕하세요, 만나서 반갑습니다. 오늘 회의가 있습니다. 서울 날씨는 맑습니다. " * 9,
    "russian": lambda _: "Правительство решило в четверг принять дополнительные меры для потребителей. " * 9,
    "greek": lambda _: "Η κυβέρνηση αποφάσισε την Πέμπτη πρόσθετα μέτρα για την ανακούφιση. " * 9,
    "hebrew": lambda _: "הממשלה החליטה ביום חמישי על צעדים נוספים להקלת הנטל על הצרכנים. " * 9,
    "arabic": lambda _: "قررت الحكومة يوم الخميس اتخاذ إجراءات إضافية لتخفيف العبء عن المستهلكين. " * 9,
    "hindi": lambda _: "सरकार ने गुरुवार को उपभोक्ताओं को राहत देने के लिए अतिरिक्त उपायों का फैसला किया। " * 9,
    "thai": lambda _: "สวัสดีครับ วันนี้อากาศดีมาก เราจะไปเที่ยวกัน" * 9,
    "georgian": lambda _: "მთავრობამ ხუთშაბათს მიიღო გადაწყვეტილება დამატებითი ზომების შესახებ. " * 9,
    "amharic": lambda _: "መንግስት ሐሙስ ዕለት ተጨማሪ እርምጃዎችን ለመውሰድ ወሰነ። " * 9,
    "tamil": lambda _: "அரசு வியாழக்கிழமை நுகர்வோருக்கு நிவாரணம் அளிக்க கூடுதல் நடவடிக்கைகளை முடிவு செய்தது. " * 9,
    "emoji": drawn("🦄🐸🧿🪬🫠🥷🧌🪿😀🎉👍🏽❤️🔥", 400),
    "families": lambda _: "👩\u200d👩\u200d👧\u200d👦👨🏿\u200d🚀🏳️\u200d🌈" * 60,
    "ulids": lines(ulid, 60),
    "uuids": lines(lambda chance: str(uuid.UUID(int=chance.getrandbits(128))), 60),
    "hashes": lines(lambda chance: "sha256:" + chance.randbytes(32).hex(), 40),
    "capital hashes": lines(lambda chance: chance.randbytes(32).hex().upper(), 40),
    "base64": lambda chance: base64.b64encode(chance.randbytes(2000)).decode(),
    "base32": lambda chance: base64.b32encode(chance.randbytes(2000)).decode(),
    "base85": lambda chance: base64.b85encode(chance.randbytes(2000)).decode(),
    "json": lines(short_json, 60),
    "wide json": lambda chance: json.dumps([{"name": "alice", "x": chance.random()} for _ in range(60)], indent=4),
    "envelopes": lines(envelope, 40),
    "urls": lines(url, 40),
    "listing": lines(listing, 40),
    "digits": drawn(string.digits, 2000),
    "numbers": lines(numbers, 40),
    "signs": drawn(string.punctuation, 2000),
    "noise": drawn(string.ascii_letters + string.digits + string.punctuation, 2000),
    "no words": lambda chance: " ".join(
        drawn(string.ascii_lowercase, chance.randint(2, 9))(chance) for _ in range(300)
    ),
    "NO WORDS": lambda chance: " ".join(
        drawn(string.ascii_uppercase, chance.randint(2, 9))(chance) for _ in range(300)
    ),
    "blanks": lambda _: " " * 3000,
    "tabs": lambda _: "\t\n" * 900,
    "line ends": lambda _: "\n" * 2000,
    "windows": lambda _: "x\r\n\r\n" * 300,
    "indents": lines(lambda chance: " " * chance.randint(0, 40) + "x", 200),
    "one letter": lambda _: "a" * 2000,
    "rules": lambda _: "-" * 900 + "=" * 900 + "#" * 300 + "*" * 300 + "_" * 600 + "." * 900,
    "table": lambda _: "| a | b |\n|---|:-:|\n| 1234567 | **bold** `code` |\n" * 20,
    "box": lambda _: "┌──┬──┐\n│ab│cd│\n└──┴──┘\n" * 40,
    "mathematics": lambda _: "∀x∈ℝ: ∃ε>0 ∑ᵢ xᵢ² ≤ ∫f(t)dt ⇒ α≠β " * 20,
    "any characters": between((0x80, 0x2FFF), (0x3000, 0xD7FF), (0x1F000, 0x1FAFF)),
    "rare hanzi": between((0x3400, 0x9FFF)),
    "accents": between((0xC0, 0x17F)),
}


@cache
def text_of(name: str) -> str:
    return MAKERS[name](random.Random(name))


COUNTED = {
    "prose": (225, 216, 225, 243),
    "code": (207, 207, 216, 243),
    "sql": (243, 243, 252, 343),
    "trace": (306, 306, 333, 369),
    "german": (208, 136, 145, 217),
    "french": (244, 172, 190, 244),
    "chinese": (468, 315, 387, 487),
    "japanese": (270, 189, 207, 397),
    "korean": (317, 208, 217, 469),
    "russian": (298, 127, 164, 244),
    "greek": (550, 208, 235, 613),
    "hebrew": (568, 200, 227, 577),
    "arabic": (478, 181, 164, 586),
    "hindi": (721, 191, 281, 757),
    "thai": (360, 144, 207, 397),
    "georgian": (1170, 164, 263, 622),
    "amharic": (811, 621, 820, 757),
    "tamil": (1054, 256, 335, 874),
    "emoji": (1089, 833, 1543, 1052),
    "families": (2280, 1440, 2640, 2341),
    "ulids": (1072, 1058, 1339, 1390),
    "uuids": (1398, 1395, 1957, 2040),
    "hashes": (1602, 1613, 2519, 2537),
    "capital hashes": (1547, 1538, 2346, 2350),
    "base64": (1893, 1803, 2021, 2148),
    "base32": (2121, 2044, 2360, 2471),
    "base85": (1929, 1880, 2034, 2171),
    "json": (1678, 1678, 2370, 2489),
    "wide json": (1501, 1501, 2183, 2364),
    "envelopes": (2510, 2500, 3009, 3085),
    "urls": (1440, 1426, 1870, 2070),
    "listing": (1154, 1154, 1513, 1513),
    "digits": (667, 667, 2000, 2001),
    "numbers": (2018, 2018, 3575, 3576),
    "signs": (1300, 1316, 1356, 1491),
    "noise": (1511, 1481, 1604, 1732),
    "no words": (975, 927, 1034, 1094),
    "NO WORDS": (1025, 994, 1104, 1201),
    "blanks": (24, 24, 47, 188),
    "tabs": (225, 225, 1800, 1801),
    "line ends": (63, 125, 500, 2001),
    "windows": (600, 600, 1500, 1500),
    "indents": (589, 589, 589, 744),
    "one letter": (250, 250, 1000, 253),
    "rules": (68, 68, 194, 249),
    "table": (480, 480, 560, 600),
    "box": (960, 960, 960, 721),
    "mathematics": (682, 700, 741, 881),
    "any characters": (2420, 2161, 2638, 2866),
    "rare hanzi": (2262, 1955, 2037, 2609),
    "accents": (1452, 1139, 1333, 1148),
}
"""Tokens by cl100k and o200k (bpe-openai 0.1.4), by Tekken (2409) and by Mistral's first 32,000 (mistral-common 1.13.1)."""


def test_the_texts_are_those_that_were_counted() -> None:
    together = hashlib.sha256("".join(map(text_of, MAKERS)).encode())
    assert COUNTED.keys() == MAKERS.keys()
    assert together.hexdigest() == "8eb5938c2498de7464da371778a3fc8584b77cef6ba64c6c349094c8178ed5db"


@cache
def others() -> OtherTokens:
    return OtherTokens()


@cache
def deepseek() -> DeepSeekTokens:
    return DeepSeekTokens()


@cache
def oracle() -> Tokenizer:
    return Tokenizer.from_file(str(tokenizer_file()))


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_whose_vocabulary_we_lack_never_counts_more_than_we_do(name: str) -> None:
    text = text_of(name)
    bound = others().count(text)
    assert bound >= max(*COUNTED[name], deepseek().exact(text))
    assert bound <= len(text.encode()) + 1


def test_the_bound_is_not_much_more_than_what_models_count() -> None:
    plain = ["prose", "code", "sql", "trace", "german", "french", "ulids", "hashes", "base64", "json", "envelopes"]
    for name in plain:
        assert others().count(text_of(name)) <= 1.45 * max(COUNTED[name]), name
    everything = sum(max(counted) for counted in COUNTED.values())
    assert sum(others().count(text_of(name)) for name in MAKERS) <= 1.4 * everything


@pytest.mark.parametrize("name", MAKERS)
def test_deepseek_never_counts_more_than_we_do_and_seldom_less(name: str) -> None:
    text = text_of(name)
    real = len(oracle().encode(text, add_special_tokens=False).ids)
    assert real <= deepseek().count(text) <= real * 1.12 + 5


@given(st.text(max_size=300))
def test_of_no_text_deepseek_counts_more_than_we_do(text: str) -> None:
    real = len(oracle().encode(text, add_special_tokens=False).ids)
    assert deepseek().count(text) >= real
    assert others().count(text) >= real
