# SPDX-License-Identifier: Apache-2.0
"""What each binary must not hold, read with nm from the unstripped binaries.

    symbols.py BUILD_FOLDER

attuned has no torch and nothing of formats/ (it parses no tenant file), attune-trainer has no
protobuf (libtorch exports its own, and two in one process crash) and calls nothing that unpickles.
Each pattern is first shown to find what it looks for in a binary that must have it.
"""
import re
import subprocess
import sys
from pathlib import Path

TORCH = re.compile(r"\b(torch|at|c10)::")
PROTOBUF = re.compile(r"\bgoogle::protobuf::")
UNPICKLE = re.compile(r"\btorch::(load\b|jit::(load|import|Unpickler|unpickle|pickle_load)|"
                      r"pickle_load|serialize::InputArchive)|"
                      r"\bcaffe2::serialize::PyTorchStreamReader")
# What the unpickler pattern must find; no binary of ours may show it.
UNPICKLE_EXAMPLES = ("torch::load(at::Tensor&, std::string const&)",
                     "torch::jit::load(std::string const&, c10::optional<c10::Device>, bool)",
                     "torch::jit::Unpickler::parse_ivalue()",
                     "torch::serialize::InputArchive::load_from(std::string const&)")


def nm(path, *options):
    answer = subprocess.run(["nm", *options, str(path)], check=True, capture_output=True, text=True)
    return answer.stdout.splitlines()


def symbols(path):
    return [line[19:] if re.match(r"[0-9a-f ]{16} . ", line) else line
            for line in nm(path, "--demangle")]


def strong(path):
    """Mangled names that the file itself defines, less inline functions and templates."""
    lines = (line.split() for line in nm(path, "--defined-only"))
    return {words[-1] for words in lines if len(words) == 3 and words[1] in "TDBR"}


def needed(path):
    answer = subprocess.run(["readelf", "--dynamic", str(path)], check=True, capture_output=True,
                            text=True)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", answer.stdout)


class Report:
    def __init__(self):
        self.failures = 0

    def none_of(self, what, found):
        found = sorted(found)
        if found:
            self.failures += 1
            print(f"symbols: {what}, but it has {len(found)}, such as:", *found[:5], sep="\n  ")

    def some_of(self, what, found):
        if not found:
            self.failures += 1
            print(f"symbols: {what}; without it this check would prove nothing")


def main():
    build = Path(sys.argv[1])
    attuned, trainer, inspect = (build / "bin" / name
                                 for name in ("attuned", "attune-trainer", "attune-inspect"))
    of_attuned, of_trainer = symbols(attuned), symbols(trainer)
    formats = set().union(*(strong(a) for a in (build / "formats").rglob("*.a")))
    report = Report()

    report.some_of("attune-trainer must show torch symbols", list(filter(TORCH.search, of_trainer)))
    report.some_of("attuned must show protobuf symbols", list(filter(PROTOBUF.search, of_attuned)))
    report.some_of("attune-inspect must show symbols of formats/", formats & strong(inspect))
    for example in UNPICKLE_EXAMPLES:
        report.some_of(f"the pattern must find {example}", UNPICKLE.search(example))

    report.none_of("attuned must have no torch symbol", filter(TORCH.search, of_attuned))
    report.none_of("attuned must not load libtorch",
                   (n for n in needed(attuned) if re.match(r"lib(torch|c10)", n)))
    report.none_of("attuned must have no symbol of formats/", formats & strong(attuned))
    report.none_of("attune-trainer must have no protobuf symbol",
                   filter(PROTOBUF.search, of_trainer))
    report.none_of("attune-trainer must load neither protobuf nor gRPC",
                   (n for n in needed(trainer) if re.match(r"lib(protobuf|grpc)", n)))
    report.none_of("attune-trainer must reference no unpickler",
                   filter(UNPICKLE.search, of_trainer))
    print(f"symbols: {len(of_attuned)} of attuned, {len(of_trainer)} of attune-trainer, "
          f"{len(formats)} of formats/ looked at; {report.failures} failed")
    sys.exit(report.failures > 0)


if __name__ == "__main__":
    main()
