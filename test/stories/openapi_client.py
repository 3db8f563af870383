"""A client that knows nothing but an OpenAPI document: it checks the document, makes a request for
each operation out of its schemas, and judges the answers by them.
"""
import copy
import http.client
import json
import re
import urllib.parse

import jsonschema

VERBS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
DEEP = 3  # messages in messages of generated values


class Document:
    def __init__(self, doc):
        self.doc = doc
        self.strict = copy.deepcopy(doc)
        for schema in all_schemas(self.strict):
            if "properties" in schema:  # nothing may come that is not described
                schema.setdefault("additionalProperties", False)

    def operations(self):
        for path, item in self.doc["paths"].items():
            for verb, operation in item.items():
                if verb in VERBS:
                    yield path, verb, operation

    def follow(self, node):
        while "$ref" in node:
            assert node["$ref"].startswith("#/"), node
            found = self.doc
            for part in node["$ref"][2:].split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def judge(self, schema, value):
        """Raises jsonschema.ValidationError. schema: of the document, or of its strict copy."""
        resolver = jsonschema.RefResolver.from_schema(self.strict)
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)

    # ---- values that fit a schema ----

    def value(self, schema, depth=0):
        schema = self.follow(schema)
        if "anyOf" in schema:
            return self.value(schema["anyOf"][0], depth)
        if "enum" in schema:
            return schema["enum"][-1]
        kind = schema.get("type")
        if kind == "object":
            return self.object(schema, depth)
        if kind == "array":
            return [] if depth > DEEP else [self.value(schema.get("items", {}), depth + 1)]
        if kind == "string":
            return string_for(schema)
        return {"integer": 1, "number": 1.5, "boolean": True, "null": None, None: "anything"}[kind]

    def object(self, schema, depth):
        made = {}
        taken = set()  # oneofs
        for name, member in schema.get("properties", {}).items():
            oneof = re.search(r"At most one of .* is set \(oneof (\w+)\)", member.get("description", ""))
            if oneof and oneof[1] in taken:
                continue
            if depth > DEEP and self.follow(member).get("type") == "object":
                continue
            taken.add(oneof[1] if oneof else None)
            made[name] = self.value(member, depth + 1)
        if isinstance(schema.get("additionalProperties"), dict) and depth <= DEEP:
            pattern = schema.get("propertyNames", {}).get("pattern", "")
            key = "1" if "[0-9]" in pattern else "true" if pattern else "key"
            made[key] = self.value(schema["additionalProperties"], depth + 1)
        return made

    def request(self, path, operation):
        """(target, body) with every parameter that the operation has."""
        query = []
        for parameter in operation.get("parameters", []):
            value = self.value(parameter["schema"])
            texts = [as_text(v) for v in (value if isinstance(value, list) else [value])]
            if parameter["in"] == "path":
                mark = "{" + parameter["name"] + "}"
                assert mark in path, (path, parameter)
                path = path.replace(mark, urllib.parse.quote(texts[0], safe=""))
            else:
                query += [(parameter["name"], text) for text in texts]
        assert "{" not in path, path
        if query:
            path += "?" + urllib.parse.urlencode(query)
        body = operation.get("requestBody")
        if body is not None:
            body = json.dumps(self.value(body["content"]["application/json"]["schema"]))
        return path, body

    def check_answer(self, operation, answer):
        """The status and the body are what the document says."""
        responses = {code: self.follow(r) for code, r in operation["responses"].items()}
        response = responses.get(str(answer.status), responses["default"])
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in response["content"], (kind, answer)
        strict = Document.__new__(Document)
        strict.doc = self.strict
        where = strict.follow(self.strict_operation(operation)["responses"].get(
            str(answer.status), operation["responses"]["default"]))
        self.judge(where["content"][kind]["schema"], json.loads(answer.body))

    def strict_operation(self, operation):
        for path, verb, other in self.operations():
            if other is operation:
                return self.strict["paths"][path][verb]
        raise AssertionError("not of this document")

    # ---- the document itself ----

    def check(self):
        """What OpenAPI 3.1 asks of a document, beyond what its JSON form shows."""
        doc = self.doc
        assert doc["openapi"] == "3.1.0"
        assert isinstance(doc["info"]["title"], str) and isinstance(doc["info"]["version"], str)
        ids = [operation["operationId"] for _, _, operation in self.operations()]
        assert len(ids) == len(set(ids))
        shapes = [re.sub(r"\{[^}]*\}", "{}", path) for path in doc["paths"]]
        assert len(shapes) == len(set(shapes)), "paths that differ in names of variables only"
        tags = [tag["name"] for tag in doc.get("tags", [])]
        assert len(tags) == len(set(tags))
        for path, _, operation in self.operations():
            assert path.startswith("/")
            marks = re.findall(r"\{([^}]*)\}", path)
            names = [(p["in"], p["name"]) for p in operation.get("parameters", [])]
            assert len(names) == len(set(names)), names
            assert sorted(marks) == sorted(n for i, n in names if i == "path"), (path, names)
            assert all(p.get("required") for p in operation.get("parameters", [])
                       if p["in"] == "path")
            assert set(operation["tags"]) <= set(tags)
            assert all("description" in self.follow(r) for r in operation["responses"].values())
        for name in doc["components"]["schemas"]:
            assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
        for schema in all_schemas(doc):
            jsonschema.Draft202012Validator.check_schema(schema)
        for node in walk(doc):
            if "$ref" in node:
                self.follow(node)


def walk(root):
    """Every object of a JSON value."""
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            yield node
            todo += node.values()
        elif isinstance(node, list):
            todo += node


def all_schemas(doc):
    """The schemas of components and of operations, each from its outside."""
    yield from (s for s in doc["components"]["schemas"].values())
    for node in walk(doc["paths"]):
        if isinstance(node.get("schema"), dict):
            yield node["schema"]


def string_for(schema):
    if schema.get("contentEncoding") == "base64":
        return "aGk="
    return {"int64": "1", "uint64": "1", "date-time": "2026-01-31T12:00:00Z",
            "duration-seconds": "1.5s", "field-mask": "a,b.c"}.get(schema.get("format"), "text")


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


class Reply:
    def __init__(self, answer):
        self.status = answer.status
        self.headers = {k.lower(): v for k, v in answer.getheaders()}
        self.body = answer.read()

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


def send(server, verb, target, body, timeout=60):
    """One request on a connection of its own, to "http://127.0.0.1:8080"."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server).netloc, timeout=timeout)
    try:
        headers = {} if body is None else {"content-type": "application/json"}
        connection.request(verb.upper(), target, body=body, headers=headers)
        return Reply(connection.getresponse())
    finally:
        connection.close()
