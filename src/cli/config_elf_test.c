/* Sections out of programs: right ones, truncated ones, lying ones. */
#include "cli/config_elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "at_test.h"
#include "base/fd.h"

enum { LIMIT = 100, BODY_AT = 64, NAMES_AT = 80, TABLE_AT = 112, SECTIONS = 3 };

struct image {
    Elf64_Ehdr head;
    char body[16];
    char names[32];
    Elf64_Shdr sections[SECTIONS];
};

/* One section ".wanted" that holds "the contents", and the table of names. */
static struct image an_image(void)
{
    struct image i = {
        .head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                 .e_shoff = TABLE_AT,
                 .e_shentsize = sizeof(Elf64_Shdr),
                 .e_shnum = SECTIONS,
                 .e_shstrndx = 2},
        .body = "the contents",
        .names = "\0.wanted\0.names",
        .sections = {{.sh_type = SHT_NULL},
                     {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = BODY_AT, .sh_size = 12},
                     {.sh_name = 9, .sh_type = SHT_STRTAB, .sh_offset = NAMES_AT, .sh_size = 32}},
    };

    return i;
}

static int file_of(const void *at, size_t len)
{
    int fd = memfd_create("elf", MFD_CLOEXEC);

    CHECK(fd >= 0);
    CHECK_INT(at_fd_write_all(fd, at, len), 0);
    return fd;
}

static int read_of(const struct image *i, size_t len, struct at_text *out)
{
    at_auto_close
    int fd = file_of(i, len);

    return at_elf_section(fd, ".wanted", LIMIT, out);
}

TEST(a_section_is_found_by_its_name)
{
    struct image i = an_image();
    struct at_text out;

    at_text_init(&out);
    at_text_add_str(&out, "before: ");
    CHECK_INT(read_of(&i, sizeof(i), &out), 0);
    CHECK_STR(at_text_str(&out), "before: the contents");
    at_text_deinit(&out);
}

TEST(a_script_an_empty_file_and_an_elf_without_it_have_none)
{
    struct image i = an_image();
    struct at_text out;
    at_auto_close
    int script = file_of("#!/bin/sh\n", 10);

    at_text_init(&out);
    CHECK_INT(at_elf_section(script, ".wanted", LIMIT, &out), AT_ELF_NONE);
    CHECK_INT(read_of(&i, 0, &out), AT_ELF_NONE);
    i.names[1] = ',';
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_NONE);
    i = an_image();
    i.head.e_ident[EI_CLASS] = ELFCLASS32;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_NONE);
    i = an_image();
    i.head.e_ident[EI_DATA] = ELFDATA2MSB;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_NONE);
    CHECK_INT(out.len, 0);
    at_text_deinit(&out);
}

TEST(every_shorter_file_gives_no_section)
{
    struct image i = an_image();
    struct at_text out;

    at_text_init(&out);
    for (size_t len = 0; len < sizeof(i); len++) {
        int r = read_of(&i, len, &out);

        CHECK(r == AT_ELF_NONE || r == AT_ELF_MALFORMED);
        CHECK_INT(out.len, 0);
    }
    at_text_deinit(&out);
}

TEST(tables_that_lie_are_malformed)
{
    struct image i = an_image();
    struct at_text out;

    at_text_init(&out);
    i.head.e_shentsize = 1;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_MALFORMED);
    i = an_image();
    i.head.e_shstrndx = SECTIONS;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_MALFORMED);
    i = an_image();
    i.head.e_shoff = UINT64_MAX;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_MALFORMED);
    i = an_image();
    i.sections[1].sh_offset = UINT64_MAX - 3;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_MALFORMED);
    i = an_image();
    i.sections[1].sh_type = SHT_NOBITS;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_MALFORMED);
    i = an_image();
    i.sections[1].sh_name = UINT32_MAX;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_NONE);
    i = an_image();
    i.sections[1].sh_size = LIMIT + 1;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_TOO_BIG);
    i.sections[2].sh_size = UINT64_MAX;
    CHECK_INT(read_of(&i, sizeof(i), &out), AT_ELF_TOO_BIG);
    at_text_deinit(&out);
}

TEST(each_flipped_bit_ends_in_a_result)
{
    struct image i = an_image();
    uint8_t *bytes = (uint8_t *)&i;
    struct at_text out;

    at_text_init(&out);
    for (size_t at = 0; at < sizeof(i); at++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1 << bit);
            CHECK(read_of(&i, sizeof(i), &out) >= 0);
            at_text_clear(&out);
            bytes[at] ^= (uint8_t)(1 << bit);
        }
    }
    at_text_deinit(&out);
}

TEST(memory_that_runs_out_is_reported)
{
    struct image i = an_image();
    at_auto_close
    int fd = file_of(&i, sizeof(i));
    struct at_text out;
    int r;

    WITH_EACH_ALLOCATION_FAILING(
        (at_text_init(&out), r = at_elf_section(fd, ".wanted", LIMIT, &out), at_text_deinit(&out)));
    CHECK_INT(r, 0);
}

TEST_MAIN("cli/config_elf")
