#!/usr/bin/python3
"""Writes json_powers.h: the powers of ten that reading and printing of doubles multiplies with."""
import sys

LOW, HIGH = -342, 324


def power(k):
    """The first 128 bits of 10^k, cut off; exact where 5^k has no more (0 to 55)."""
    if k >= 0:
        n = 10**k
        spare = n.bit_length() - 128
        return n >> spare if spare > 0 else n << -spare
    n = 10**-k
    return (1 << (127 + n.bit_length())) // n


def main(path):
    lines = ["/* Made by json_powers.py. */", '#include "pb/json_number.h"', "static const struct at_json_power powers[] = {"]
    for k in range(LOW, HIGH + 1):
        p = power(k)
        assert p.bit_length() == 128
        lines.append("    {0x%016xU, 0x%016xU}, /* %d */" % (p >> 64, p & (2**64 - 1), k))
    lines.append("};")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")


main(sys.argv[1])
