#!/usr/bin/python3
"""`atoll schema` is a valid JSON Schema, takes right files and refuses wrong ones: ATOLL FILE..."""
import json
import subprocess
import sys

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


def main(atoll, files):
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
