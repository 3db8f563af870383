"""Our OpenAPI documents, judged by openapi-spec-validator from PyPI (it carries the official JSON
Schema of OpenAPI 3.1; Debian has neither). Skipped where PyPI cannot be reached.
"""
import json
import os
import subprocess

import pytest

import harness

VALIDATOR = "openapi-spec-validator==0.7.1"
VENV = os.path.join(harness.BUILD, "openapi-venv")
CONTRACTS = {
    "the shop": [os.path.join(harness.SHOP, "proto") + "/"],
    "the stage": [os.path.join(harness.BUILD, "test", "stage", "stage.set")],
    "everything": [os.path.join(harness.BUILD, "src", "contract", "rich.binpb")],
    "reflection": [os.path.join(harness.ROOT, "proto", "grpc") + "/"],
}


@pytest.fixture(name="validate", scope="module")
def validator():
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(os.path.join(VENV, "ready")):
        harness.must_run(["/usr/bin/python3", "-m", "venv", "--clear", VENV])
        done = subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                               VALIDATOR], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"{VALIDATOR} could not be fetched: {done.stderr[-300:]}")
        with open(os.path.join(VENV, "ready"), "w", encoding="ascii"):
            pass

    def run(path):
        return subprocess.run([python, "-m", "openapi_spec_validator", path], capture_output=True,
                              text=True, check=False)
    return run


@pytest.mark.parametrize("what", CONTRACTS)
def test_the_document_is_valid(validate, what, tmp_path):
    made = subprocess.run([harness.ATOLL, "openapi", *CONTRACTS[what]], capture_output=True,
                          text=True, check=False)
    assert made.returncode == 0, made.stderr
    path = tmp_path / "openapi.json"
    path.write_text(made.stdout)
    done = validate(str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_validator_finds_mistakes(validate, tmp_path):
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
                                "paths": {"/a": {"get": {"parameters": [{"in": "path"}]}}}}))
    assert validate(str(path)).returncode != 0
