# SPDX-License-Identifier: Apache-2.0
"""The exit codes of `attune`, each from a real run. 6 is in bad_files_test.py."""
import signal
import unittest

from harness.case import EndToEndTest
from harness.server import set_trainer
from harness.stubs import v1

FOREVER_MS = 600_000
NOBODY = "127.0.0.1:1"  # a port that needs root to listen on


class WithoutServer(EndToEndTest):
    def setUp(self):
        self.server = self.start_server(worker="none")

    def test_a_command_line_that_makes_no_sense_is_2(self):
        for arguments, words in [((), "subcommand"),
                                 (("sumbit",), "did you mean 'submit'"),
                                 (("jobs", "--limt", "3"), "did you mean '--limit'"),
                                 (("get",), "NAME"),
                                 (("jobs", "--state", "RUNING"), "RUNNING"),
                                 (("--token", "abc", "jobs"), "--token-file")]:
            with self.subTest(arguments):
                done = self.cli_exits(2, self.server, *arguments)
                self.assertIn(words.replace("'", ""), done.stderr.replace("'", ""))
                self.assertIn("attune", done.stderr)

    def test_a_token_that_is_not_known_is_4(self):
        done = self.cli_exits(4, self.server, "jobs", ATTUNE_TOKEN="wrong")
        self.assertIn("--token-file", done.stderr)

    def test_a_token_that_others_can_read_is_4(self):
        open_file = self.server.folder / "open.token"
        open_file.write_text(self.server.token)
        open_file.chmod(0o644)
        done = self.cli_exits(4, self.server, "--token-file", open_file, "jobs")
        self.assertIn("chmod 600", done.stderr)

    def test_a_worker_token_is_4(self):
        self.cli_exits(4, self.server, "jobs", ATTUNE_TOKEN=self.server.worker_token())

    def test_no_server_is_5(self):
        done = self.cli_exits(5, self.server, "--server", NOBODY, "jobs")
        self.assertIn(NOBODY, done.stderr)

    def test_a_name_that_is_not_there_is_12(self):
        for arguments in [("get", "nothing"), ("get", "models/nothing"), ("cancel", "nothing"),
                          ("watch", "nothing"), ("download", "nothing"),
                          ("datasets", "check", "nothing")]:
            with self.subTest(arguments):
                done = self.cli_exits(12, self.server, *arguments)
                self.assertIn("nothing", done.stderr)

    def test_a_spec_that_was_read_and_found_wrong_is_6(self):
        spec = self.server.folder / "job.yaml"
        spec.write_text("spec:\n  fine_tune:\n    base_modle: models/tiny\n")
        done = self.cli_exits(6, self.server, "submit", "-f", spec)
        self.assertIn("job.yaml:3", done.stderr)
        self.assertIn("base_model", done.stderr)

    def test_help_and_version_are_0(self):
        self.assertIn("submit", self.cli_ok(self.server, "--help").stdout)
        self.assertIn("attune", self.cli_ok(self.server, "version").stdout)


class WithJobs(EndToEndTest):
    def setUp(self):
        self.server = self.start_server_with_fake_trainer(step_ms=FOREVER_MS)
        self.add_inputs(self.server, rows=20, test_rows=4)
        self.client = self.server.client()

    def submit(self, *more, **options):
        return self.server.cli_start("submit", "--id", "job", "--base", "tiny", "--train", "train",
                                     *more, **options)

    def ends(self, process, code):
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out + err)
        return out + err

    def test_a_job_that_succeeds_is_0_and_one_that_fails_is_10(self):
        set_trainer(self.server.folder, FAKE_STEP_MS=0)
        self.ends(self.submit("--watch"), 0)
        set_trainer(self.server.folder, FAKE_NAN_AT_STEP=3)
        process = self.server.cli_start("submit", "--id", "nan", "--base", "tiny", "--train",
                                        "train", "--watch")
        said = self.ends(process, 10)
        self.assertIn("NON_FINITE_LOSS", said)
        self.assertIn("step 3", said)
        self.cli_exits(10, self.server, "wait", "job", "nan")
        self.cli_exits(10, self.server, "watch", "nan")

    def test_a_cancelled_job_is_11(self):
        process = self.submit("--watch")
        self.wait_running()
        self.cli_ok(self.server, "cancel", "job")
        self.ends(process, 11)
        self.cli_exits(11, self.server, "wait", "job")

    def test_waiting_too_long_is_3(self):
        self.ends(self.submit(), 0)
        done = self.cli_exits(3, self.server, "wait", "job", "--timeout", "0.3")
        self.assertIn("attune wait", done.stderr)

    def test_interrupting_a_watch_detaches_with_130_and_the_job_goes_on(self):
        process = self.submit("--watch")
        self.wait_running()
        process.send_signal(signal.SIGINT)
        self.assertIn("attune watch jobs/job", self.ends(process, 130))
        self.assertEqual(self.client.job("jobs/job").state, v1.Job.RUNNING)

    def test_an_id_that_is_taken_is_6(self):
        self.ends(self.submit(), 0)
        self.assertIn("jobs/job", self.ends(self.submit("--priority", "7"), 6))

    def wait_running(self):
        self.wait_state(self.client, "jobs/job", ("RUNNING", "TRAINING"))


if __name__ == "__main__":
    unittest.main()
