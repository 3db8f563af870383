"""Our answers of gRPC reflection, read by gRPC C++'s own messages, and questions made by them."""
import os
import subprocess

import pytest

import harness

REFLECT = os.path.join(harness.BUILD, "src", "contract", "contract_reflect")


@pytest.fixture(name="peer", scope="module")
def messages_of_grpc(tmp_path_factory):
    program = str(tmp_path_factory.mktemp("peer") / "peer")
    here = os.path.dirname(os.path.abspath(__file__))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"],
                           capture_output=True, text=True, check=False)
    assert flags.returncode == 0, "apt-get install libgrpc++-dev, or tools/setup interop"
    harness.must_run(["g++", "-std=c++17", "-O1", "-o", program,
                      os.path.join(here, "reflection_peer.cc"), "-Wl,--no-as-needed",
                      "-lgrpc++_reflection", *flags.stdout.split()])

    def ask(question):
        def run(args, data):
            done = subprocess.run(args, input=data, capture_output=True, check=False)
            assert done.returncode == 0, f"{args} {data!r}: {done.stderr.decode()}"
            return done.stdout
        request = run([program, "encode", "ServerReflectionRequest"], question.encode())
        answer = run([REFLECT], request)
        return run([program, "decode", "ServerReflectionResponse"], answer).decode()
    return ask


def test_every_answer_is_what_grpc_understands(peer):
    services = peer('host: "h" list_services: "*"')
    assert services.startswith('valid_host: "h"\noriginal_request {\n  host: "h"\n'
                               '  list_services: "*"\n}\nlist_services_response {\n')
    assert 'name: "grpc.reflection.v1.ServerReflection"' in services
    assert 'name: "grpc.reflection.v1alpha.ServerReflection"' in services
    by_name = peer('file_by_filename: "grpc/reflection/v1/reflection.proto"')
    by_symbol = peer('file_containing_symbol: "grpc.reflection.v1.ServerReflection"')
    assert by_name.split("file_descriptor_response")[1] == by_symbol.split("file_descriptor_response")[1]
    numbers = peer('all_extension_numbers_of_type: "grpc.reflection.v1.ErrorResponse"')
    assert 'base_type_name: "grpc.reflection.v1.ErrorResponse"' in numbers
    for question in ('file_containing_symbol: "a.b"', 'file_by_filename: "a"',
                     'all_extension_numbers_of_type: "a"',
                     'file_containing_extension { containing_type: "a" extension_number: 5 }'):
        answer = peer(question)
        assert "error_response {\n  error_code: 5\n" in answer, answer
    assert "error_code: 3" in peer("")
