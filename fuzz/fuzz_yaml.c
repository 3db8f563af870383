/*
 * atoll.yaml: any bytes give mistakes with places, or a configuration whose plan packs, unpacks and
 * checks, and whose print is a configuration that prints the same. Filling in variables twice, with
 * what came out escaped in between, changes nothing.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/config_text.h"
#include "plan/limits.h"
#include "plan/sealed.h"

static const char *const variables[] = {"A=value", "EMPTY=", "D=$", NULL};

static void expect(int holds)
{
    if (!holds) {
        abort();
    }
}

/* An empty folder, so that nothing of this machine is read. */
static const char *folder(void)
{
    static char dir[] = "/tmp/at-fuzz-yaml-XXXXXX";
    static int made;

    if (!made) {
        expect(mkdtemp(dir) != NULL);
        made = 1;
    }
    return dir;
}

static int load(struct at_bytes yaml, struct at_config **ret, struct at_config_errors *errors)
{
    at_auto_close
    int fd = memfd_create("atoll.yaml", MFD_CLOEXEC);
    char path[64];
    const char *files[1] = {path};
    struct at_config_options options = {
        .files = files, .file_count = 1, .project_dir = folder(), .environ = variables};

    expect(fd >= 0 && at_fd_write_all(fd, yaml.at, yaml.len) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return at_config_load(&options, ret, errors);
}

static void plan_holds(struct at_config *config, struct at_config_errors *errors)
{
    struct at_config_files files = {-1, -1};
    struct at_bytes packed;
    struct at_bytes contracts;
    struct at_plan plan;
    int r = at_config_plan(config, &files, errors);

    if (r != 0) {
        expect(r == AT_CONFIG_WRONG && errors->wrong > 0);
        return;
    }
    expect(at_sealed_map(files.plan_fd, AT_PLAN_BYTES_MAX, &packed) == 0);
    expect(at_sealed_map(files.contracts_fd, AT_PLAN_CONTRACTS_BYTES_MAX, &contracts) == 0);
    expect(at_plan_unpack(packed, contracts.len, &plan, NULL) == 0);
    at_plan_deinit(&plan);
    at_sealed_unmap(&packed);
    at_sealed_unmap(&contracts);
    at_close(&files.plan_fd);
    at_close(&files.contracts_fd);
}

static void print_comes_back(const struct at_config *config)
{
    struct at_text once = {0};
    struct at_text twice = {0};
    struct at_config *again = NULL;
    struct at_config_errors errors;
    int r;

    at_config_errors_init(&errors);
    at_config_print_yaml(config, &once);
    r = load(at_text_bytes(&once), &again, &errors);
    if (r != 0 && once.len < (1 << 20)) {
        struct at_text text = {0};

        at_config_errors_print(&errors, &text);
        fprintf(stderr, "%s\n%s\n", at_text_str(&once), at_text_str(&text));
        abort();
    }
    if (r == 0) {
        at_config_print_yaml(again, &twice);
        expect(at_bytes_equal(at_text_bytes(&once), at_text_bytes(&twice)));
    }
    again = at_config_free(again);
    at_config_errors_deinit(&errors);
    at_text_deinit(&once);
    at_text_deinit(&twice);
}

static void filling_in_is_idempotent(struct at_bytes in)
{
    const struct at_config_vars vars = {variables, {NULL, NULL}};
    struct at_text once = {0};
    struct at_text escaped = {0};
    struct at_text twice = {0};
    struct at_config_errors errors;

    at_config_errors_init(&errors);
    if (at_config_interpolate(&vars, in, (struct at_config_place){0}, &errors, &once) == 0) {
        for (size_t i = 0; i < once.len; i++) {
            at_text_add_str(&escaped, once.at[i] == '$' ? "$" : "");
            at_text_add_char(&escaped, once.at[i]);
        }
        expect(at_config_interpolate(&vars, at_text_bytes(&escaped), (struct at_config_place){0},
                                     &errors, &twice) == 0);
        expect(at_bytes_equal(at_text_bytes(&once), at_text_bytes(&twice)));
    } else {
        expect(errors.wrong > 0);
    }
    at_config_errors_deinit(&errors);
    at_text_deinit(&once);
    at_text_deinit(&escaped);
    at_text_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_config *config = NULL;
    struct at_config_errors errors;
    int r;

    at_config_errors_init(&errors);
    r = load(at_bytes_over(data, size), &config, &errors);
    expect(r == 0 || (r == AT_CONFIG_WRONG && errors.wrong > 0));
    for (size_t i = 0; i < errors.count; i++) {
        const struct at_config_error *e = &errors.at[i];

        expect(e->message[0] != '\0' && e->line >= 0 && e->col >= 0);
        expect(at_bytes_is_utf8(at_bytes_of(e->message)) && at_bytes_is_utf8(at_bytes_of(e->hint)));
    }
    if (r == 0) {
        plan_holds(config, &errors);
        print_comes_back(config);
    }
    config = at_config_free(config);
    at_config_errors_deinit(&errors);
    filling_in_is_idempotent(at_bytes_over(data, size));
    return 0;
}
