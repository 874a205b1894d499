# SPDX-License-Identifier: Apache-2.0
"""The Python stubs, generated from proto/ when this module is imported.

    v1.Job, v1.JobServiceStub      every message and stub of attune.v1
    health, reflection             their modules of messages; …_grpc those of stubs
"""
import atexit
import importlib
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]
PROTO = ROOT / "proto"


def _generate(out, include, files):
    well_known = resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{include}", f"-I{well_known}", f"--python_out={out}",
                 f"--grpc_python_out={out}"]
    if protoc.main(arguments + [str(file) for file in files]) != 0:
        raise RuntimeError(f"protoc failed for {include}")


def _make():
    out = tempfile.mkdtemp(prefix="attune-stubs-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    ours = sorted((PROTO / "attune" / "v1").glob("*.proto"))
    _generate(out, PROTO, ours + sorted((PROTO / "google" / "rpc").glob("*.proto")))
    # Not as grpc/health/v1: Python's own package grpc would hide it.
    health_folder = PROTO / "grpc" / "health" / "v1"
    _generate(out, health_folder, [health_folder / "health.proto"])
    _generate(out, Path(__file__).parent, [Path(__file__).with_name("reflection.proto")])
    sys.path.insert(0, out)
    names = {}
    for file in ours:
        for suffix in ("_pb2", "_pb2_grpc"):
            module = importlib.import_module(f"attune.v1.{file.stem}{suffix}")
            names.update((k, v) for k, v in vars(module).items() if k[0].isupper())
    return SimpleNamespace(**names)


v1 = _make()
health = importlib.import_module("health_pb2")
health_grpc = importlib.import_module("health_pb2_grpc")
reflection = importlib.import_module("reflection_pb2")
reflection_grpc = importlib.import_module("reflection_pb2_grpc")
error_details = importlib.import_module("google.rpc.error_details_pb2")
