"""Clients from packages against the door of the shop: what they take for granted about HTTP/1.1.

A client that the machine lacks is a failure that says which package brings it; `tools/setup interop`
installs them all. Only node and ApacheBench are used where they happen to be.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile

import pytest

import harness

PACKAGES = {"curl": "curl", "wget": "wget", "nginx": "nginx-light", "wrk": "wrk"}
CART = {"success": True, "cartItems": [{"itemId": 1, "quantity": 2, "price": 995}]}


def tool(name):
    """The path of a client that has to be there."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    assert path, f"{name} is missing: apt-get install {PACKAGES[name]}, or tools/setup interop"
    return path


def run(*args, **more):
    return subprocess.run(args, capture_output=True, text=True, timeout=60 * harness.SLOW,
                          check=False, **more)


def url(shop, path):
    return f"http://127.0.0.1:{shop.door}{path}"


def test_curl_keeps_its_connection(shop):
    done = run(tool("curl"), "-sS", "-v", *[url(shop, f"/products/{n}") for n in range(1, 6)])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("< HTTP/1.1 200 OK") == 5
    assert done.stderr.count("Re-using existing connection") == 4, done.stderr


def test_curl_uploads_in_chunks_what_it_reads_from_a_pipe(shop):
    done = run(tool("curl"), "-sS", "-v", "-X", "POST", "-T", "-", "-H", "X-User-Id: curl-chunks",
               "-H", "Content-Type: application/json", url(shop, "/cart"),
               input='{"itemId":1,' + " " * 300000 + '"quantity":2}')
    assert "> Transfer-Encoding: chunked" in done.stderr
    assert json.loads(done.stdout) == CART, done.stdout + done.stderr


def test_curl_speaks_http_1_0_and_the_connection_ends(shop):
    done = run(tool("curl"), "-sS", "-v", "--http1.0", url(shop, "/products/1"))
    assert json.loads(done.stdout)["itemId"] == 1
    assert "Closing connection" in done.stderr and "Transfer-Encoding" not in done.stderr


def test_curl_waits_for_100_continue_and_sends_a_large_body(shop):
    body = '{"itemId":1,' + " " * (2 << 20) + '"quantity":2}'
    done = run(tool("curl"), "-sS", "-v", "--data-binary", "@-", "-H", "Expect: 100-continue", "-H",
               "X-User-Id: curl-continue", url(shop, "/cart"), input=body)
    assert "HTTP/1.1 100 Continue" in done.stderr
    assert json.loads(done.stdout) == CART


def test_curl_says_with_fail_what_is_an_error_and_head_has_no_body(shop):
    done = run(tool("curl"), "-sS", "--fail-with-body", url(shop, "/products/999999"))
    assert done.returncode == 22 and json.loads(done.stdout)["status"] == 404
    head = run(tool("curl"), "-sS", "-I", url(shop, "/products/1"))
    full = run(tool("curl"), "-sS", url(shop, "/products/1"))
    length = re.search(r"content-length: (\d+)", head.stdout, re.I).group(1)
    assert head.returncode == 0 and int(length) == len(full.stdout.encode())


def test_wget_reads_posts_and_keeps_its_connection(shop):
    done = run(tool("wget"), "-nv", "-d", "-O", "-", url(shop, "/products/1"),
               url(shop, "/products/2"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"itemId"') >= 2
    assert "Reusing existing connection" in done.stderr or "Reusing fd" in done.stderr, done.stderr
    done = run(tool("wget"), "-q", "-O", "-", "--header", "X-User-Id: wget", "--header",
               "Content-Type: application/json", "--post-data", '{"itemId":1,"quantity":2}',
               url(shop, "/cart"))
    assert json.loads(done.stdout) == CART
    assert run(tool("wget"), "-q", "-O", "-", url(shop, "/products/999999")).returncode == 8


REQUESTS = """
import json, sys
import requests
base = sys.argv[1]
with requests.Session() as s:
    s.headers["X-User-Id"] = "requests"
    a = s.post(base + "/cart", json={"itemId": 1, "quantity": 2}, timeout=20)
    assert a.status_code == 200 and a.json()["cartItems"][0]["quantity"] == 2, a.text
    a = s.post(base + "/cart", data=iter([b'{"itemId":1,', b'"quantity":1}']), timeout=20)
    assert a.request.headers["Transfer-Encoding"] == "chunked"
    assert a.json()["cartItems"][0]["quantity"] == 3, a.text
    for n in range(1, 40):
        assert s.get(f"{base}/products/{n}", timeout=20).json()["itemId"] == n
    a = s.delete(base + "/cart/1", timeout=20)
    assert a.json() == {"success": True, "cartItems": []}, a.text
    a = s.get(base + "/products/999999", timeout=20)
    assert a.status_code == 404 and a.headers["content-type"] == "application/problem+json"
    assert s.head(base + "/products/1", timeout=20).content == b""
    assert s.options(base + "/cart", timeout=20).status_code == 405
    pool = s.get_adapter(base).poolmanager.connection_from_url(base)
    assert pool.num_connections == 1, f"{pool.num_connections} connections"
print("served")
"""


def test_python_requests_keeps_one_connection_for_everything(shop):
    done = run("/usr/bin/python3", "-c", REQUESTS, url(shop, ""))
    assert "No module named 'requests'" not in done.stderr, "apt-get install python3-requests"
    assert done.stdout == "served\n", done.stderr


FETCH = """
const base = process.argv[1];
(async () => {
  const user = {"X-User-Id": "node", "Content-Type": "application/json"};
  let a = await fetch(base + "/cart", {method: "POST", headers: user,
                                       body: JSON.stringify({itemId: 1, quantity: 2})});
  console.log(JSON.stringify(await a.json()));
  const stream = new ReadableStream({start(c) {
    for (const part of ['{"itemId":1,', '"quantity":1}']) c.enqueue(new TextEncoder().encode(part));
    c.close();
  }});
  a = await fetch(base + "/cart", {method: "POST", headers: user, body: stream, duplex: "half"});
  console.log((await a.json()).cartItems[0].quantity);
  const all = await Promise.all([...Array(50).keys()].map(n => fetch(`${base}/products/${n + 1}`)));
  console.log(all.every(r => r.status === 200), (await fetch(base + "/products/999999")).status);
})();
"""


def test_fetch_of_node(shop):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on this machine")
    done = run(node, "-e", FETCH, url(shop, ""))
    lines = done.stdout.splitlines()
    assert json.loads(lines[0]) == CART, done.stderr
    assert lines[1:] == ["3", "true 404"], done.stdout + done.stderr


NGINX = """
daemon off;
master_process off;
pid {dir}/pid;
error_log {dir}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log {dir}/access.log;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  upstream door {{ server 127.0.0.1:{door}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 8m;
    location / {{
      proxy_pass http://door;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"""


@pytest.fixture(name="proxy")
def nginx_in_front_of_the_door(shop):
    with tempfile.TemporaryDirectory(prefix="atoll-nginx-") as folder:
        os.chmod(folder, 0o755)
        port = harness.free_ports(1)[0]
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(NGINX.format(dir=folder, port=port, door=shop.door))
        process = subprocess.Popen([tool("nginx"), "-p", folder, "-c", path],
                                   stderr=subprocess.PIPE, text=True)
        try:
            harness.wait_for("nginx to listen", lambda: run(
                tool("curl"), "-s", f"http://127.0.0.1:{port}/healthz").returncode == 0)
            yield f"http://127.0.0.1:{port}", folder
        finally:
            process.terminate()
            process.communicate(timeout=20)


def load(base, path, seconds=2):
    """(requests, lines of errors) of wrk."""
    said = run(tool("wrk"), "-t1", "-c8", f"-d{seconds}s", base + path).stdout
    return (int(re.search(r"(\d+) requests in", said).group(1)),
            [line for line in said.splitlines() if "errors" in line or "Non-2xx" in line])


def test_nginx_in_front_keeps_its_connections_to_the_door(shop, proxy):
    base, folder = proxy
    done = run(tool("curl"), "-sS", "-T", "-", "-X", "POST", "-H", "X-User-Id: nginx",
               "-H", "Content-Type: application/json", base + "/cart",
               input='{"itemId":1,"quantity":2}')
    assert json.loads(done.stdout) == CART, done.stdout
    assert run(tool("curl"), "-sS", base + "/products/999999").stdout.count('"status":404') == 1
    requests, errors = load(base, "/products/1", 1)
    assert requests > 50 and not errors, (requests, errors)
    with open(os.path.join(folder, "error.log"), encoding="utf-8") as f:
        assert f.read() == ""
    # Kept connections: those that were closed would be waiting to time out.
    with open("/proc/net/tcp", encoding="ascii") as f:
        of_door = [line for line in f if f":{shop.door:04X} " in line]
    assert len(of_door) < 100, (len(of_door), requests)


def test_wrk_for_two_seconds_without_an_error(shop):
    requests, errors = load(url(shop, ""), "/products/1")
    assert requests > 100 and not errors, (requests, errors)


def test_apachebench_with_and_without_keep_alive(shop):
    ab = shutil.which("ab")
    if ab is None:
        pytest.skip("ab is not on this machine (package apache2-utils)")
    for args in ([], ["-k"]):
        said = run(ab, *args, "-n", "500", "-c", "8", url(shop, "/products/1")).stdout
        assert re.search(r"Complete requests:\s+500\nFailed requests:\s+0", said), said
        assert "Non-2xx" not in said
