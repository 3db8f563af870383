"""The README's first five minutes, typed as they stand there (with other ports)."""
import os
import re
import subprocess
import time

import harness


def commands():
    with open(os.path.join(harness.ROOT, "README.md"), encoding="utf-8") as f:
        text = f.read().partition("## The first five minutes")[2]
    block = re.search(r"```console\n(.*?)```", text, re.S).group(1)
    lines = block.splitlines()
    found = []
    for i, line in enumerate(lines):
        if line.startswith("$ "):
            answer = lines[i + 1] if i + 1 < len(lines) and not lines[i + 1].startswith("$") else None
            found.append((line[2:].partition("   #")[0].strip(), answer))
    return found


def test_the_first_five_minutes_go_as_the_readme_says():
    shop = harness.Shop("minutes")
    env = {**shop.env, "PATH": f"{harness.LIBEXEC}:{os.environ['PATH']}"}
    ports = {"8080": shop.door, "9090": shop.stock_port, "9091": shop.payment_port}
    began = time.monotonic()
    try:
        for command, answer in commands():
            if command.startswith("cd "):
                continue
            command = re.sub(r"127\.0\.0\.1:(\d+)",
                             lambda m: f"127.0.0.1:{ports[m.group(1)]}", command)
            command = command.replace("atoll logs -f", "timeout -s INT 1 atoll logs -f")
            done = subprocess.run(["bash", "-c", command], cwd=shop.dir, env=env, text=True,
                                  capture_output=True, timeout=60 * harness.SLOW, check=False)
            if command == "atoll up -d":
                shop.look()
            if "timeout" not in command:
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}{shop.logs()}"
            if answer is not None:
                assert done.stdout.strip() == answer, f"{command}\n{done.stdout}{done.stderr}"
            if command.startswith("kill"):
                harness.wait_for("cart.1 to be back", shop.all_ready)
        assert time.monotonic() - began < 300
        left = harness.wait_gone(shop)
        assert not left, left
    finally:
        shop.close()
