/* Reading one section out of a program. The file is input: everything is bounded and judged. */
#ifndef AT_CLI_CONFIG_ELF_H
#define AT_CLI_CONFIG_ELF_H

#include <stddef.h>

#include "base/text.h"

enum at_elf_result {
    AT_ELF_NONE = 1,      /* no ELF of 64 bits, little-endian, or no such section */
    AT_ELF_MALFORMED = 2, /* an ELF file whose tables contradict themselves */
    AT_ELF_TOO_BIG = 3,   /* the section is longer than limit */
};

/*
 * Appends the contents of the section to out. fd is read with pread() only. 0, a result above,
 * -ENOMEM, -errno.
 */
int at_elf_section(int fd, const char *name, size_t limit, struct at_text *out);

#endif
