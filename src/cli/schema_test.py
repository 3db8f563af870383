#!/usr/bin/python3
"""`atoll schema` is a valid JSON Schema, takes right files and refuses wrong ones; the examples of
atoll.yaml(5) are right: ATOLL FILE..."""
import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

RIGHT = [
    {"services": {"a": {"command": "x"}}},
    {"services": {"a": {"command": ["x", "y"], "environment": {"A": None, "B": 1, "C": True}}}},
    {"services": {"a": {"command": "x", "restart": "on-failure:3", "stop_grace_period": "1m30s"}}},
    {"services": {"a": {"command": "x", "deploy": {"resources": {"limits": {"cpus": 0.5, "memory": "64M"}}}}}},
    {"services": {"a": {"command": "x", "deploy": {"replicas": "${N:-2}"}}}, "x-own": [1]},
    {"services": {"a": {"command": "x", "depends_on": {"b": {"condition": "service_healthy"}}},
                  "b": {"command": "x", "x-own": 1}}},
    {"services": {"a": {"command": "x"}}, "gateway": {"listen": [{"address": "127.0.0.1:80", "services": ["a"]}]}},
    {"services": {"a": {"command": "x", "deploy": {"replicas": 3, "weights": [3, 1, "${W}"]}}},
     "policies": {"defaults": {"balance": "p2c", "slow-start": "0s"}, "a": {"balance": "round-robin", "slow-start": "10s"},
                  "door -> a": {"balance": {"hash": "cart.id", "bound": "150%"}}, "x-own": 1}},
    {"services": {"a": {"command": "x", "uses": ["lock:one"]}},
     "locks": {"one": {}, "two": None, "cart-*": {"lease": "5s"}, "a/B.c": {"permits": 3}, "x-own": 1}},
]
WRONG = [
    [],
    {},
    {"services": {}},
    {"services": {"a": {}}},
    {"services": {"A_b": {"command": "x"}}},
    {"services": {"a": {"comand": "x"}}},
    {"services": {"a": {"command": "x", "image": "y"}}},
    {"services": {"a": {"command": {"x": 1}}}},
    {"services": {"a": {"command": "x", "stop_grace_period": 30}}},
    {"services": {"a": {"command": "x", "restart": "sometimes"}}},
    {"services": {"a": {"command": "x", "deploy": {"replicas": 65}}}},
    {"services": {"a": {"command": "x", "uses": "b"}}},
    {"services": {"a": {"command": "x", "deploy": {"weights": [0]}}}},
    {"services": {"a": {"command": "x"}}, "policies": {"a": {"balance": "maglev"}}},
    {"services": {"a": {"command": "x"}}, "policies": {"a": {"balance": {"bound": 150}}}},
    {"services": {"a": {"command": "x"}}, "locks": {"a*b": {}}},
    {"services": {"a": {"command": "x"}}, "locks": {"a": {"permits": 0}}},
    {"services": {"a": {"command": "x"}}, "locks": {"a": 3}},
    {"services": {"a": {"command": "x"}}, "policies": {"a.Get": {"balance": "p2c"}}},
    {"services": {"a": {"command": "x"}}, "gateway": {"listen": [{"services": ["a"]}]}},
    {"services": {"a": {"command": "x", "depends_on": {"b": {"condition": "service_completed_successfully"}}}}},
]


def refers(node, found):
    """Every "$ref" below node."""
    if isinstance(node, dict):
        found.extend([node["$ref"]] if "$ref" in node else [])
        for value in node.values():
            refers(value, found)
    elif isinstance(node, list):
        for value in node:
            refers(value, found)
    return found


def try_examples(atoll):
    """Each example of the manual page is a configuration; the last one lies on the one before."""
    page = subprocess.run([atoll, "schema", "--man"], check=True, capture_output=True, text=True).stdout
    examples = [e.replace("\\-", "-") for e in re.findall(r"\.nf\n(.*?)\.fi\n", page, re.S)]
    assert len(examples) == 3, examples
    with tempfile.TemporaryDirectory() as folder:
        for i, names in enumerate([["atoll.yaml"], ["atoll.yaml"], ["atoll.override.yaml"]]):
            with open(os.path.join(folder, names[0]), "w", encoding="utf-8") as f:
                f.write(examples[i])
            run = subprocess.run([atoll, "config", "--profile", "debug"], cwd=folder,
                                 capture_output=True, text=True)
            if run.returncode != 0:
                sys.exit(f"example {i + 1} of the manual page: {run.stderr}")
        resolved = yaml.safe_load(run.stdout)
        assert resolved["services"]["cart"]["environment"] == {"LOG_LEVEL": "trace"}
        assert len(resolved["gateway"]["listen"]) == 2


def main(atoll, files):
    try_examples(os.path.abspath(atoll))
    schema = json.loads(subprocess.run([atoll, "schema"], check=True, capture_output=True).stdout)
    bad = [r for r in refers(schema, []) if r.removeprefix("#/$defs/") not in schema["$defs"]]
    if bad:
        sys.exit(f"references to nothing: {bad}")
    try:
        import jsonschema
    except ImportError:
        print("python3-jsonschema is not installed: only the structure was looked at")
        return
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    for file in files:
        with open(file, encoding="utf-8") as f:
            judge.validate(yaml.safe_load(f))
    for right in RIGHT:
        judge.validate(right)
    taken = [wrong for wrong in WRONG if judge.is_valid(wrong)]
    if taken:
        sys.exit(f"taken as right: {taken}")


main(sys.argv[1], sys.argv[2:])
