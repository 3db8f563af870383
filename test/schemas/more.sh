#!/bin/sh
# More schemas than a test of every day needs: fetched, not installed, as their packages depend on a
# hundred others. OpenTelemetry's are in no Debian package: they come from PyPI (opentelemetry-proto,
# Apache-2.0), where they are descriptors inside of Python modules, which are only read.
#
#   more.sh BUILD        the build folder
set -eu
cd "$(dirname "$0")/../.."
build=$1
more=$PWD/$build/schemas
packages="golang-etcd-server-dev golang-github-containerd-containerd-dev
    golang-github-gogo-protobuf-dev golang-github-grpc-ecosystem-grpc-gateway-dev
    golang-gitaly-proto-dev libignition-msgs-dev libosmpbf-dev libonnx-dev"

if [ ! -e "$more/done" ]; then
    rm -rf "$more"
    mkdir -p "$more/debs"
    (cd "$more/debs" && apt-get download $packages >log 2>&1) || { cat "$more/debs/log"; exit 1; }
    for deb in "$more"/debs/*.deb; do
        dpkg-deb -x "$deb" "$more"
    done
    # etcd imports its own files as etcd/…
    mkdir "$more/etcd"
    ln -s "$more/usr/share/gocode/src/go.etcd.io/etcd" "$more/etcd/etcd"
    /usr/bin/python3 -m pip download -q --no-deps --disable-pip-version-check -d "$more/wheels" \
        opentelemetry-proto==1.20.0
    /usr/bin/python3 test/schemas/otlp.py "$more/wheels"/opentelemetry_proto-*.whl >"$more/otlp.set"
    touch "$more/done"
fi
ninja -C "$build" src/generator/protoc-gen-atoll test/schemas/schemas_roundtrip >/dev/null
exec test/schemas/run.sh "$(command -v protoc)" "$PWD/$build/src/generator/protoc-gen-atoll" "$PWD" \
    "$PWD/$build/test/schemas/schemas_roundtrip" "$more"
