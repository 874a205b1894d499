# SPDX-License-Identifier: Apache-2.0
"""Real and adversarial strings for tokenizer parity. Seeded: the same list on every machine."""
import random

SPECIALS = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "[unused0]", "[ SEP ]", "[sep]", "[[SEP]]",
            "[SEP", "SEP]", "##ing", "##", "#", "<s>", "</s>", "<mask>", "<pad>", "<unk>", "<mask", " <mask> "]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'r", "'l", "'", "''s", " 't", "\u2019s"]
SPACES = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2007\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
MARKS = "\u0300\u0301\u0307\u0308\u0323\u0327\u0328\u0334\u0338\u0345\u035c\u0653\u0654\u093c\u0e38\u0f71\u302a\u3099\u1d165"
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "1️⃣", "©️", "❤️‍🔥", "🤷🏿‍♀️"]
WORDS = ("the İstanbul ẞtraße STRASSE ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ ﬁancée naïve Ångström ǅ Ǆ ǆ café CAFÉ Việt Nam "
         "don't can’t e.g. U.S.A. 3.14 1,000,000 $5 €7 £8 a_b a-b a–b a—b http://a.b/c?d=e#f x@y.z "
         "日本語テスト 中文测试 한국어 시험 ไทย हिन्दी العربية עִבְרִית Ελληνικά русский ქართული አማርኛ "
         "ＦＵＬＬＷＩＤＴＨ ㍿ Å Å ﷺ ½ ² ™ № … «x» „y“ ‹z› ¡hola! ¿qué? 々〆ヶ 𠮷野家 𝔘𝔫𝔦 𝟙𝟚 ").split()
BLOCKS = [(0x00, 0x7F), (0x80, 0x24F), (0x250, 0x36F), (0x370, 0x52F), (0x590, 0x8FF), (0x900, 0xDFF),
          (0xE00, 0x11FF), (0x1200, 0x1FFF), (0x2000, 0x2BFF), (0x2C00, 0x2FFF), (0x3000, 0x33FF),
          (0x4E00, 0x9FFF), (0xA000, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x2FFFF),
          (0x30000, 0x3FFFF), (0xE0000, 0xE0FFF), (0xF0000, 0x10FFFF)]


def _character(rng, low=0, high=0x10FFFF):
    while True:
        c = rng.randint(low, high)
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def _mixed(rng, real):
    """Pieces of everything, with and without space between them."""
    out = []
    for _ in range(rng.randint(1, 25)):
        kind = rng.randrange(10)
        if kind == 0:
            out.append(rng.choice(SPECIALS))
        elif kind == 1:
            out.append(rng.choice(EMOJI))
        elif kind == 2:
            out.append("".join(rng.choice(MARKS) for _ in range(rng.randint(1, 5))))
        elif kind == 3:
            out.append(_character(rng, *rng.choice(BLOCKS)))
        elif kind == 4 and real:
            out.append(rng.choice(rng.choice(real).split() or [""]))
        elif kind == 5:
            out.append(chr(rng.randrange(0xA0)))
        elif kind == 6:
            out.append(rng.choice(CONTRACTIONS))
        else:
            out.append(rng.choice(WORDS))
        out.append(rng.choice(SPACES) if rng.random() < 0.4 else " " if rng.random() < 0.5 else "")
    return "".join(out)


def _edges():
    yield from ("", " ", "\x00", "\ufffd", "a\x00b", "\u0301", "e\u0301", "\u0301e", "İ", "ǰ", "ﬃ", "\ufeffa")
    yield from SPECIALS
    yield from CONTRACTIONS
    yield from (f"it{c}{d}" for c in CONTRACTIONS for d in ("", " ", "x", "1", "!"))
    yield from (" ".join(SPECIALS), "".join(SPECIALS), "[SEP]" * 600)
    for n in (99, 100, 101, 200):  # around max_input_chars_per_word
        yield from ("a" * n, "é" * n, "\U0001d518" * n, "e\u0301" * n, "[" * n, "中" * n)
    yield " ".join("word" for _ in range(10_000))
    yield " ".join(WORDS * 150)
    yield "x" * 200_000
    for c in SPACES:
        yield f"a{c}b{c}{c}c{c}"
        yield f"{c}a {c}{c} 1{c} {c}!  {c}<mask>{c} b"
        yield c * 1000


def strings(real=(), seed=7, random_count=9000):
    """`real` first, then edge cases, every block in pieces, and `random_count` mixtures."""
    rng = random.Random(seed)
    real = list(real)
    out = real + list(_edges())
    for c in range(0, 0x20000, 8):  # every code point of planes 0 and 1, eight at a time
        chunk = [chr(p) for p in range(c, c + 8) if not 0xD800 <= p <= 0xDFFF]
        if chunk:
            out.append(" ".join("a" + p + "b" for p in chunk) if c % 16 else "".join(chunk))
    for low, high in BLOCKS:
        for _ in range(60):
            out.append("".join(_character(rng, low, high) for _ in range(rng.randint(1, 40))))
    for _ in range(random_count):
        out.append(_mixed(rng, real))
    return out
