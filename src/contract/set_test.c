/* Loading a descriptor set: what is taken, what is refused, and what can be asked then. */
#include "contract/set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atoll/message.h>

#include "at_test.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "contract/limits.h"
#include "contract/rich_fixture.h"
#include "descriptor.atoll.h"
#include "pb/codec.h"

/*
 * t.proto: package t; message A { int32 a = 1; A b = 2; oneof o { string c = 3; }; map m = 4 }
 * enum E { X = 0; } service S { rpc M(A) returns (A); } extend A { int32 x = 100; }
 */
struct fixture {
    struct google_protobuf_FieldDescriptorProto fields[4];
    struct google_protobuf_OneofDescriptorProto oneof;
    struct google_protobuf_FieldDescriptorProto entry_fields[2];
    struct google_protobuf_MessageOptions entry_options;
    struct google_protobuf_DescriptorProto entry;
    struct google_protobuf_DescriptorProto_ReservedRange reserved;
    struct google_protobuf_DescriptorProto_ExtensionRange open;
    struct google_protobuf_DescriptorProto message;
    struct google_protobuf_EnumValueDescriptorProto values[2];
    struct google_protobuf_EnumDescriptorProto_EnumReservedRange enum_reserved;
    struct google_protobuf_EnumDescriptorProto enumeration;
    struct google_protobuf_MethodDescriptorProto method;
    struct google_protobuf_ServiceDescriptorProto service;
    struct google_protobuf_FieldDescriptorProto extension;
    struct atoll_str reserved_name;
    struct atoll_str import;
    int32_t public_import;
    struct google_protobuf_FileDescriptorProto file;
};

#define TEXT(field, text) .has_##field = true, .field = ATOLL_STR(text)
#define FIELD(text, n, t)                                                                          \
    TEXT(name, text), .has_number = true, .number = (n), .has_label = true, .label = 1,            \
        .has_type = true, .type = (t)

static void fill_message(struct fixture *f)
{
    f->fields[0] = (struct google_protobuf_FieldDescriptorProto){FIELD("a", 1, 5)};
    f->fields[1] =
        (struct google_protobuf_FieldDescriptorProto){FIELD("b", 2, 11), TEXT(type_name, ".t.A")};
    f->fields[2] = (struct google_protobuf_FieldDescriptorProto){
        FIELD("c", 3, 9), .has_oneof_index = true, .oneof_index = 0};
    f->fields[3] = (struct google_protobuf_FieldDescriptorProto){FIELD("m", 4, 11),
                                                                 TEXT(type_name, ".t.A.MEntry")};
    f->fields[3].label = 3;
    f->oneof = (struct google_protobuf_OneofDescriptorProto){TEXT(name, "o")};
    f->entry_fields[0] = (struct google_protobuf_FieldDescriptorProto){FIELD("key", 1, 9)};
    f->entry_fields[1] = (struct google_protobuf_FieldDescriptorProto){FIELD("value", 2, 14),
                                                                       TEXT(type_name, ".t.E")};
    f->entry_options =
        (struct google_protobuf_MessageOptions){.has_map_entry = true, .map_entry = true};
    f->entry = (struct google_protobuf_DescriptorProto){
        TEXT(name, "MEntry"), .field = {f->entry_fields, 2}, .options = &f->entry_options};
    f->reserved = (struct google_protobuf_DescriptorProto_ReservedRange){
        .has_start = true, .start = 9, .has_end = true, .end = 10};
    f->open = (struct google_protobuf_DescriptorProto_ExtensionRange){
        .has_start = true, .start = 100, .has_end = true, .end = 200};
    f->reserved_name = ATOLL_STR("gone");
    f->message = (struct google_protobuf_DescriptorProto){
        TEXT(name, "A"),
        .field = {f->fields, 4},
        .oneof_decl = {&f->oneof, 1},
        .nested_type = {&f->entry, 1},
        .reserved_range = {&f->reserved, 1},
        .reserved_name = {&f->reserved_name, 1},
        .extension_range = {&f->open, 1},
    };
}

static void fill(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    fill_message(f);
    f->values[0] =
        (struct google_protobuf_EnumValueDescriptorProto){TEXT(name, "X"), .has_number = true};
    f->values[1] = (struct google_protobuf_EnumValueDescriptorProto){
        TEXT(name, "Y"), .has_number = true, .number = 1};
    f->enum_reserved = (struct google_protobuf_EnumDescriptorProto_EnumReservedRange){
        .has_start = true, .start = 5, .has_end = true, .end = 5};
    f->enumeration = (struct google_protobuf_EnumDescriptorProto){
        TEXT(name, "E"),
        .value = {f->values, 2},
        .reserved_range = {&f->enum_reserved, 1},
        .reserved_name = {&f->reserved_name, 1},
    };
    f->method = (struct google_protobuf_MethodDescriptorProto){
        TEXT(name, "M"), TEXT(input_type, ".t.A"), TEXT(output_type, ".t.A")};
    f->service =
        (struct google_protobuf_ServiceDescriptorProto){TEXT(name, "S"), .method = {&f->method, 1}};
    f->extension =
        (struct google_protobuf_FieldDescriptorProto){FIELD("x", 100, 5), TEXT(extendee, ".t.A")};
    f->import = ATOLL_STR("other.proto");
    f->public_import = 0;
    f->file = (struct google_protobuf_FileDescriptorProto){
        TEXT(name, "t.proto"),
        TEXT(package, "t"),
        .dependency = {&f->import, 1},
        .public_dependency = {&f->public_import, 1},
        .weak_dependency = {&f->public_import, 1},
        .message_type = {&f->message, 1},
        .enum_type = {&f->enumeration, 1},
        .service = {&f->service, 1},
        .extension = {&f->extension, 1},
    };
}

static struct at_bytes encode(struct at_arena *arena,
                              struct google_protobuf_FileDescriptorProto *files, size_t count)
{
    struct google_protobuf_FileDescriptorSet set = {.file = {files, count}};
    struct at_bytes bytes;

    CHECK_INT(at_pb_encode_in_arena(&google_protobuf_FileDescriptorSet_desc, &set, arena, &bytes),
              0);
    return bytes;
}

static int load(struct at_arena *arena, struct fixture *f, struct at_set *set, struct at_diag *diag)
{
    *diag = (struct at_diag){.line = 0};
    return at_set_load(arena, encode(arena, &f->file, 1), set, diag);
}

TEST(a_set_as_protoc_makes_it_is_taken_and_everything_in_it_is_found)
{
    struct at_arena arena;
    struct fixture f;
    struct at_set set;
    struct at_diag diag;
    const struct at_set_symbol *s;

    at_arena_init(&arena, 4096, 1 << 24);
    fill(&f);
    CHECK_INT(load(&arena, &f, &set, &diag), 0);
    CHECK_INT(set.file_count, 1);
    CHECK_INT(set.symbol_count, 5);
    s = at_set_find(&set, AT_LIT("t.A"));
    CHECK(s != NULL && s->kind == AT_SET_MESSAGE && s == at_set_find(&set, AT_LIT(".t.A")));
    CHECK(!at_set_is_map_entry(s));
    CHECK(at_set_type_of(&set, &s->of.message->field.at[1]) == s);
    CHECK(at_set_type_of(&set, &s->of.message->field.at[0]) == NULL);
    CHECK(at_set_is_map_entry(at_set_find(&set, AT_LIT("t.A.MEntry"))));
    CHECK_INT(at_set_find(&set, AT_LIT("t.E"))->kind, AT_SET_ENUM);
    CHECK_INT(at_set_find(&set, AT_LIT("t.S"))->kind, AT_SET_SERVICE);
    CHECK_INT(at_set_find(&set, AT_LIT("t.x"))->kind, AT_SET_EXTENSION);
    CHECK(at_set_find(&set, AT_LIT("t")) == NULL);
    CHECK(at_set_find(&set, AT_LIT("")) == NULL);
    CHECK(at_set_find_file(&set, AT_LIT("t.proto")) == &set.files[0]);
    CHECK(at_set_find_file(&set, AT_LIT("other.proto")) == NULL);
    CHECK(set.files[0].imports[0] == NULL);
    CHECK_INT(set.files[0].symbol_count, 5);
    at_arena_deinit(&arena);
}

TEST(a_file_that_comes_twice_is_taken_once_and_two_versions_of_one_are_refused)
{
    struct at_arena arena;
    struct fixture f;
    struct at_set set;
    struct at_diag diag;
    struct google_protobuf_FileDescriptorProto twice[2];

    at_arena_init(&arena, 4096, 1 << 24);
    fill(&f);
    twice[0] = f.file;
    twice[1] = f.file;
    CHECK_INT(at_set_load(&arena, encode(&arena, twice, 2), &set, &diag), 0);
    CHECK_INT(set.file_count, 1);
    twice[1].service.count = 0;
    CHECK_INT(at_set_load(&arena, encode(&arena, twice, 2), &set, &diag), AT_SET_MALFORMED);
    CHECK(strstr(diag.what, "two different versions") != NULL);
    CHECK(strstr(diag.what, "t.proto") != NULL);
    CHECK(strstr(diag.hint, "same file") != NULL);
    twice[1].name = ATOLL_STR("u.proto"); /* declares the same types */
    CHECK_INT(at_set_load(&arena, encode(&arena, twice, 2), &set, &diag), AT_SET_MALFORMED);
    CHECK(strstr(diag.what, "declared twice") != NULL);
    at_arena_deinit(&arena);
}

TEST(files_that_come_with_protobuf_grpc_or_atoll_are_nobodys_own)
{
    static const struct {
        const char *name;
        bool standard;
    } rows[] = {{"google/protobuf/any.proto", true},
                {"google/api/http.proto", true},
                {"grpc/health/v1/health.proto", true},
                {"atoll/options.proto", true},
                {"atoll/billing/v1/billing.proto", false},
                {"googly/a.proto", false},
                {"shop/google/a.proto", false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct google_protobuf_FileDescriptorProto proto = {
            .name = {rows[i].name, strlen(rows[i].name)}};
        struct at_set_file file = {.proto = &proto};

        CHECK(at_set_is_standard(&file) == rows[i].standard);
    }
}

/* ---- what is refused: each a change of what is taken ---- */

#define CHANGE(name, statement)                                                                    \
    static void name(struct fixture *f)                                                            \
    {                                                                                              \
        statement;                                                                                 \
    }

CHANGE(no_name, f->file.name.len = 0)
CHANGE(name_with_control, f->file.name = ATOLL_STR("t\033[2J.proto"))
CHANGE(name_no_utf8, f->file.name = ATOLL_STR("t\xff.proto"))
CHANGE(bad_package, f->file.package = ATOLL_STR("t..u"))
CHANGE(package_ends_with_dot, f->file.package = ATOLL_STR("t."))
CHANGE(import_with_control, f->import = ATOLL_STR("\n"))
CHANGE(public_out_of_range, f->public_import = 1)
CHANGE(public_negative, f->public_import = -1)
CHANGE(message_name, f->message.name = ATOLL_STR("A B"))
CHANGE(message_name_with_nul, f->message.name = ATOLL_STR("A\0B"))
CHANGE(message_name_empty, f->message.name.len = 0)
CHANGE(name_begins_with_digit, f->message.name = ATOLL_STR("1A"))
CHANGE(field_name, f->fields[0].name = ATOLL_STR("a-b"))
CHANGE(same_name, f->fields[0].name = ATOLL_STR("b"))
CHANGE(number_zero, f->fields[0].number = 0)
CHANGE(number_too_big, f->fields[0].number = 1 << 29)
CHANGE(same_number, f->fields[0].number = 2)
CHANGE(no_label, f->fields[0].label = 4)
CHANGE(no_type, f->fields[0].type = 19)
CHANGE(type_missing, f->fields[0].has_type = false)
CHANGE(two_types, f->fields[0].has_type_name = true; f->fields[0].type_name = ATOLL_STR(".t.A"))
CHANGE(type_not_there, f->fields[1].type_name = ATOLL_STR(".t.B"))
CHANGE(type_relative, f->fields[1].type_name = ATOLL_STR("t.A"))
CHANGE(type_of_other_kind, f->fields[1].type_name = ATOLL_STR(".t.E"))
CHANGE(type_empty, f->fields[1].type_name.len = 0)
CHANGE(oneof_not_there, f->fields[2].oneof_index = 1)
CHANGE(oneof_negative, f->fields[2].oneof_index = -1)
CHANGE(oneof_name, f->oneof.name = ATOLL_STR(""))
CHANGE(oneof_called_like_a_field, f->oneof.name = ATOLL_STR("a"))
CHANGE(json_name, f->fields[0].has_json_name = true; f->fields[0].json_name = ATOLL_STR("a\n"))
CHANGE(default_no_text, f->fields[0].has_default_value = true;
       f->fields[0].default_value = ATOLL_STR("\xff"))
CHANGE(map_key, f->entry_fields[0].type = 1)
CHANGE(map_of_one, f->entry.field.count = 1)
CHANGE(map_numbers, f->entry_fields[0].number = 3)
CHANGE(map_value_repeated, f->entry_fields[1].label = 3)
CHANGE(map_at_top, f->message.options = &f->entry_options)
CHANGE(reserved_backwards, f->reserved.end = 9)
CHANGE(reserved_zero, f->reserved.start = 0)
CHANGE(reserved_text, f->reserved_name = ATOLL_STR("\001"))
CHANGE(open_backwards, f->open.end = 50)
CHANGE(no_values, f->enumeration.value.count = 0)
CHANGE(value_name, f->values[0].name = ATOLL_STR("X Y"))
CHANGE(value_twice, f->values[1].name = ATOLL_STR("X"))
CHANGE(enum_reserved_backwards, f->enum_reserved.end = 4)
CHANGE(method_name, f->method.name = ATOLL_STR("M/N"))
CHANGE(input_not_there, f->method.input_type = ATOLL_STR(".t.B"))
CHANGE(output_an_enum, f->method.output_type = ATOLL_STR(".t.E"))
CHANGE(extendee_not_there, f->extension.extendee = ATOLL_STR(".t.B"))
CHANGE(extension_number, f->extension.number = -1)
CHANGE(extension_in_oneof, f->extension.has_oneof_index = true)

TEST(what_contradicts_itself_is_refused_with_a_reason)
{
    static void (*const changes[])(struct fixture *) = {
        no_name,
        name_with_control,
        name_no_utf8,
        bad_package,
        package_ends_with_dot,
        import_with_control,
        public_out_of_range,
        public_negative,
        message_name,
        message_name_with_nul,
        message_name_empty,
        name_begins_with_digit,
        field_name,
        same_name,
        number_zero,
        number_too_big,
        same_number,
        no_label,
        no_type,
        type_missing,
        two_types,
        type_not_there,
        type_relative,
        type_of_other_kind,
        type_empty,
        oneof_not_there,
        oneof_negative,
        oneof_name,
        oneof_called_like_a_field,
        json_name,
        default_no_text,
        map_key,
        map_of_one,
        map_numbers,
        map_value_repeated,
        map_at_top,
        reserved_backwards,
        reserved_zero,
        reserved_text,
        open_backwards,
        no_values,
        value_name,
        value_twice,
        enum_reserved_backwards,
        method_name,
        input_not_there,
        output_an_enum,
        extendee_not_there,
        extension_number,
        extension_in_oneof,
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct at_arena arena;
        struct fixture f;
        struct at_set set;
        struct at_diag diag;
        int r;

        at_arena_init(&arena, 4096, 1 << 24);
        fill(&f);
        changes[i](&f);
        r = load(&arena, &f, &set, &diag);
        if (r != AT_SET_MALFORMED || diag.what[0] == '\0') {
            at_test_fail(__FILE__, __LINE__, "change %zu gives %d, \"%s\"", i, r, diag.what);
        }
        at_arena_deinit(&arena);
    }
}

TEST(a_type_that_was_not_brought_along_says_how_to_bring_it)
{
    struct at_arena arena;
    struct fixture f;
    struct at_set set;
    struct at_diag diag;

    at_arena_init(&arena, 4096, 1 << 24);
    fill(&f);
    f.fields[1].type_name = ATOLL_STR(".other.B");
    CHECK_INT(load(&arena, &f, &set, &diag), AT_SET_MALFORMED);
    CHECK(strstr(diag.what, ".other.B") != NULL);
    CHECK(strstr(diag.hint, "--include_imports") != NULL);
    at_arena_deinit(&arena);
}

TEST(every_shorter_prefix_of_a_file_is_refused)
{
    struct at_arena arena;
    struct fixture f;
    struct at_set set;
    struct at_diag diag;
    struct at_bytes bytes;

    at_arena_init(&arena, 4096, 1 << 28);
    fill(&f);
    bytes = encode(&arena, &f.file, 1);
    CHECK_INT(at_set_load(&arena, at_bytes_before(bytes, 0), &set, &diag), 0);
    CHECK_INT(set.file_count, 0);
    for (size_t len = 1; len < bytes.len; len++) {
        CHECK_INT(at_set_load(&arena, at_bytes_before(bytes, len), &set, &diag), AT_SET_MALFORMED);
    }
    at_arena_deinit(&arena);
}

/* ---- limits ---- */

TEST(more_files_than_the_limit_are_refused)
{
    struct at_arena arena;
    struct google_protobuf_FileDescriptorProto *files;
    struct at_set set;
    struct at_diag diag;

    at_arena_init(&arena, 4096, 1 << 28);
    files = at_arena_zalloc(&arena, AT_SET_FILES_MAX + 1, sizeof(*files));
    for (size_t i = 0; i < AT_SET_FILES_MAX + 1; i++) {
        char *name = at_arena_printf(&arena, "f%zu.proto", i);

        files[i].has_name = true;
        files[i].name = (struct atoll_str){name, strlen(name)};
    }
    CHECK_INT(at_set_load(&arena, encode(&arena, files, AT_SET_FILES_MAX), &set, &diag), 0);
    CHECK_INT(at_set_load(&arena, encode(&arena, files, AT_SET_FILES_MAX + 1), &set, &diag),
              AT_SET_MALFORMED);
    CHECK(strstr(diag.what, "too many files") != NULL);
    at_arena_deinit(&arena);
}

TEST(files_of_one_length_in_any_order_are_taken_once_in_the_order_they_came)
{
    enum { FILES = AT_SET_FILES_MAX, STEP = 1021 };
    struct at_arena arena;
    struct google_protobuf_FileDescriptorProto *files;
    struct at_set set;
    struct at_diag diag;

    at_arena_init(&arena, 4096, 1 << 28);
    files = at_arena_zalloc(&arena, (size_t)2 * FILES, sizeof(*files));
    for (size_t i = 0; i < FILES; i++) {
        char *name = at_arena_printf(&arena, "%0200zu.proto", i * STEP % FILES);

        files[i].has_name = true;
        files[i].name = (struct atoll_str){name, strlen(name)};
        files[2 * FILES - 1 - i] = files[i]; /* and all again, the other way round */
    }
    CHECK_INT(at_set_load(&arena, encode(&arena, files, (size_t)2 * FILES), &set, &diag), 0);
    CHECK_INT(set.file_count, FILES);
    for (size_t i = 0; i < FILES; i++) {
        CHECK(at_bytes_equal(at_set_bytes(set.files[i].proto->name), at_set_bytes(files[i].name)));
    }
    at_arena_deinit(&arena);
}

TEST(more_imports_than_the_limit_are_refused)
{
    struct at_arena arena;
    struct atoll_str *imports;
    struct google_protobuf_FileDescriptorProto file = {TEXT(name, "t.proto")};
    struct at_set set;
    struct at_diag diag;

    at_arena_init(&arena, 4096, 1 << 28);
    imports = at_arena_zalloc(&arena, AT_SET_IMPORTS_MAX + 1, sizeof(*imports));
    for (size_t i = 0; i < AT_SET_IMPORTS_MAX + 1; i++) {
        imports[i] = ATOLL_STR("t.proto");
    }
    file.dependency.at = imports;
    file.dependency.count = AT_SET_IMPORTS_MAX;
    CHECK_INT(at_set_load(&arena, encode(&arena, &file, 1), &set, &diag), 0);
    file.dependency.count++;
    CHECK_INT(at_set_load(&arena, encode(&arena, &file, 1), &set, &diag), AT_SET_MALFORMED);
    CHECK(strstr(diag.what, "too many imports") != NULL);
    at_arena_deinit(&arena);
}

TEST(types_within_types_beyond_the_limit_are_refused)
{
    for (size_t depth = AT_SET_NEST_MAX; depth <= AT_SET_NEST_MAX + 1; depth++) {
        struct google_protobuf_DescriptorProto messages[AT_SET_NEST_MAX + 1] = {
            [0] = {.has_name = false}};
        struct google_protobuf_FileDescriptorProto file = {TEXT(name, "t.proto"),
                                                           .message_type = {&messages[0], 1}};
        struct at_arena arena;
        struct at_set set;
        struct at_diag diag;

        at_arena_init(&arena, 4096, 1 << 24);
        for (size_t i = 0; i < depth; i++) {
            messages[i].has_name = true;
            messages[i].name = ATOLL_STR("M");
            messages[i].nested_type.at = i + 1 < depth ? &messages[i + 1] : NULL;
            messages[i].nested_type.count = i + 1 < depth ? 1 : 0;
        }
        CHECK_INT(at_set_load(&arena, encode(&arena, &file, 1), &set, &diag),
                  depth > AT_SET_NEST_MAX ? AT_SET_MALFORMED : 0);
        at_arena_deinit(&arena);
    }
}

TEST(names_longer_than_the_limit_are_refused)
{
    for (size_t len = AT_SET_NAME_MAX; len <= AT_SET_NAME_MAX + 1; len++) {
        struct at_arena arena;
        struct fixture f;
        struct at_set set;
        struct at_diag diag;
        char name[AT_SET_NAME_MAX + 1];

        at_arena_init(&arena, 4096, 1 << 24);
        fill(&f);
        memset(name, 'n', sizeof(name));
        f.file.package.len = 0;
        f.enumeration.name = (struct atoll_str){name, len};
        f.method.input_type = ATOLL_STR(".A");
        f.method.output_type = ATOLL_STR(".A");
        f.extension.extendee = ATOLL_STR(".A");
        f.fields[1].type_name = ATOLL_STR(".A");
        f.fields[3].type_name = ATOLL_STR(".A.MEntry");
        f.entry_fields[1].type = 5;
        f.entry_fields[1].type_name.len = 0;
        CHECK_INT(load(&arena, &f, &set, &diag), len > AT_SET_NAME_MAX ? AT_SET_MALFORMED : 0);
        at_arena_deinit(&arena);
    }
}

TEST(more_types_than_the_limit_are_refused)
{
    struct google_protobuf_EnumValueDescriptorProto value = {TEXT(name, "X"), .has_number = true};
    struct google_protobuf_EnumDescriptorProto *enums;
    struct google_protobuf_FileDescriptorProto file = {TEXT(name, "t.proto")};
    struct at_arena arena;
    struct at_set set;
    struct at_diag diag;

    at_arena_init(&arena, 4096, AT_SET_MEMORY_MAX);
    enums = at_arena_zalloc(&arena, AT_SET_SYMBOLS_MAX + 1, sizeof(*enums));
    for (size_t i = 0; i < AT_SET_SYMBOLS_MAX + 1; i++) {
        char *name = at_arena_printf(&arena, "E%zu", i);

        enums[i].has_name = true;
        enums[i].name = (struct atoll_str){name, strlen(name)};
        enums[i].value.at = &value;
        enums[i].value.count = 1;
    }
    file.enum_type.at = enums;
    file.enum_type.count = AT_SET_SYMBOLS_MAX;
    CHECK_INT(at_set_load(&arena, encode(&arena, &file, 1), &set, &diag), 0);
    CHECK_INT(set.symbol_count, AT_SET_SYMBOLS_MAX);
    file.enum_type.count++;
    CHECK_INT(at_set_load(&arena, encode(&arena, &file, 1), &set, &diag), AT_SET_MALFORMED);
    CHECK(strstr(diag.what, "too many types") != NULL);
    at_arena_deinit(&arena);
}

TEST(more_bytes_than_the_limit_are_refused_before_they_are_read)
{
    struct at_set set;
    struct at_diag diag;
    struct at_arena arena;

    at_arena_init(&arena, 4096, 1 << 24);
    CHECK_INT(at_set_load(&arena, at_bytes_over("", (size_t)AT_SET_BYTES_MAX + 1), &set, &diag),
              AT_SET_MALFORMED);
    CHECK(strstr(diag.what, "too many bytes") != NULL);
    at_arena_deinit(&arena);
}

TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    struct at_arena source;
    struct fixture f;
    struct at_bytes bytes;

    at_arena_init(&source, 4096, 1 << 24);
    fill(&f);
    bytes = encode(&source, &f.file, 1);
    WITH_EACH_ALLOCATION_FAILING({
        struct at_arena arena;
        struct at_set set;
        struct at_diag diag;
        int r;

        at_arena_init(&arena, 64, 1 << 24);
        r = at_set_load(&arena, bytes, &set, &diag);
        CHECK(r == 0 || r == -ENOMEM);
        CHECK(r == 0 || allocation_failed());
        at_arena_deinit(&arena);
    });
    at_arena_deinit(&source);
}

/* ---- places ---- */

TEST(the_place_of_a_type_in_a_type_and_of_a_field_is_found)
{
    struct rich rich;
    struct at_set_path path;
    size_t found = 0;

    rich_load(&rich);
    for (size_t i = 0; i < rich.set.symbol_count; i++) {
        const struct at_set_symbol *s = &rich.set.symbols[i];

        at_set_path_of(s, &path);
        if (at_set_is_map_entry(s)) {
            continue; /* protoc made it; it stands nowhere */
        }
        CHECK(at_set_location_of(s->file, &path) != NULL);
        if (s->kind == AT_SET_MESSAGE && s->of.message->field.count > 0) {
            at_set_path_add(&path, 2, 0);
            CHECK(at_set_location_of(s->file, &path) != NULL);
            path.at[path.len - 1] = 10000;
            CHECK(at_set_location_of(s->file, &path) == NULL);
        }
        found++;
    }
    CHECK(found > 10);
    at_arena_deinit(&rich.arena);
}

TEST_MAIN("contract/set")
