# SPDX-License-Identifier: Apache-2.0
"""English sentences with their Brazilian Portuguese translations, from the descriptions of Debian's packages, which
volunteers translate (tools/fetch_data.py calls this; no test or build does).

    package_descriptions.py FOLDER      makes FOLDER/{train,test}.jsonl, lines of {"en": …, "pt": …}

apt reads the archive of this machine's Debian release with lists and caches of its own, so nothing of the system
changes. A pair is a package's short description, or a sentence out of a paragraph that has as many sentences in both
languages. Some 5 % of the source packages, by a hash of the name, are held out, and what remains there of sentences
that the others have too is left out.
"""
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HELD_OUT = 0.05
FEWEST_PAIRS = 10_000  # below this something is wrong with the lists
WORDS = range(3, 41)  # of a sentence, in both languages
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"“(]?[A-ZÀ-Ý0-9])")


def apt(folder, *arguments):
    """apt-get with state and cache in `folder`; its output."""
    options = (f"Dir::State={folder}/state", f"Dir::Cache={folder}/cache", "Acquire::Languages=en,pt_BR",
               "APT::Sandbox::User=root")
    command = ["apt-get", "-qq", *(part for option in options for part in ("-o", option)), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def fetch_lists(folder):
    """(kind, path) of Debian's lists: "Packages", "Translations"."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    apt(folder, "update")
    lines = apt(folder, "indextargets", "--format", "$(CREATED_BY) $(FILENAME)", "Origin: Debian").splitlines()
    return sorted(tuple(line.split(" ", 1)) for line in lines)


def stanzas(path):
    """The fields of each stanza of a list, continuation lines below the first."""
    text = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], check=True, stdout=subprocess.PIPE).stdout
    for stanza in text.decode("utf-8").split("\n\n"):
        fields = dict(field.split(":", 1) for field in re.split(r"\n(?! )", stanza.strip()) if field)
        if fields:
            yield {name: value.strip() for name, value in fields.items()}


def descriptions(lists):
    """(source package, English, Portuguese) of each description that has both."""
    sources, english, portuguese = {}, {}, {}
    for kind, path in lists:
        for stanza in stanzas(path):
            digest = stanza.get("Description-md5")
            if kind == "Packages":
                # "Source: name (version)"; without it the source is named as the package.
                source = stanza.get("Source", stanza["Package"]).split()[0]
                sources[digest] = min(source, sources.get(digest, source))
            if "Description-en" in stanza:
                english[digest] = stanza["Description-en"]
            if "Description-pt_BR" in stanza:
                portuguese[digest] = stanza["Description-pt_BR"]
    return [(sources[digest], english[digest], portuguese[digest])
            for digest in sorted(portuguese) if digest in english and digest in sources]


def paragraphs(description):
    """The short description, and what follows it by paragraphs; None for one with a list or a table in it, whose
    lines begin with a further space."""
    short, *lines = description.replace("\u200b", "").split("\n")
    blocks = "\n".join(line[1:] for line in lines).split("\n.\n")
    return short, [None if re.search(r"^[ *\-]", block, re.M) else " ".join(block.split()) for block in blocks]


def pairs_of(english, portuguese):
    (short, blocks), (translated_short, translated_blocks) = paragraphs(english), paragraphs(portuguese)
    yield short, translated_short
    if len(blocks) != len(translated_blocks):
        return
    for block, translated in zip(blocks, translated_blocks):
        if not block or not translated:
            continue
        sentences, theirs = SENTENCE_END.split(block), SENTENCE_END.split(translated)
        if len(sentences) != len(theirs):
            continue
        yield from ((a, b) for a, b in zip(sentences, theirs)
                    if len(a.split()) in WORDS and len(b.split()) in WORDS)


def likely(english, portuguese):
    """Neither left as it was nor of a very different length."""
    ratio = len(english) / max(len(portuguese), 1)
    return english.lower() != portuguese.lower() and 0.5 < ratio < 2


def key(text):
    return re.sub(r"\W", "", text.lower())


def is_held_out(source):
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:8], "little") / 2.0**64 < HELD_OUT


def split(found):
    """Pairs to train on and pairs held out, each once."""
    parts = {False: {}, True: {}}
    for source, english, portuguese in found:
        for pair in pairs_of(english, portuguese):
            if likely(*pair):
                parts[is_held_out(source)].setdefault(tuple(map(key, pair)), pair)
    seen = {text for pair in parts[False] for text in pair}
    test = [pair for keys, pair in parts[True].items() if not seen.intersection(keys)]
    return list(parts[False].values()), test


def write_pairs(folder):
    with tempfile.TemporaryDirectory() as work:
        train, test = split(descriptions(fetch_lists(Path(work))))
    if len(train) < FEWEST_PAIRS:
        raise SystemExit(f"package_descriptions: apt's lists gave only {len(train)} pairs; at least {FEWEST_PAIRS} are "
                         "expected: look whether apt-get update gets Debian's main archive here")
    for name, pairs in (("train", train), ("test", test)):
        with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as file:
            for english, portuguese in pairs:
                file.write(json.dumps({"en": english, "pt": portuguese}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write_pairs(Path(sys.argv[1]))
