#include "cli/config_elf.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/config_limits.h"

enum { NAMES_MAX = 16 << 20 }; /* a table of section names that fills the memory */

/* Exactly len bytes at offset. 0; AT_ELF_MALFORMED when the file ends before; -errno. */
static int read_at(int fd, uint64_t offset, void *at, size_t len)
{
    size_t done = 0;

    if (offset > INT64_MAX - len) {
        return AT_ELF_MALFORMED;
    }
    while (done < len) {
        ssize_t n = pread(fd, (char *)at + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            return AT_ELF_MALFORMED;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int read_header(int fd, Elf64_Ehdr *ret)
{
    int r = read_at(fd, 0, ret, sizeof(*ret));

    if (r == AT_ELF_MALFORMED) {
        return AT_ELF_NONE; /* too short for a header: a script */
    }
    if (r == 0 &&
        (memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0 || ret->e_ident[EI_CLASS] != ELFCLASS64 ||
         ret->e_ident[EI_DATA] != ELFDATA2LSB || ret->e_shnum == 0)) {
        return AT_ELF_NONE;
    }
    if (r == 0 && (ret->e_shentsize != sizeof(Elf64_Shdr) || ret->e_shstrndx >= ret->e_shnum)) {
        return AT_ELF_MALFORMED;
    }
    return r;
}

static int append(int fd, const Elf64_Shdr *section, size_t limit, struct at_text *out)
{
    char *room;

    if (section->sh_type == SHT_NOBITS) {
        return AT_ELF_MALFORMED;
    }
    if (section->sh_size > limit) {
        return AT_ELF_TOO_BIG;
    }
    room = at_text_claim(out, (size_t)section->sh_size);
    return room == NULL ? -ENOMEM : read_at(fd, section->sh_offset, room, (size_t)section->sh_size);
}

static const Elf64_Shdr *find(const struct at_text *table, const struct at_text *names,
                              const char *name)
{
    const Elf64_Shdr *sections = (const void *)table->at;
    size_t len = strlen(name) + 1;

    for (size_t i = 0; i < table->len / sizeof(*sections); i++) {
        uint64_t at = sections[i].sh_name;

        if (at < names->len && names->len - at >= len && memcmp(names->at + at, name, len) == 0) {
            return &sections[i];
        }
    }
    return NULL;
}

int at_elf_section(int fd, const char *name, size_t limit, struct at_text *out)
{
    Elf64_Ehdr head;
    struct at_text table;
    struct at_text names;
    const Elf64_Shdr *section = NULL;
    size_t len = out->len;
    int r = read_header(fd, &head);

    if (r != 0) {
        return r;
    }
    at_text_init(&table);
    at_text_init(&names);
    r = append(fd,
               &(Elf64_Shdr){.sh_offset = head.e_shoff,
                             .sh_size = (Elf64_Xword)head.e_shnum * sizeof(Elf64_Shdr)},
               (size_t)AT_CONFIG_SECTIONS_MAX * sizeof(Elf64_Shdr), &table);
    if (r == 0) {
        r = append(fd, (const Elf64_Shdr *)(const void *)table.at + head.e_shstrndx, NAMES_MAX,
                   &names);
    }
    if (r == 0) {
        section = find(&table, &names, name);
        r = section == NULL ? AT_ELF_NONE : append(fd, section, limit, out);
    }
    if (r != 0 && out->len > len) {
        out->len = len;
        out->at[len] = '\0';
    }
    at_text_deinit(&table);
    at_text_deinit(&names);
    return r;
}
