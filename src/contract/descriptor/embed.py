"""Writes a file as an array of C: embed.py FILE NAME OUT makes NAME and NAME_len in OUT.c and OUT.h."""
import sys

path, name, out = sys.argv[1:]
data = open(path, "rb").read()
with open(out + ".h", "w", encoding="ascii") as h:
    h.write(f"#ifndef {name.upper()}_H\n#define {name.upper()}_H\n\n#include <stddef.h>\n\n")
    h.write(f"extern const unsigned char {name}[];\nextern const size_t {name}_len;\n\n#endif\n")
with open(out + ".c", "w", encoding="ascii") as c:
    c.write(f'#include "{out.rpartition("/")[2]}.h"\n\nconst unsigned char {name}[] = {{')
    for i, byte in enumerate(data):
        c.write(f"{'' if i % 24 else chr(10) + '    '}{byte},")
    c.write(f"\n}};\nconst size_t {name}_len = sizeof({name});\n")
