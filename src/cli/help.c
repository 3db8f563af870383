#include "cli/help.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/cli.h"
#include "pb/json.h"

enum { WIDTH = 80, INDENT = 4 };

struct exit_note {
    int code;
    const char *what;
};

static const struct exit_note common_exits[] = {
    {AT_EXIT_OK, "done"},
    {AT_EXIT_FAILURE, "it failed; the reason is on stderr"},
    {AT_EXIT_USAGE, "the command line or the configuration is wrong"},
};

static const struct exit_note all_exits[] = {
    {AT_EXIT_OK, "done"},
    {AT_EXIT_FAILURE, "it failed; the reason is on stderr"},
    {AT_EXIT_USAGE, "the command line or the configuration is wrong"},
    {AT_EXIT_NOT_RUNNING, "the system is not running"},
    {AT_EXIT_UNKNOWN, "a service, instance or method of that name does not exist"},
    {AT_EXIT_TIMEOUT, "not done in time"},
    {AT_EXIT_NOT_READY, "up: a service did not become ready"},
    {AT_EXIT_CALL, "plus N: call: the method answered with gRPC status N"},
    {AT_EXIT_INTERRUPTED, "interrupted by Ctrl-C"},
};

static void title(struct at_text *out, bool colour, const char *text)
{
    at_text_addf(out, "%s%s%s\n", colour ? "\033[1m" : "", text, colour ? "\033[0m" : "");
}

/* Words of one paragraph, broken before column WIDTH; every line starts with indent blanks. */
static void add_wrapped(struct at_text *out, struct at_bytes paragraph, size_t indent)
{
    size_t column = 0;
    struct at_bytes word;

    while (at_bytes_cut(&paragraph, ' ', &word)) {
        if (word.len == 0) {
            continue;
        }
        if (column > 0 && column + 1 + word.len > WIDTH) {
            at_text_add_char(out, '\n');
            column = 0;
        }
        if (column == 0) {
            at_text_addf(out, "%*s", (int)indent, "");
            column = indent;
        } else {
            at_text_add_char(out, ' ');
            column++;
        }
        at_text_add(out, word);
        column += word.len;
    }
    at_text_add_char(out, '\n');
}

static void add_paragraphs(struct at_text *out, const char *about, size_t indent)
{
    struct at_bytes rest = at_bytes_of(about);
    struct at_bytes line;

    while (at_bytes_cut(&rest, '\n', &line)) {
        if (line.len == 0) {
            at_text_add_char(out, '\n');
        } else {
            add_wrapped(out, line, indent);
        }
    }
}

static void add_options(struct at_text *out, const struct at_cli_option *o)
{
    for (; o->name != NULL; o++) {
        char letter[8] = "    ";

        if (o->letter != '\0') {
            letter[0] = '-';
            letter[1] = o->letter;
            letter[2] = ',';
        }
        at_text_addf(out, "  %s--%s%s%s", letter, o->name, o->value == NULL ? "" : " ",
                     o->value == NULL ? "" : o->value);
        if (o->env != NULL) {
            at_text_addf(out, "  [%s]", o->env);
        }
        at_text_add_char(out, '\n');
        add_wrapped(out, at_bytes_of(o->what), 10);
    }
}

void at_help_overview(struct at_text *out, bool colour)
{
    at_text_add_str(out, "atoll runs a system of microservices, each in its own sandbox.\n\n");
    title(out, colour, "Usage");
    at_text_add_str(out, "    atoll [FLAGS] VERB [NAMES] [FLAGS]\n\n");
    title(out, colour, "Verbs");
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        at_text_addf(out, "    %-12s%s\n", v->name, v->summary);
    }
    at_text_add_char(out, '\n');
    title(out, colour, "Flags for every verb");
    add_options(out, at_cli_global_options());
    at_text_add_str(out, "\nBegin with: atoll init --demo shop && cd shop && atoll up\n"
                         "More: atoll help VERB, man atoll, man atoll.yaml\n");
}

static void add_exits(struct at_text *out, const struct at_cli_verb *verb)
{
    for (size_t i = 0; i < sizeof(common_exits) / sizeof(common_exits[0]); i++) {
        at_text_addf(out, "    %-5d%s\n", common_exits[i].code, common_exits[i].what);
    }
    for (const struct at_cli_exit_note *e = verb->exits; e != NULL && e->what != NULL; e++) {
        at_text_addf(out, "    %-5d%s\n", e->code, e->what);
    }
}

void at_help_verb(struct at_text *out, const struct at_cli_verb *verb, bool colour)
{
    at_text_addf(out, "atoll %s: %s.\n\n", verb->name, verb->summary);
    title(out, colour, "Usage");
    at_text_addf(out, "    atoll %s%s%s\n\n", verb->name, verb->usage[0] == '\0' ? "" : " ",
                 verb->usage);
    if (verb->about[0] != '\0') {
        add_paragraphs(out, verb->about, INDENT);
        at_text_add_char(out, '\n');
    }
    if (verb->options[0].name != NULL) {
        title(out, colour, "Flags");
        add_options(out, verb->options);
        at_text_add_char(out, '\n');
    }
    if (verb->examples != NULL) {
        title(out, colour, "Examples");
        for (const struct at_cli_example *e = verb->examples; e->command != NULL; e++) {
            at_text_addf(out, "    %s\n        %s\n", e->command, e->what);
        }
        at_text_add_char(out, '\n');
    }
    title(out, colour, "Exit codes");
    add_exits(out, verb);
    at_text_add_str(out, "\nFlags for every verb: atoll help\n");
}

/* Backslash, hyphen and a leading dot or quote are escaped. */
void at_help_roff(struct at_text *out, const char *text)
{
    if (*text == '.' || *text == '\'') {
        at_text_add_str(out, "\\&");
    }
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            at_text_add_str(out, "\\e");
        } else if (*text == '-') {
            at_text_add_str(out, "\\-");
        } else if (text[0] == '\n' && text[1] == '\n') {
            at_text_add_str(out, "\n.PP");
        } else {
            at_text_add_char(out, *text);
        }
    }
    at_text_add_char(out, '\n');
}

static void man_options(struct at_text *out, const struct at_cli_option *o)
{
    for (; o->name != NULL; o++) {
        at_text_add_str(out, ".TP\n");
        if (o->letter != '\0') {
            at_text_addf(out, "\\fB\\-%c\\fR, ", o->letter);
        }
        at_text_add_str(out, "\\fB\\-\\-");
        for (const char *c = o->name; *c != '\0'; c++) {
            at_text_addf(out, "%s%c", *c == '-' ? "\\" : "", *c);
        }
        at_text_add_str(out, "\\fR");
        if (o->value != NULL) {
            at_text_addf(out, " \\fI%s\\fR", o->value);
        }
        at_text_add_char(out, '\n');
        at_help_roff(out, o->what);
        if (o->choice != NULL) {
            at_text_addf(out, "One of %s.\n", o->choice);
        }
        if (o->env != NULL) {
            at_text_addf(out, "Environment: \\fB%s\\fR.\n", o->env);
        }
    }
}

static void man_verb(struct at_text *out, const struct at_cli_verb *v)
{
    at_text_addf(out, ".SS \"atoll %s %s\"\n", v->name, v->usage);
    at_text_add_str(out, "To ");
    at_help_roff(out, v->summary);
    if (v->about[0] != '\0') {
        at_text_add_str(out, ".PP\n");
        at_help_roff(out, v->about);
    }
    man_options(out, v->options);
    for (const struct at_cli_example *e = v->examples; e != NULL && e->command != NULL; e++) {
        at_text_add_str(out, ".PP\nExample, to ");
        at_help_roff(out, e->what);
        at_text_add_str(out, ".RS\n.nf\n");
        at_help_roff(out, e->command);
        at_text_add_str(out, ".fi\n.RE\n");
    }
    for (const struct at_cli_exit_note *e = v->exits; e != NULL && e->what != NULL; e++) {
        at_text_addf(out, ".PP\nExit code %d: ", e->code);
        at_help_roff(out, e->what);
    }
}

static const char man_files[] =
    ".SH FILES\n.TP\n\\fBatoll.yaml\\fR, \\fBatoll.override.yaml\\fR\n"
    "The system; see \\fBatoll.yaml\\fR(5).\n"
    ".TP\n\\fB.atoll/state/\\fR\\fISERVICE\\fR\nThe state directory of a service; it is /state in "
    "its sandbox.\n"
    ".TP\n\\fB.atoll/logs/\\fR\\fIINSTANCE\\fR\\fB.log\\fR\nWhat an instance wrote: time, stream, "
    "text. Files are rotated at 8 MiB; .log.1 to .log.4 are older. "
    "Of a stream that writes more than 4 MiB a second lines are dropped, so that it never has to "
    "wait and the others are heard; a full disk loses lines and stops nothing. The log says how "
    "many are missing.\n"
    ".TP\n\\fB.atoll/atolld.log\\fR\nWhat the supervisor itself has to say; \\fBatoll logs "
    "atolld\\fR shows it.\n"
    ".TP\n\\fB/run/atoll/\\fR\\fISYSTEM\\fR\\fB/control.sock\\fR\nWhere a running system of root "
    "listens to this command; for others under $XDG_RUNTIME_DIR or /tmp/atoll\\-\\fIUID\\fR.\n";

static const char man_environment[] =
    ".SH ENVIRONMENT\nEvery flag that names a variable above may be given by it; the command line "
    "wins.\n.TP\n\\fBNO_COLOR\\fR, \\fBCLICOLOR_FORCE\\fR\nNo colour; colour also into a pipe.\n"
    ".TP\n\\fBATOLL_LIBEXEC\\fR\nWhere the programs of the runtime are.\n";

void at_help_man(struct at_text *out)
{
    at_text_add_str(out,
                    ".TH ATOLL 1 \"\" \"atoll " ATOLL_VERSION "\" \"User Commands\"\n"
                    ".SH NAME\natoll \\- run a system of sandboxed microservices\n"
                    ".SH SYNOPSIS\n\\fBatoll\\fR [\\fIFLAGS\\fR] \\fIVERB\\fR "
                    "[\\fINAMES\\fR] [\\fIFLAGS\\fR]\n"
                    ".SH DESCRIPTION\natoll starts the services that \\fBatoll.yaml\\fR(5) "
                    "describes, each in its own sandbox, connects them over shared memory and "
                    "watches them. Data goes to stdout, talk to stderr; on a terminal there is "
                    "colour and a live table, in a pipe plain lines.\n"
                    ".SH \"FLAGS FOR EVERY VERB\"\nBefore the verb, \\fB\\-f\\fR is always the "
                    "file; behind it, a verb's own flag of the same letter wins.\n");
    man_options(out, at_cli_global_options());
    at_text_add_str(out, ".SH VERBS\n");
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        man_verb(out, v);
    }
    at_text_add_str(out, ".SH \"EXIT CODES\"\n");
    for (size_t i = 0; i < sizeof(all_exits) / sizeof(all_exits[0]); i++) {
        at_text_addf(out, ".TP\n\\fB%d\\fR\n", all_exits[i].code);
        at_help_roff(out, all_exits[i].what);
    }
    at_text_add_str(out, man_files);
    at_text_add_str(out, man_environment);
    at_text_add_str(out, ".SH \"SEE ALSO\"\n\\fBatoll.yaml\\fR(5), \\fBlibatoll\\fR(3)\n");
}

void at_help_man_verb(struct at_text *out, const struct at_cli_verb *verb)
{
    at_text_add_str(out, ".TH ATOLL-");
    for (const char *c = verb->name; *c != '\0'; c++) {
        at_text_add_char(out, (char)(*c - 'a' + 'A')); /* names of verbs are small letters */
    }
    at_text_addf(out,
                 " 1 \"\" \"atoll " ATOLL_VERSION "\" \"User Commands\"\n"
                 ".SH NAME\natoll\\-%s \\- ",
                 verb->name);
    at_help_roff(out, verb->summary);
    at_text_addf(out, ".SH SYNOPSIS\n\\fBatoll %s\\fR ", verb->name);
    at_help_roff(out, verb->usage);
    at_text_add_str(out, ".SH DESCRIPTION\n");
    at_help_roff(out, verb->about);
    at_text_add_str(out, ".SH FLAGS\n");
    man_options(out, verb->options);
    at_text_add_str(out, ".PP\nFlags for every verb are in \\fBatoll\\fR(1).\n");
    if (verb->add_man != NULL) {
        verb->add_man(out);
    }
    at_text_add_str(out, ".SH EXAMPLES\n");
    for (const struct at_cli_example *e = verb->examples; e != NULL && e->command != NULL; e++) {
        at_text_add_str(out, ".TP\n");
        at_help_roff(out, e->command);
        at_help_roff(out, e->what);
    }
    at_text_add_str(out, ".SH \"EXIT CODES\"\n");
    for (size_t i = 0; i < sizeof(common_exits) / sizeof(common_exits[0]); i++) {
        at_text_addf(out, ".TP\n\\fB%d\\fR\n", common_exits[i].code);
        at_help_roff(out, common_exits[i].what);
    }
    for (const struct at_cli_exit_note *e = verb->exits; e != NULL && e->what != NULL; e++) {
        at_text_addf(out, ".TP\n\\fB%d\\fR\n", e->code);
        at_help_roff(out, e->what);
    }
    at_text_add_str(out, ".SH \"SEE ALSO\"\n\\fBatoll\\fR(1), \\fBatoll.yaml\\fR(5)\n");
}

/* ---- for programs ---- */

static void json_str(struct at_json_writer *j, const char *key, const char *value)
{
    at_json_key(j, key);
    if (value == NULL) {
        at_json_null(j);
    } else {
        at_json_str(j, value);
    }
}

static void json_options(struct at_json_writer *j, const struct at_cli_option *o)
{
    at_json_key(j, "flags");
    at_json_begin_array(j);
    for (; o->name != NULL; o++) {
        char letter[2] = {o->letter, '\0'};

        at_json_begin_object(j);
        json_str(j, "name", o->name);
        json_str(j, "letter", o->letter == '\0' ? NULL : letter);
        json_str(j, "value", o->value);
        json_str(j, "choice", o->choice);
        json_str(j, "env", o->env);
        json_str(j, "what", o->what);
        at_json_end_object(j);
    }
    at_json_end_array(j);
}

static void json_exit(struct at_json_writer *j, int code, const char *what)
{
    at_json_begin_object(j);
    at_json_key(j, "code");
    at_json_i64(j, code);
    json_str(j, "what", what);
    at_json_end_object(j);
}

static void json_verb(struct at_json_writer *j, const struct at_cli_verb *v)
{
    at_json_begin_object(j);
    json_str(j, "name", v->name);
    json_str(j, "usage", v->usage);
    json_str(j, "summary", v->summary);
    json_str(j, "about", v->about);
    json_options(j, v->options);
    at_json_key(j, "examples");
    at_json_begin_array(j);
    for (const struct at_cli_example *e = v->examples; e != NULL && e->command != NULL; e++) {
        at_json_begin_object(j);
        json_str(j, "command", e->command);
        json_str(j, "what", e->what);
        at_json_end_object(j);
    }
    at_json_end_array(j);
    at_json_key(j, "exit_codes");
    at_json_begin_array(j);
    for (size_t i = 0; i < sizeof(common_exits) / sizeof(common_exits[0]); i++) {
        json_exit(j, common_exits[i].code, common_exits[i].what);
    }
    for (const struct at_cli_exit_note *e = v->exits; e != NULL && e->what != NULL; e++) {
        json_exit(j, e->code, e->what);
    }
    at_json_end_array(j);
    at_json_end_object(j);
}

void at_help_json(struct at_text *out, const struct at_cli_verb *verb)
{
    struct at_json_writer j;

    at_json_writer_init(&j, out, 0);
    if (verb != NULL) {
        json_verb(&j, verb);
        return;
    }
    at_json_begin_object(&j);
    json_str(&j, "version", ATOLL_VERSION);
    json_options(&j, at_cli_global_options());
    at_json_key(&j, "verbs");
    at_json_begin_array(&j);
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        json_verb(&j, v);
    }
    at_json_end_array(&j);
    at_json_key(&j, "exit_codes");
    at_json_begin_array(&j);
    for (size_t i = 0; i < sizeof(all_exits) / sizeof(all_exits[0]); i++) {
        json_exit(&j, all_exits[i].code, all_exits[i].what);
    }
    at_json_end_array(&j);
    at_json_end_object(&j);
}
