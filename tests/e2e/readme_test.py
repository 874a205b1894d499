# SPDX-License-Identifier: Apache-2.0
"""The README's Python example, run as it stands there but for the address and the weights."""
import os
import re
import subprocess
import sys
import unittest

from harness.case import EndToEndTest
from harness.inputs import make_model, make_reviews
from harness.stubs import ROOT

README_ADDRESS = "127.0.0.1:7460"


class Readme(EndToEndTest):
    def test_the_python_example_runs_against_a_server(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        [example] = re.findall(r"(?ms)^```python\n(.*?)^```$", text)
        [stubs] = re.findall(r"(?m)^python -m (grpc_tools\.protoc .*)$", text)
        server = self.start_server_with_fake_trainer()
        self.add_inputs_of(example, server)
        home = server.folder / "home"
        (home / ".local" / "share").mkdir(parents=True)
        (home / ".local" / "share" / "attune").symlink_to(server.data)
        (home / "proto").symlink_to(ROOT / "proto")

        subprocess.run(f"{sys.executable} -m {stubs}", shell=True, cwd=home, check=True)
        self.assertIn(README_ADDRESS, example)
        (home / "example.py").write_text(example.replace(README_ADDRESS, server.address))
        done = subprocess.run([sys.executable, "example.py"], cwd=home, timeout=60, text=True,
                              capture_output=True, env={**os.environ, "HOME": str(home)})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout.splitlines()[0], r"^step \d+ loss \d")
        self.assertRegex(done.stdout.splitlines()[-1], r"^SUCCEEDED models/\S+ \{.*accuracy")

    def add_inputs_of(self, example, server):
        """The names that the example uses."""
        [model] = re.findall(r'"models/([^"]+)"', example)
        self.cli_ok(server, "models", "import", make_model(server.folder / "tiny"), "--id", model)
        for seed, dataset in enumerate(re.findall(r'"datasets/([^"]+)"', example)):
            reviews = make_reviews(server.folder / f"{dataset}.csv", 40, seed)
            self.cli_ok(server, "datasets", "add", reviews, "--id", dataset)


if __name__ == "__main__":
    unittest.main()
