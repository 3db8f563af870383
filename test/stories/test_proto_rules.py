"""atoll proto check and diff: what is found, where from, and what is said when there is no verdict."""
import json
import os
import shutil
import subprocess

import pytest

import harness

SHOP_PROTO = os.path.join(harness.SHOP, "proto")
SOURCE = os.path.dirname(os.path.dirname(harness.SHOP))

ITEM = """syntax = "proto3";

package demo.item.v1;

message Item {
  int32 item_id = 1;
  string name = 2;
}
"""


@pytest.fixture(name="place")
def folder_of_its_own(tmp_path):
    return Place(tmp_path)


class Place:
    def __init__(self, folder):
        self.folder = folder

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")
        return str(path)

    def proto(self, *args, check=0, env=None):
        done = subprocess.run([harness.ATOLL, "proto", *args], cwd=self.folder, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, check=False,
                              env={**os.environ, "NO_COLOR": "1", **(env or {})})
        assert done.returncode == check, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def make_set(self, name, root, *flags):
        subprocess.run(["protoc", "-I", root, "--include_imports", *flags, "-o", name,
                        *map(str, sorted(p.relative_to(self.folder)
                                          for p in (self.folder / root).rglob("*.proto")))], cwd=self.folder, check=True)
        return name


# ---- check ----

def test_our_own_contracts_have_nothing_to_find(place):
    assert place.proto("check", SHOP_PROTO).stderr.startswith("5 files: nothing")
    place.proto("check", os.path.join(SOURCE, "proto"))


def test_a_finding_says_where_what_why_and_what_instead(place):
    place.write("proto/demo/item/v1/item.proto", ITEM.replace("item_id", "itemId"))
    said = place.proto("check", "proto", check=1)
    place_of_it, _, rest = said.stdout.partition(": ")
    assert place_of_it == "proto/demo/item/v1/item.proto:6:3"
    assert rest.startswith("field demo.item.v1.Item.itemId: the name is not in lower_snake_case "
                           "(FIELD_LOWER_SNAKE_CASE)\n")
    assert "JSON name" in rest and rest.rstrip().endswith("write item_id")
    assert said.stderr == "1 finding\n"


def test_findings_for_programs_are_objects(place):
    place.write("proto/demo/item/v1/item.proto", ITEM.replace("item_id", "itemId"))
    found = json.loads(place.proto("check", "proto", "-o", "json", check=1).stdout)
    assert found == [{
        "rule": "FIELD_LOWER_SNAKE_CASE", "file": "proto/demo/item/v1/item.proto", "line": 6,
        "col": 3, "subject": "field demo.item.v1.Item.itemId",
        "message": "the name is not in lower_snake_case", "why": found[0]["why"],
        "advice": "write item_id"}]
    lines = place.proto("check", "proto", "-o", "jsonl", check=1).stdout.splitlines()
    assert [json.loads(line) for line in lines] == found
    place.write("proto/demo/item/v1/item.proto", ITEM)
    assert json.loads(place.proto("check", "proto", "-o", "json").stdout) == []
    assert place.proto("check", "proto", "-o", "jsonl").stdout == ""


def test_a_rule_can_be_left_out_by_a_flag_or_a_comment(place):
    bad = ITEM.replace("int32 item_id", "int32 itemId")
    place.write("proto/demo/item/v1/item.proto", bad)
    place.proto("check", "proto", "--except", "FIELD_LOWER_SNAKE_CASE")
    said = place.proto("check", "proto", "--except", "FIELD_LOWER_SNAKE_CAS", check=2)
    assert "did you mean FIELD_LOWER_SNAKE_CASE?" in said.stderr and "--list" in said.stderr
    place.write("proto/demo/item/v1/item.proto", bad.replace(
        "message Item", "// As the first app wrote it.\n// atoll:lint:ignore FIELD_LOWER_SNAKE_CASE\n"
        "message Item"))
    place.proto("check", "proto")


def test_the_rules_are_listed(place):
    rows = json.loads(place.proto("check", "--list", "-o", "json").stdout)
    assert {"PACKAGE_DIRECTORY_MATCH", "IMPORT_USED", "SERVICE_SUFFIX"} < {r["rule"] for r in rows}
    assert all(r["why"] and r["breaks"] is None for r in rows)
    rows = json.loads(place.proto("diff", "--list", "-o", "json").stdout)
    assert {"FIELD_NO_DELETE": "source", "RPC_SAME_HTTP": "json"}.items() <= {
        r["rule"]: r["breaks"] for r in rows}.items()


def test_a_file_alone_and_a_folder_within_find_their_root_by_the_package(place):
    place.write("proto/demo/item/v1/item.proto", ITEM)
    place.write("proto/demo/cart/v1/cart.proto", ITEM.replace("demo.item", "demo.cart").replace(
        "message Item {", 'import "demo/item/v1/item.proto";\n\nmessage Cart {\n'
        "  demo.item.v1.Item item = 3;"))
    place.proto("check", "proto/demo/cart/v1/cart.proto")
    place.proto("check", "proto/demo/cart")
    place.proto("check", ".")
    place.proto("check", "demo/cart/v1/cart.proto", "-I", "proto", check=2)  # no such file here
    place.proto("check", "proto/demo/cart/v1/cart.proto", "-I", "proto")


def test_copies_of_googles_files_are_no_matter_unless_there_is_nothing_else(place):
    place.write("proto/demo/item/v1/item.proto", ITEM)
    place.write("proto/google/demo/a.proto", 'syntax = "proto3"; package google.demo; message a {}\n')
    place.proto("check", "proto")
    assert "MESSAGE_PASCAL_CASE" in place.proto("check", "proto/google", check=1).stdout
    assert "MESSAGE_PASCAL_CASE" in place.proto("check", "proto/google/demo/a.proto", check=1).stdout


# ---- where contracts come from ----

def test_sets_and_programs_are_read_as_well_as_files(place):
    place.write("proto/demo/item/v1/item.proto", ITEM.replace("item_id", "itemId"))
    with_places = place.make_set("with.pb", "proto", "--include_source_info")
    without = place.make_set("without.pb", "proto")
    assert place.proto("check", with_places, check=1).stdout.startswith(
        "demo/item/v1/item.proto:6:3: field")
    assert place.proto("check", without, check=1).stdout.startswith(
        "demo/item/v1/item.proto: field")
    cart = os.path.join(os.path.dirname(harness.ATOLL), "..", "examples", "shop", "cart")
    place.proto("check", cart)
    place.proto("diff", cart, SHOP_PROTO)


def test_the_system_is_read_when_no_path_is_given(place):
    place.write("proto/demo/item/v1/item.proto", ITEM.replace("item_id", "itemId"))
    place.make_set("item.pb", "proto")
    place.write("atoll.yaml", "name: demo\nservices:\n  item:\n    command: [sleep, \"1\"]\n"
                              "    contract: item.pb\n")
    assert "itemId" in place.proto("check", check=1).stdout
    assert "itemId" in place.proto("check", "atoll.yaml", check=1).stdout
    place.write("new/demo/item/v1/item.proto", ITEM.replace("string name", "bytes name"))
    assert "FIELD_WIRE_JSON_COMPATIBLE_TYPE" in place.proto("diff", "atoll.yaml", "new", check=1).stdout
    assert "FIELD_WIRE_COMPATIBLE_TYPE" in place.proto("diff", "new", check=1).stdout
    os.remove(place.folder / "atoll.yaml")
    assert "atoll.yaml" in place.proto("check", check=2).stderr


def test_what_cannot_be_read_gives_no_verdict_and_a_reason(place):
    place.write("empty.pb", b"")
    place.write("text.pb", "this is no descriptor set")
    place.write("script", "#!/bin/sh\n")
    place.write("folder/readme", "nothing here")
    good = place.write("proto/demo/item/v1/item.proto", ITEM)
    whole = (place.folder / place.make_set("item.pb", "proto")).read_bytes()
    place.write("short.pb", whole[:-3])
    with open("/bin/sh", "rb") as f:
        program = f.read()
    place.write("broken", program[:1000])
    shutil.copy("/bin/sh", place.folder / "program")
    for path, word in {
        "empty.pb": "is empty",
        "text.pb": "no FileDescriptorSet",
        "script": "no FileDescriptorSet",
        "short.pb": "no FileDescriptorSet",
        "folder": "no .proto file in folder",
        "missing.proto": "No such file",
        "missing.pb": "No such file",
        "program": "carries no contract",
        "broken": "damaged",
        "/dev/null": "is empty",
    }.items():
        said = place.proto("check", path, check=2)
        assert word in said.stderr and path in said.stderr, said.stderr
        assert said.stdout == ""
        place.proto("diff", path, good, check=2)
        place.proto("diff", good, path, check=2)
    assert "together" in place.proto("check", "proto", "item.pb", check=2).stderr


def test_a_set_without_its_imports_says_how_to_make_one(place):
    place.write("proto/a/v1/a.proto", 'syntax = "proto3"; package a.v1;\n'
                'import "google/protobuf/duration.proto";\n'
                "message A { google.protobuf.Duration d = 1; }\n")
    subprocess.run(["protoc", "-I", "proto", "-o", "a.pb", "a/v1/a.proto"], cwd=place.folder,
                   check=True)
    assert "--include_imports" in place.proto("check", "a.pb", check=2).stderr


def test_what_protoc_refuses_is_said_with_its_place(place):
    place.write("proto/demo/item/v1/item.proto", ITEM.replace("string name = 2", "strin name = 1"))
    said = place.proto("check", "proto", check=2).stderr
    assert said.startswith('proto/demo/item/v1/item.proto:7:3: "strin" is not defined.'), said
    place.write("proto/demo/item/v1/item.proto", ITEM.replace(
        "message Item", 'import "no/such.proto";\nmessage Item'))
    said = place.proto("check", "proto", check=2).stderr
    assert "no/such.proto" in said and "-I names the folders" in said
    out = place.proto("check", "proto", "-o", "json", check=2).stdout
    assert json.loads(out)["error"]["problems"][0]["message"]


def test_without_protoc_it_says_what_to_install_and_sets_still_work(place):
    place.write("proto/demo/item/v1/item.proto", ITEM)
    place.make_set("item.pb", "proto")
    said = place.proto("check", "proto", check=2, env={"PATH": "/nonexistent"}).stderr
    assert "protoc" in said and "protobuf-compiler" in said
    place.proto("check", "item.pb", env={"PATH": "/nonexistent"})


def test_a_pipe_is_not_waited_at(place):
    os.mkfifo(place.folder / "item.proto")
    done = place.proto("check", "item.proto", check=2)
    assert "item.proto is neither a file nor a folder" in done.stderr


def test_an_unreadable_file_is_named(place):
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root reads everything")
    place.write("proto/demo/item/v1/item.proto", ITEM)
    os.chmod(place.folder / "proto/demo/item/v1/item.proto", 0)
    os.chmod(place.folder, 0o755)
    command = [harness.ATOLL, "proto", "check", "proto"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    for folder in [place.folder, *place.folder.parents][:4]:
        if folder.owner() == "root" and str(folder).startswith("/tmp/"):
            os.chmod(folder, 0o755)
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 2, done.stderr
    assert "item.proto" in done.stderr and "Permission denied" in done.stderr


def test_names_that_could_upset_a_terminal_do_not_reach_it(place):
    place.write("proto/\033[31m/v1/a.proto", 'syntax = "proto3"; package a.v1; message a {}\n')
    said = place.proto("check", "proto", check=2)
    assert "\033" not in said.stdout + said.stderr


def test_the_command_line_is_judged(place):
    assert 'did you mean "proto check"' in place.proto("chek", check=2).stderr
    assert "something is missing" in place.proto(check=2).stderr
    assert "takes no --against" in place.proto("check", "--against", "wire", check=2).stderr
    assert "wire|json|source" in place.proto("diff", "a", "--against", "all", check=2).stderr
    assert "one word too many" in place.proto("diff", "a", "b", "c", check=2).stderr
    assert "atoll proto diff OLD" in place.proto("diff", check=2).stderr


# ---- diff ----

def changed(place, old, new):
    place.write("old/demo/item/v1/item.proto", old)
    place.write("new/demo/item/v1/item.proto", new)


def test_a_change_says_whom_it_breaks(place):
    changed(place, ITEM, ITEM.replace("string name = 2", "int64 count = 2"))
    said = place.proto("diff", "old", "new", check=1)
    assert said.stdout.startswith(
        "new/demo/item/v1/item.proto:7:3: field demo.item.v1.Item.count: has the number 2, "
        "which was string name (FIELD_NUMBER_NO_REUSE)\n")
    assert "\n    breaks: wire, json, source\n" in said.stdout
    found = json.loads(place.proto("diff", "old", "new", "-o", "json", check=1).stdout)
    assert [(f["rule"], f["breaks"], f["side"], f["line"]) for f in found] == [
        ("FIELD_NUMBER_NO_REUSE", ["wire", "json", "source"], "new", 7)]


def test_a_level_decides_what_counts(place):
    changed(place, ITEM, ITEM.replace("int32 item_id = 1", "int64 item_id = 1"))
    place.proto("diff", "old", "new", "--against", "wire")
    place.proto("diff", "old", "new", "--against", "json", check=1)
    place.proto("diff", "old", "new", "--against", "source", check=1)
    place.proto("diff", "old", "new", "--except", "FIELD_WIRE_JSON_COMPATIBLE_TYPE")
    changed(place, ITEM, ITEM.replace("int32 item_id = 1", "uint32 item_id = 1"))
    place.proto("diff", "old", "new", "--against", "json")
    place.proto("diff", "old", "new", check=1)


def test_what_is_gone_is_shown_where_it_was(place):
    changed(place, ITEM, ITEM)
    place.write("old/demo/cart/v1/cart.proto", ITEM.replace("demo.item", "demo.cart"))
    said = place.proto("diff", "old", "new", check=1).stdout
    assert said.startswith("old/demo/cart/v1/cart.proto:3:1: old file demo/cart/v1/cart.proto: "
                           "the file is gone (FILE_NO_DELETE)")


def test_additions_break_nobody(place):
    changed(place, ITEM, ITEM.replace("}\n", "  repeated string tags = 3;\n}\n\nmessage More {}\n"))
    assert place.proto("diff", "old", "new").stderr == "1 file: nothing breaks\n"
    assert json.loads(place.proto("diff", "old", "new", "-o", "json").stdout) == []


def test_the_shop_does_not_break_itself(place):
    place.proto("diff", SHOP_PROTO, SHOP_PROTO)
    # REST clients know the address: moving it breaks them and nobody else.
    shutil.copytree(SHOP_PROTO, place.folder / "new")
    path = place.folder / "new/shop/product/v1/product.proto"
    path.write_text(path.read_text().replace('get: "/products"', 'get: "/goods"'))
    found = json.loads(place.proto("diff", SHOP_PROTO, "new", "-o", "json", check=1).stdout)
    assert [(f["rule"], f["breaks"]) for f in found] == [("RPC_SAME_HTTP", ["json"])]
    assert "GET /products" in found[0]["message"]
    place.proto("diff", SHOP_PROTO, "new", "--against", "wire")
