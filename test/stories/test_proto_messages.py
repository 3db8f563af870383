"""atoll proto describe, decode and encode: what contracts declare and what messages hold."""
import base64
import json
import os
import re
import subprocess

import pytest

import harness

ROOT = harness.ROOT
TESTDATA = os.path.join(ROOT, "src", "contract", "testdata")
SHOP_PROTO = os.path.join(harness.SHOP, "proto")
CART = os.path.join(harness.SHOP_BIN, "cart")
ITEM = {"itemId": 1, "quantity": -5}


def atoll(*args, stdin=b"", check=0):
    """(stdout, stderr); stdout as bytes."""
    done = subprocess.run([harness.ATOLL, *args], input=stdin, capture_output=True, check=False,
                          env={**os.environ, "NO_COLOR": "1"})
    said = done.stderr.decode()
    assert done.returncode == check, f"{args}: {done.returncode}\n{done.stdout!r}{said}"
    return done.stdout, said


def proto(*args, **more):
    return atoll("proto", *args, **more)


def protoc(*args, stdin=b""):
    done = subprocess.run(["protoc", *args], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(name="rich", scope="module")
def set_of_the_rich_contract(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("set") / "rich.pb")
    protoc("-I", TESTDATA, "-I", os.path.join(ROOT, "proto"), "--include_imports",
           "--include_source_info", f"--descriptor_set_out={path}", "rich.proto")
    return path


# ---- describe ----

def test_without_a_name_everything_is_listed(rich):
    rows = json.loads(proto("describe", rich, "-o", "json")[0])
    assert {"kind": "service", "name": "rich.v1.BookService", "file": "rich.proto"} in rows
    assert {"kind": "enum", "name": "rich.v1.Tree.Leaf.Colour", "file": "rich.proto"} in rows
    assert {"kind": "extension", "name": "rich.old.remark", "file": "old.proto"} in rows
    assert not [r for r in rows if r["name"].startswith("google.") or "Entry" in r["name"]]
    text = proto("describe", rich)[0].decode().splitlines()
    assert text[0].split() == ["KIND", "NAME", "FILE"] and len(text) == len(rows) + 1


def test_a_message_is_shown_as_its_proto_writes_it_with_its_place(rich):
    shown = proto("describe", "Book", rich)[0].decode()
    assert shown == ("// rich.proto:90\n\nmessage Book {\n  string isbn = 1;\n"
                     "  // How it is made.\n  Kind kind = 2;\n  repeated Book sequels = 3;\n}\n")
    made = json.loads(proto("describe", "rich.v1.Book", rich, "-o", "json")[0])
    assert (made["kind"], made["name"], made["line"]) == ("message", "rich.v1.Book", 90)
    assert made["text"].startswith("message Book {")


@pytest.mark.parametrize("name", ["rich.v1.BookService/Watch", "rich.v1.BookService.Watch",
                                  "BookService/Watch", "v1.BookService.Watch",
                                  "/rich.v1.BookService/Watch"])
def test_a_method_is_shown_with_its_http_rules(rich, name):
    shown = proto("describe", name, rich)[0].decode()
    assert "rpc Watch(google.protobuf.Empty) returns (stream Book) {\n" in shown
    assert 'option (google.api.http) = { get: "/v1/watch" };' in shown


@pytest.mark.parametrize("folder, name", [
    (TESTDATA, "rich.proto"), (TESTDATA, "old.proto"),
    (os.path.join(ROOT, "src", "generator", "testdata"), "everything.proto"),
    (os.path.join(ROOT, "src", "generator", "testdata"), "two.proto"),
    (os.path.join(ROOT, "src", "generator", "testdata"), "names.proto")])
def test_what_is_shown_can_be_compiled_again_to_the_same(folder, name, tmp_path):
    """But for the order of the file."""
    includes = ["-I", folder, "-I", os.path.join(ROOT, "proto")]
    whole = str(tmp_path / "whole.pb")
    protoc(*includes, "--include_imports", f"--descriptor_set_out={whole}", name)
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        lines = f.readlines()
    text = "".join(line for line in lines if line.startswith(("syntax ", "package ", "import ")))
    package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)[1]
    for row in json.loads(proto("describe", whole, "-o", "json")[0]):
        if row["file"] == name and row["name"].count(".") == package.count(".") + 1:  # not nested
            text += json.loads(proto("describe", row["name"], whole, "-o", "json")[0])["text"]
    (tmp_path / name).write_text(text)

    def declared(*first):
        path = str(tmp_path / "out.pb")
        protoc(*first, *includes, f"--descriptor_set_out={path}", name)
        with open(path, "rb") as f:
            return sorted(protoc("--decode=google.protobuf.FileDescriptorSet",
                                 "google/protobuf/descriptor.proto", stdin=f.read()).splitlines())

    assert declared("-I", str(tmp_path)) == declared()


def test_a_program_shows_what_it_carries():
    shown = proto("describe", "CartService", CART)[0].decode()
    assert 'option (google.api.http) = { post: "/cart" body: "item" };' in shown
    assert "//" not in shown.split("\n", 1)[1]  # programs carry no comments


def test_the_system_of_the_folder_is_taken_when_nothing_else_is_named(system):
    s = system("describe", harness_yaml(), {})
    os.makedirs(os.path.join(s.dir, "bin"))
    with open(CART, "rb") as f, open(os.path.join(s.dir, "bin", "cart"), "wb") as to:
        to.write(f.read())
    os.chmod(os.path.join(s.dir, "bin", "cart"), 0o755)
    assert "message CartItem" in s.atoll("proto", "describe", "CartItem", check=0).stdout
    assert "shop.cart.v1.CartService" in s.atoll("proto", "describe", check=0).stdout


def harness_yaml():
    return "name: describe\nservices:\n  cart:\n    command: bin/cart\n"


# ---- decode and encode ----

def test_what_is_encoded_is_what_protoc_encodes_and_comes_back():
    wire, _ = proto("encode", "CartItem", CART, stdin=json.dumps(ITEM).encode())
    assert wire == protoc("-I", SHOP_PROTO, "-I", os.path.join(ROOT, "proto"),
                          "--encode=shop.cart.v1.CartItem", "shop/cart/v1/cart.proto",
                          stdin=b"item_id: 1 quantity: -5")
    shown, said = proto("decode", "CartItem", CART, stdin=wire)
    assert json.loads(shown) == ITEM and said == ""
    assert shown.decode() == '{\n  "itemId": 1,\n  "quantity": -5\n}\n'
    assert proto("decode", "CartItem", CART, "-o", "jsonl", stdin=wire)[0] == (
        b'{"itemId":1,"quantity":-5}\n')
    shown, _ = proto("decode", "CartItem", CART, "--text", stdin=wire)
    assert shown == protoc("-I", SHOP_PROTO, "-I", os.path.join(ROOT, "proto"),
                           "--decode=shop.cart.v1.CartItem", "shop/cart/v1/cart.proto", stdin=wire)
    assert proto("encode", "CartItem", CART, "--text", stdin=shown)[0] == wire
    shown = json.loads(proto("decode", "CartItem", CART, "--defaults", stdin=wire)[0])
    assert shown == {**ITEM, "price": 0}


def test_bytes_go_in_and_out_in_hexadecimal_and_base64(tmp_path):
    body = json.dumps(ITEM).encode()
    wire, _ = proto("encode", "CartItem", CART, stdin=body)
    in_hex, _ = proto("encode", "CartItem", CART, "--hex", stdin=body)
    assert bytes.fromhex(in_hex.decode()) == wire
    in_base64, _ = proto("encode", "CartItem", CART, "--base64", stdin=body)
    assert base64.b64decode(in_base64) == wire
    made = json.loads(proto("encode", "CartItem", CART, "-o", "json", stdin=body)[0])
    assert base64.b64decode(made["base64"]) == wire and made["bytes"] == len(wire)
    for flag, text in (("--hex", in_hex), ("--hex", in_hex.upper().replace(b" ", b"\n")),
                       ("--base64", in_base64), ("--base64", in_base64.replace(b"=", b"")),
                       ("--base64", base64.urlsafe_b64encode(wire))):
        assert json.loads(proto("decode", "CartItem", CART, flag, stdin=text)[0]) == ITEM
    path = tmp_path / "item.bin"
    path.write_bytes(wire)
    assert json.loads(proto("decode", "CartItem", CART, "-i", str(path))[0]) == ITEM
    assert json.loads(proto("decode", "CartItem", CART, "-i", "-", stdin=wire)[0]) == ITEM


def test_a_long_message_in_base64_has_lines_that_can_be_read_back(rich):
    body = json.dumps({"isbn": "x" * 500}).encode()
    wire, _ = proto("encode", "Book", rich, stdin=body)
    for flag in ("--hex", "--base64"):
        text, _ = proto("encode", "Book", rich, flag, stdin=body)
        assert max(len(line) for line in text.splitlines()) <= 96 and text.endswith(b"\n")
        assert proto("decode", "Book", rich, flag, stdin=text) == proto("decode", "Book", rich,
                                                                        stdin=wire)


def test_everything_that_json_has_goes_through(rich):
    body = {"number": "NaN", "i64": "-9223372036854775808", "raw": "aGk=", "kind": "KIND_TAPE",
            "maybe": 0, "cash": 3, "byNumber": {"7": {"isbn": "x"}}, "byAnswer": {"true": 1.5},
            "when": "2026-01-31T12:00:00.5Z", "took": "1.5s", "mask": "a,bC",
            "object": {"a": [1, None]}, "any": {"@type": "type.googleapis.com/rich.v1.Book",
                                                "isbn": "i"}, "wrapped": "5", "@other": "o"}
    wire, _ = proto("encode", "rich.v1.Everything", rich, stdin=json.dumps(body).encode())
    back = json.loads(proto("decode", "rich.v1.Everything", rich, stdin=wire)[0])
    assert back == {**body, "when": "2026-01-31T12:00:00.500Z", "took": "1.500s"}
    text, _ = proto("decode", "rich.v1.Everything", rich, "--text", stdin=wire)
    assert b"[type.googleapis.com/rich.v1.Book]" in text
    assert proto("encode", "rich.v1.Everything", rich, "--text", stdin=text)[0] == wire


def test_without_a_type_fields_are_shown_by_number_as_protoc_shows_them(rich):
    body = {"i64": "5", "f32": 7, "number": 1.5, "text": "hi\n",
            "tree": {"left": {"leaf": {}}, "more": [{}, {"left": {}}]}}
    wire, _ = proto("encode", "rich.v1.Everything", rich, stdin=json.dumps(body).encode())
    assert proto("decode", stdin=wire)[0] == protoc("--decode_raw", stdin=wire)
    assert proto("decode", "--hex", stdin=wire.hex().encode())[0] == proto("decode", stdin=wire)[0]
    assert proto("decode", stdin=b"") == (b"", "")


def test_fields_that_the_type_does_not_know_are_not_hidden():
    wire = bytes.fromhex("0801 1202 0801 4a03 616263".replace(" ", ""))
    shown, said = proto("decode", "CartItem", CART, stdin=wire)
    assert json.loads(shown) == {"itemId": 1}
    assert "fields that shop.cart.v1.CartItem does not know; --text shows them" in said
    shown, said = proto("decode", "CartItem", CART, "--text", stdin=wire)
    assert shown == b'item_id: 1\n2 {\n  1: 1\n}\n9: "abc"\n' and said == ""


def test_nor_are_those_of_messages_within_it(tmp_path):
    (tmp_path / "u.proto").write_text(
        'syntax = "proto3"; package u; message In {} '
        "message Out { repeated In list = 1; map<string, In> map = 2; }")
    args = ("Out", str(tmp_path / "u.proto"))
    shown, said = proto("decode", *args, stdin=bytes.fromhex("0a00 0a02 2805"))
    assert json.loads(shown) == {"list": [{}, {}]}
    assert "Note: list[1] has fields that its type does not know; --text shows them" in said
    _, said = proto("decode", *args, stdin=bytes.fromhex("1207 0a016b 1202 2805"))
    assert "Note: map[0].value has fields" in said
    assert proto("decode", *args, stdin=bytes.fromhex("0a00 1205 0a016b 1200"))[1] == ""


def test_what_is_sensitive_is_shown_unless_it_is_to_be_masked(tmp_path):
    (tmp_path / "s.proto").write_text(
        'syntax = "proto3"; package s; import "atoll/options.proto";\n'
        "message Card { string number = 1 [(atoll.field).sensitive = true]; string name = 2; }")
    args = ("Card", str(tmp_path / "s.proto"))
    wire, _ = proto("encode", *args, stdin=b'{"number":"4711","name":"ann"}')
    assert json.loads(proto("decode", *args, stdin=wire)[0])["number"] == "4711"
    assert json.loads(proto("decode", *args, "--mask", stdin=wire)[0]) == {"number": "***",
                                                                           "name": "ann"}
    shown, _ = proto("decode", *args, "--mask", "--text", stdin=wire)
    assert b"4711" not in shown and b"ann" in shown


# ---- bad input ----

def test_unknown_names_are_told_with_the_nearest(rich):
    _, said = proto("decode", "CartItm", CART, check=4)
    assert 'no message "CartItm"; did you mean CartItem?' in said
    _, said = proto("describe", "rich.v1.Bok", rich, check=4)
    assert 'no type, service or method "rich.v1.Bok"; did you mean rich.v1.Book?' in said
    _, said = proto("encode", "Kind", rich, check=4)
    assert 'no message "Kind"' in said
    _, said = proto("decode", "promo", CART, check=4)
    assert "did you mean " in said and "shop.cart.v1.CartPromotion" in said
    _, said = proto("describe", "Leg", rich, check=4)
    assert "See: atoll proto describe" in said
    out, _ = proto("decode", "CartItm", CART, "-o", "json", check=4)
    assert json.loads(out)["error"]["exit_code"] == 4


def test_a_short_name_that_fits_several_lists_them():
    _, said = proto("describe", "Line", CART, check=4)
    assert '"Line" may be any of these; say which:' in said
    assert "shop.cart.v1.TakeOutRequest.Line\n" in said


def test_bytes_that_are_no_such_message_are_refused_with_the_place():
    _, said = proto("decode", "CartItem", CART, stdin=b"\x08\x01\x12\x05a", check=1)
    assert "stdin (5 bytes) is no shop.cart.v1.CartItem: " in said and "at byte 2" in said
    _, said = proto("decode", stdin=b"\x08\x01\x12\x05a", check=1)
    assert "stdin (5 bytes) is no message: " in said and "at byte 2" in said
    for n in range(1, 4):
        _, said = proto("decode", "AddItemRequest", CART, stdin=b"\x12\x02\x08\x01"[:n], check=1)
        assert "AddItemRequest" in said
    _, said = proto("decode", "AddItemRequest", CART, stdin=b"\x0a\x02\xff\xff", check=1)
    assert "user_id" in said and "UTF-8" in said


def test_a_string_that_is_not_utf8_has_no_json_and_the_text_format_shows_it(tmp_path):
    (tmp_path / "old.proto").write_text(
        'syntax = "proto2"; package old; message Name { repeated string parts = 1; }')
    args = ("decode", "Name", str(tmp_path / "old.proto"))
    wire = bytes.fromhex("0a0161 0a02fffe")
    shown, said = proto(*args, stdin=wire, check=1)
    assert shown == b""
    assert "has no JSON form: field parts[1]: is a string that is not UTF-8" in said
    assert "--text shows it all the same" in said
    assert proto(*args, "--text", stdin=wire)[0] == b'parts: "a"\nparts: "\\377\\376"\n'


def test_text_that_is_no_bytes_is_refused_with_the_place():
    _, said = proto("decode", "--hex", stdin=b"08\n0g", check=1)
    assert "stdin:2:2: this is no hexadecimal" in said
    _, said = proto("decode", "--hex", stdin=b"08 0", check=1)
    assert "ends in the middle of a byte" in said
    _, said = proto("decode", "--base64", stdin=b"CAE*", check=1)
    assert "stdin:1:4: this is no base64" in said


def test_json_that_is_no_such_message_is_refused_with_line_column_and_field():
    for body, place, why in ((b'{\n  "itemId": 1,\n  "quantity": "x"\n}', "stdin:3:15", "quantity"),
                             (b'{"itemId": 2147483648}', "stdin:1:12", "int32 limit"),
                             (b'{"item": 1}', "stdin:1:2", "item"),
                             (b'{"itemId": 1', "stdin:1:13", "no JSON"),
                             (b"[]", "stdin:1:1", "object"),
                             (b"", "stdin:1:1", "no JSON")):
        _, said = proto("encode", "CartItem", CART, stdin=body, check=1)
        assert place in said and why in said, said
    _, said = proto("encode", "CartItem", CART, "--text", stdin=b"item_id: 1\nprice: x", check=1)
    assert "stdin:2:8" in said and "price" in said


def test_wrong_command_lines_are_told(tmp_path):
    _, said = proto("encode", CART, check=2)
    assert "which message is it?" in said
    _, said = proto("decode", CART, check=2)
    assert "which message of" in said
    _, said = proto("decode", "A", "B", check=2)
    assert '"A" and "B" are two names' in said
    _, said = proto("describe", "--hex", CART, check=2)
    assert "proto describe takes no --hex" in said
    _, said = proto("encode", check=2)
    assert "Usage: atoll proto encode TYPE" in said
    _, said = proto("decode", "CartItem", CART, "-i", str(tmp_path / "none"), check=2)
    assert "cannot be read: No such file" in said
    help_text, _ = atoll("proto", "--help")
    for word in (b"describe", b"decode", b"encode", b"--base64", b"--input"):
        assert word in help_text
