# SPDX-License-Identifier: Apache-2.0
"""Files that cannot be trained on are refused before a job is made: with line, cause and remedy."""
import unittest

from harness.case import EndToEndTest
from harness.inputs import make_model

ROWS = "".join(f"row {i} is good,positive\nrow {i} is bad,negative\n" for i in range(10))
GOOD = ("text,label\n" + ROWS).encode()


def with_line(number, line):
    """GOOD with its line `number` (from 1) replaced."""
    lines = GOOD.splitlines(keepends=True)
    lines[number - 1] = line
    return b"".join(lines)


# name → (bytes, what stands in front of the cause, words of the cause, of the remedy)
BAD = {
    "wrong-column": (GOOD.replace(b"text,label", b"texts,label", 1), "bad.csv:1",
                     "no column 'text'", "Did you mean 'texts'?"),
    "broken-utf8": (with_line(7, b"caf\xe9 and more,positive\n"), "bad.csv:7:4", "UTF-8",
                    "Save the file as UTF-8"),
    "unbalanced-quote": (with_line(9, b'"never closed,positive\n'), "bad.csv:9",
                         "never closed", "Close it"),
    "one-class": (GOOD.replace(b"negative", b"positive"), "bad.csv", "every row has the label",
                  "one more class"),
    "empty": (b"", "bad.csv", "0 examples", "Add labelled rows"),
    "header-only": (b"text,label\n", "bad.csv", "0 examples", "Add labelled rows"),
    "ragged-row": (with_line(5, b"one, two, three,positive\n"), "bad.csv:5", "expected 2 fields",
                   "in quotes"),
}


class BadFiles(EndToEndTest):
    def setUp(self):
        self.server = self.start_server(worker="none")
        self.model = make_model(self.server.folder / "tiny")
        self.client = self.server.client()

    def check_refusals(self, refuse):
        path = self.server.folder / "bad.csv"
        for name, (data, where, cause, remedy) in BAD.items():
            with self.subTest(name):
                path.write_bytes(data)
                done = refuse(path)
                self.assertEqual(done.returncode, 6, done.stdout + done.stderr)
                self.assertIn(where + ":", done.stderr)
                self.assertIn(cause, done.stderr)
                self.assertIn("try: ", done.stderr)
                self.assertIn(remedy, done.stderr)
                self.assertEqual(self.client.list_jobs(), [])

    def test_datasets_add_refuses_them(self):
        self.check_refusals(lambda path: self.server.cli("datasets", "add", path))

    def test_submit_refuses_them_and_makes_no_job(self):
        self.check_refusals(lambda path: self.server.cli("submit", "--base", self.model,
                                                         "--train", path))

    def test_all_problems_of_a_file_are_told_at_once(self):
        lines = GOOD.splitlines(keepends=True)
        lines[3], lines[6], lines[9] = b"\xff,positive\n", b"a,b,c\n", b"\xfe,negative\n"
        path = self.server.folder / "bad.csv"
        path.write_bytes(b"".join(lines))
        done = self.server.cli("datasets", "add", path)
        self.assertEqual(done.returncode, 6)
        for line in (4, 7, 10):
            self.assertIn(f"bad.csv:{line}:", done.stderr)

    def test_a_good_file_is_taken_and_can_be_checked_again(self):
        path = self.server.folder / "good.csv"
        path.write_bytes(GOOD)
        self.cli_ok(self.server, "datasets", "add", path, "--id", "good")
        self.cli_ok(self.server, "datasets", "add", path, "--id", "good")
        self.assertIn("READY", self.cli_ok(self.server, "datasets", "check", "good").stdout)

    def test_a_model_without_weights_is_refused(self):
        (self.model / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
        done = self.server.cli("models", "import", self.model)
        self.assertEqual(done.returncode, 6, done.stdout + done.stderr)
        self.assertIn("safetensors", done.stderr)


if __name__ == "__main__":
    unittest.main()
