"""Every type that a contract can have, by an OpenAPI document through the door: a service of
src/contract/testdata/rich.proto gives back what it gets.
"""
import json
import os

import pytest

import harness
from openapi_client import Document, send

TESTDATA = os.path.join(harness.ROOT, "src", "contract", "testdata")
WELL_KNOWN = ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]
BOOKS_C = """
#include "rich.atoll.h"
static int get_book(struct atoll_call *call, const struct rich_v1_GetBookRequest *in,
                    struct rich_v1_Book *out)
{
    (void)call;
    out->isbn = in->name.len > 0 ? in->name : in->short_name;
    out->kind = 99; /* a number that the contract has no name for */
    return ATOLL_OK;
}
static int put_book(struct atoll_call *call, const struct rich_v1_PutBookRequest *in,
                    struct rich_v1_PutBookResponse *out)
{
    (void)call;
    out->book = in->book != NULL && !in->dry_run ? in->book : NULL;
    return ATOLL_OK;
}
static int check_all(struct atoll_call *call, const struct rich_v1_Everything *in,
                     struct rich_v1_Everything *out)
{
    (void)call;
    *out = *in;
    return ATOLL_OK;
}
static int old(struct atoll_call *call, const struct rich_old_Legacy *in,
               struct rich_old_Legacy *out)
{
    (void)call;
    *out = *in;
    return ATOLL_OK;
}
int main(void)
{
    return rich_v1_BookService_serve(&(struct rich_v1_BookService){
        .get_book = get_book, .put_book = put_book, .check_all = check_all, .old = old});
}
"""


def build(folder):
    """The program, from the .proto files with all that they import."""
    made = os.path.join(folder, "made")
    os.makedirs(made)
    files = [f"google/protobuf/{name}.proto" for name in WELL_KNOWN] + ["old.proto", "rich.proto"]
    harness.must_run(["protoc", "--plugin=protoc-gen-atoll="
                      + os.path.join(harness.LIBEXEC, "protoc-gen-atoll"), f"--atoll_out=flat:{made}",
                      "-I", TESTDATA, "-I", os.path.join(harness.ROOT, "proto"), *files])
    source = os.path.join(folder, "books.c")
    with open(source, "w", encoding="utf-8") as f:
        f.write(BOOKS_C)
    flags = ["-fsanitize=thread" if "tsan" in harness.BUILD else "-fsanitize=address,undefined"] \
        if harness.SANITIZED else []
    harness.must_run([("clang-19" if harness.SANITIZED else os.environ.get("CC", "cc")), "-O1", "-g",
                      "-Wall", "-Wextra", "-Werror", "-o", os.path.join(folder, "books"), source,
                      *[os.path.join(made, os.path.basename(f).replace(".proto", ".atoll.c"))
                        for f in files],
                      "-I", made, "-I", os.path.join(harness.ROOT, "include"),
                      os.path.join(harness.BUILD, "src", "libatoll", "libatoll.a"), "-lpthread",
                      *flags])


@pytest.fixture(name="books", scope="module")
def system_that_gives_back_what_it_gets():
    s = harness.System("books")
    port, = harness.free_ports(1)
    s.ports = [port]
    build(s.dir)
    s.write("atoll.yaml", f"name: {s.name}\nservices:\n  books:\n    command: ./books\n"
            f"gateway:\n  listen:\n    - {{address: \"127.0.0.1:{port}\", services: [books]}}\n")
    s.up()
    document = Document(json.loads(s.atoll("openapi", check=0).stdout))
    yield s, document
    left = s.close()
    assert not left, left


def call(document, path, verb, target=None, body=None):
    """The answer to a request for the operation, judged by the document."""
    operation = document.doc["paths"][path][verb]
    made, suggested = document.request(path, operation)
    answer = send(document.doc["servers"][0]["url"], verb, target or made,
                  suggested if body is None else json.dumps(body))
    document.check_answer(operation, answer)
    return answer.status, json.loads(answer.body)


def test_the_document_is_sound(books):
    books[1].check()


def test_a_message_of_every_type_comes_back_as_it_was_described(books):
    document = books[1]
    operation = document.doc["paths"]["/rich.v1.BookService/CheckAll"]["post"]
    sent = json.loads(document.request("/rich.v1.BookService/CheckAll", operation)[1])
    assert len(sent) == 29  # all fields but one member of the oneof
    status, got = call(document, "/rich.v1.BookService/CheckAll", "post")
    assert status == 200, got
    differ = {k: (sent[k], got.get(k)) for k in sent if got.get(k) != sent[k]}
    # A duration and a time are printed with as many digits as they need; a sub-message is printed
    # with its fields that are 0, false or empty.
    assert set(differ) <= {"took", "when", "byNumber", "tree", "trees"}, differ
    assert got["took"] == "1.500s" and got["i64"] == "1" and got["nothing"] is None


def test_each_type_alone_comes_back_as_it_was_described(books):
    document = books[1]
    everything = document.doc["components"]["schemas"]["rich.v1.Everything"]
    for name, schema in everything["properties"].items():
        status, got = call(document, "/rich.v1.BookService/CheckAll", "post",
                           body={name: document.value(schema)})
        assert status == 200 and name in got, (name, got)


def test_a_body_without_what_the_path_says(books):
    document = books[1]
    status, got = call(document, "/v1/everything/{number}:check", "post")
    assert status == 200 and got["number"] == 1.5


def test_every_parameter_of_a_query_is_taken(books):
    document = books[1]
    operation = document.doc["paths"]["/v1/everything"]["get"]
    assert len(operation["parameters"]) > 20
    status, got = call(document, "/v1/everything", "get")
    assert status == 200, got
    assert got["cash"] == 1 and got["wrapped"] == "1" and got["when"].startswith("2026-01-31T12:00:00")
    for parameter in operation["parameters"]:
        value = document.value(parameter["schema"])
        text = value[0] if isinstance(value, list) else value
        text = text if isinstance(text, str) else json.dumps(text)
        status, got = call(document, "/v1/everything", "get",
                           target=f"/v1/everything?{parameter['name']}={text}")
        assert status == 200, (parameter, got)


def test_variables_of_paths_are_put_together(books):
    document = books[1]
    status, got = call(document, "/v1/shelves/{name.1}/books/{name.2}", "get",
                       target="/v1/shelves/a/books/b?shortName=c")
    assert status == 200 and got["isbn"] == "shelves/a/books/b"
    assert got["kind"] == 99  # as the document says, a number without a name
    status, got = call(document, "/v1/rest/{text}", "get", target="/v1/rest/a/b/c")
    assert status == 200 and got["text"] == "a/b/c"
    status, got = call(document, "/v1/when/{when}", "get")
    assert status == 200 and got["when"].startswith("2026-01-31T12:00:00")


def test_a_field_as_body_and_as_answer_which_may_be_null(books):
    document = books[1]
    path = "/v1/books/{shortName}"
    status, got = call(document, path, "put", target="/v1/books/i-1")
    assert status == 200 and got["isbn"] == "i-1"
    status, got = call(document, path, "put", target="/v1/books/i-1?dryRun=true")
    assert status == 200 and got is None


def test_proto2_through_the_door(books):
    document = books[1]
    path = "/rich.v1.BookService/Old"
    status, got = call(document, path, "post")
    assert status == 200 and got["part"] == [{"count": 1}], got
    assert got["[rich.old.remark]"] == "text" and got["[rich.old.sizes]"] == ["BIG"]
    status, got = call(document, path, "post", body={"id": 7})
    assert status == 200 and got["id"] == 7
    status, got = call(document, path, "post", body={"name": "x"})  # id is required
    assert status == 400 and "id" in got["detail"]


def test_what_is_left_out_is_not_served_either(books):
    document = books[1]
    server = document.doc["servers"][0]["url"]
    why = {e["path"]: e["why"] for e in document.doc["x-atoll-left-out"]}
    assert send(server, "get", "/v1/watch", None).status == 501 and "/v1/watch" in why
    assert send(server, "get", "/v1/bad/x", None).status == 404 and "/v1/bad/{nowhere}" in why
    assert send(server, "get", "/v1/tree/x", None).status == 400 and "/v1/tree/{tree}" in why
    # The first rule of a path is served, the second is not.
    answer = send(server, "get", "/v1/books/x", None)
    assert answer.status == 200 and json.loads(answer.body)["isbn"] == "x"
