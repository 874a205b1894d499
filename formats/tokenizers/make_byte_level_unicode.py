# SPDX-License-Identifier: Apache-2.0
"""Writes byte_level_unicode.inc: the letters and numbers that byte-level pre-tokenization knows.

Which version of Unicode the library's regular expressions follow is not ours to guess, so the
library itself is asked, code point by code point.

    python3 formats/tokenizers/make_byte_level_unicode.py > formats/tokenizers/byte_level_unicode.inc
"""
import tokenizers
from tokenizers import pre_tokenizers

from make_bert_unicode import CODE_POINTS, print_table, ranges

WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
               0x202F, 0x205F, 0x3000}


def main():
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str

    def joins(before):
        """Code points that make one word with `before`."""
        return {c for c in CODE_POINTS if len(split(before + chr(c))) == 1}

    letters, numbers, others = joins("a"), joins("1"), joins("!")
    spaces = set(CODE_POINTS) - letters - numbers - others
    assert spaces == WHITE_SPACE, spaces ^ WHITE_SPACE
    assert len(letters) + len(numbers) + len(others) + len(spaces) == len(CODE_POINTS)

    print("// SPDX-License-Identifier: Apache-2.0")
    print(f"// Written by make_byte_level_unicode.py from tokenizers {tokenizers.__version__}.")
    print("// clang-format off")
    print_table("kLetter", "CodePointRange", ranges(sorted(letters)))
    print_table("kNumber", "CodePointRange", ranges(sorted(numbers)))
    print("// clang-format on")


if __name__ == "__main__":
    main()
