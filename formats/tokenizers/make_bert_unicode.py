# SPDX-License-Identifier: Apache-2.0
"""Writes bert_unicode.inc: what Hugging Face `tokenizers` takes each code point for.

Its tables come from crates of different Unicode versions, so neither utf8proc nor any one version
of the standard gives the same ids; the library itself is asked instead, code point by code point.

    python3 formats/tokenizers/make_bert_unicode.py > formats/tokenizers/bert_unicode.inc
"""
import tokenizers
from tokenizers import normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)


def bert(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**options, **on}).normalize_str


def ranges(points):
    out = []
    for c in points:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def lower_runs(mapping):
    """(first, last, stride, difference): runs of stride 1 or 2 with one difference."""
    out = []
    for c, to in sorted(mapping.items()):
        if out:
            first, last, stride, delta = out[-1]
            step = c - last
            if to - c == delta and step in (1, 2) and stride in (0, step):
                out[-1] = (first, c, step, delta)
                continue
        out.append((c, c, 0, to - c))
    return [(f, l, s or 1, d) for f, l, s, d in out]


def print_table(name, kind, rows):
    print(f"constexpr {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        item = " {" + ", ".join(f"{v:#x}" if i < 2 else str(v) for i, v in enumerate(row)) + "},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};")


def main():
    clean, strip, lower = bert(clean_text=True), bert(strip_accents=True), bert(lowercase=True)
    nfd = normalizers.NFD().normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    lowered = {c: lower(chr(c)) for c in CODE_POINTS}
    lowered = {c: to for c, to in lowered.items() if to != chr(c)}
    several = {c: to for c, to in lowered.items() if len(to) > 1}
    assert several == {0x130: "i\u0307"}, several
    decomposed = [c for c in CODE_POINTS if nfd(chr(c)) != chr(c) and c not in HANGUL]
    unchanged = set(CODE_POINTS) - set(decomposed) - set(HANGUL)

    def reorders(c):
        ch = chr(c)
        return nfd(ch + "\u0334") == "\u0334" + ch or nfd("\u0301" + ch) == ch + "\u0301"

    print("// SPDX-License-Identifier: Apache-2.0")
    print(f"// Written by make_bert_unicode.py from tokenizers {tokenizers.__version__}.")
    print("// clang-format off")
    print_table("kControl", "CodePointRange", ranges(c for c in CODE_POINTS if clean(chr(c)) == ""))
    print_table("kMark", "CodePointRange", ranges(c for c in CODE_POINTS if strip(chr(c)) == ""))
    print_table("kPunctuation", "CodePointRange", ranges(
        c for c in CODE_POINTS if [t for t, _ in split(f"a{chr(c)}b")] == ["a", chr(c), "b"]))
    print_table("kDecomposed", "CodePointRange", ranges(decomposed))
    print_table("kCombining", "CodePointRange", ranges(c for c in sorted(unchanged) if reorders(c)))
    print_table("kLower", "LowerRun", lower_runs(
        {c: ord(to) for c, to in lowered.items() if c not in several}))
    print("// clang-format on")


if __name__ == "__main__":
    main()
