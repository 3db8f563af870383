/* atoll.yaml(5) as roff: prose here, the keys from the table. */
#include <string.h>

#include "base/text.h"
#include "cli/config.h"
#include "cli/config_keys.h"

enum { TABLES_MAX = 32 }; /* of our own */

static const char opening[] =
    ".SH NAME\n"
    "atoll.yaml \\- what a system of services is made of\n"
    ".SH DESCRIPTION\n"
    "One file describes a system: its services, who may call whom, what each may take, and where\n"
    "the front door listens.\n"
    ".BR atoll (1)\n"
    "looks for\n"
    ".I atoll.yaml\n"
    "(or\n"
    ".IR atoll.yml )\n"
    "in the working directory and those above it; the folder in which it stands is the project\n"
    "directory, and paths in it are relative to that. Keys that Docker Compose has mean what they\n"
    "mean there, unless said otherwise below; a key of Compose that cannot be honoured is refused\n"
    "with a reason. Keys that begin with\n"
    ".B x\\-\n"
    "are your own and mean nothing.\n"
    ".PP\n"
    "Scalars are text: \\fBno\\fP and \\fB22:22\\fP stay what they are. Anchors, aliases and "
    "merge\n"
    "keys (\\fB<<\\fP) work; a key that stands twice is a mistake. Every mistake is reported at "
    "once,\n"
    "as \\fIfile:line:column: message\\fP with what was probably meant.\n"
    ".SS Several files\n"
    ".I atoll.override.yaml\n"
    "beside the file is laid on it, as are further files named with\n"
    ".BR \\-f .\n"
    "Maps are merged, texts and commands replaced, lists of names joined; environments merge by\n"
    "name, listeners by address.\n"
    ".SS Variables\n"
    "In values, \\fB${NAME}\\fP and \\fB$NAME\\fP are replaced from the environment, else from "
    "the\n"
    "file\n"
    ".I .env\n"
    "in the project directory. \\fB${NAME:\\-word}\\fP gives word when NAME is unset or empty,\n"
    "\\fB${NAME\\-word}\\fP when it is unset; \\fB${NAME:?message}\\fP and \\fB${NAME?message}\\fP "
    "make that a\n"
    "mistake; \\fB${NAME:+word}\\fP and \\fB${NAME+word}\\fP give word when it is set. Words may "
    "hold\n"
    "variables. A literal $ is \\fB$$\\fP.\n"
    ".SS Durations and sizes\n"
    "A duration has units: 250ms, 30s, 1m30s, 2h. A size is a number of bytes, or has a unit of\n"
    "1024: 64M, 512K, 1G.\n";

static const char closing[] =
    ".SH EXAMPLES\n"
    "The least that can be run:\n"
    ".PP\n"
    ".nf\n"
    "services:\n"
    "  hello:\n"
    "    command: bin/hello\n"
    ".fi\n"
    ".PP\n"
    "A system with a front door, limits that services share, and an order of starting:\n"
    ".PP\n"
    ".nf\n"
    "name: shop\n"
    "\n"
    "x\\-limits: &limits\n"
    "  deploy: {resources: {limits: {memory: 64M, pids: 32}}}\n"
    "\n"
    "services:\n"
    "  stock:\n"
    "    <<: *limits\n"
    "    command: bin/stock \\-\\-catalogue catalogue.csv\n"
    "\n"
    "  cart:\n"
    "    command: [bin/cart, \\-\\-currency, \"${CURRENCY:\\-EUR}\"]\n"
    "    uses: [stock]                     # address book and fence in one line\n"
    "    depends_on: {stock: {condition: service_healthy}}\n"
    "    environment: {LOG_LEVEL: debug}\n"
    "    restart: on\\-failure\n"
    "    stop_grace_period: 30s\n"
    "    deploy:\n"
    "      replicas: 2\n"
    "      resources: {limits: {cpus: \"0.50\", memory: 32M, pids: 16}}\n"
    "\n"
    "gateway:\n"
    "  listen:\n"
    "    \\- {address: 127.0.0.1:8080, services: [cart]}\n"
    ".fi\n"
    ".PP\n"
    "\\fIatoll.override.yaml\\fP beside it, for the machine of a developer:\n"
    ".PP\n"
    ".nf\n"
    "services:\n"
    "  cart:\n"
    "    environment: {LOG_LEVEL: trace}   # joins what is there\n"
    "    deploy: {replicas: 1}\n"
    "  tracer:\n"
    "    command: bin/tracer\n"
    "    uses: [cart]\n"
    "    profiles: [debug]                 # atoll up \\-\\-profile debug\n"
    "gateway:\n"
    "  listen:\n"
    "    \\- {address: \"127.0.0.1:${STOCK_PORT:\\-9090}\", services: [stock]}\n"
    ".fi\n"
    ".SH SEE ALSO\n"
    ".BR atoll (1);\n"
    "\\fBatoll schema\\fP prints a JSON Schema made from the same table as this page, \\fBatoll "
    "config\\fP\n"
    "what a file comes to.\n";

struct man {
    struct at_text *out;
    const struct at_config_key *tables[TABLES_MAX];
    char paths[TABLES_MAX][64];
    size_t count;
};

/* Backslashes and hyphens escaped, no line that begins with a dot or quote. */
static void add_roff(struct at_text *out, const char *text)
{
    if (text[0] == '.' || text[0] == '\'') {
        at_text_add_str(out, "\\&");
    }
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            at_text_add_str(out, "\\e");
        } else if (*text == '-') {
            at_text_add_str(out, "\\-");
        } else {
            at_text_add_char(out, *text);
        }
    }
}

static bool is_map(const struct at_config_key *key)
{
    return key->type == AT_TYPE_TABLE || key->type == AT_TYPE_MAP_OF ||
           key->type == AT_TYPE_LIST_OF || key->type == AT_TYPE_LOCKS ||
           key->type == AT_TYPE_POLICY;
}

/* Tables are described behind the one that names them: their path is made here. */
static void later(struct man *m, const struct at_config_key *key, const char *parent)
{
    const char *form = key->type == AT_TYPE_MAP_OF    ? ".NAME"
                       : key->type == AT_TYPE_LOCKS   ? ".NAME"
                       : key->type == AT_TYPE_LIST_OF ? "[]"
                                                      : "";
    struct at_text path;

    if (m->count == TABLES_MAX) {
        return;
    }
    at_text_init(&path);
    at_text_addf(&path, "%s%s%s%s", parent, parent[0] == '\0' ? "" : ".",
                 key->type == AT_TYPE_POLICY ? "NAME" : key->name, form);
    m->tables[m->count] = key;
    for (size_t i = 0; i < path.len && i + 1 < sizeof(m->paths[0]); i++) {
        m->paths[m->count][i] = path.at[i];
    }
    m->count++;
    at_text_deinit(&path);
}

static void add_key(struct man *m, const struct at_config_key *key, const char *parent)
{
    struct at_text *out = m->out;

    at_text_add_str(out, ".TP\n.B ");
    add_roff(out, key->name);
    at_text_add_str(out, "\n");
    add_roff(out, key->doc);
    at_text_add_str(out, "\n");
    if (key->type == AT_TYPE_ONLY || key->type == AT_TYPE_IGNORED) {
        return;
    }
    if (key->required) {
        at_text_add_str(out, "Required.\n");
    }
    if (is_map(key)) {
        later(m, key, parent);
        return;
    }
    at_text_add_str(out, "It is ");
    add_roff(out, at_config_type_words(key->type));
    if (key->type == AT_TYPE_COUNT) {
        at_text_addf(out, " from %llu to %llu", (unsigned long long)key->min,
                     (unsigned long long)key->max);
    }
    at_text_add_str(out, ".\n");
    if (key->more != NULL) {
        at_text_add_str(out, "Default: ");
        add_roff(out, key->more);
        at_text_add_str(out, ".\n");
    }
    if (key->example != NULL) {
        at_text_add_str(out, ".br\nExample: \\fB");
        add_roff(out, key->example);
        at_text_add_str(out, "\\fP\n");
    }
}

static void add_table(struct man *m, const struct at_config_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->keys[i].type != AT_TYPE_REFUSED) {
            add_key(m, &table->keys[i], path);
        }
    }
}

static void add_refused(struct at_text *out, const struct at_config_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct at_config_key *key = &table->keys[i];

        if (key->type == AT_TYPE_REFUSED) {
            at_text_add_str(out, ".TP\n.B ");
            add_roff(out, path);
            at_text_add_str(out, path[0] == '\0' ? "" : ".");
            add_roff(out, key->name);
            at_text_add_str(out, "\n");
            add_roff(out, key->doc);
            at_text_add_str(out, ": ");
            add_roff(out, key->more);
            at_text_add_str(out, ".\n");
        }
    }
}

void at_config_man(struct at_text *out)
{
    struct man m = {.out = out};

    at_text_add_str(out, ".\\\" Made from the key table of the program: atoll schema --man\n"
                         ".TH ATOLL.YAML 5 \"\" \"atoll\" \"File Formats\"\n");
    at_text_add_str(out, opening);
    at_text_add_str(out, ".SH KEYS\n");
    add_table(&m, at_config_root_table(), "");
    for (size_t i = 0; i < m.count; i++) { /* grows while tables name further ones */
        at_text_add_str(out, ".SS ");
        add_roff(out, m.paths[i]);
        at_text_add_str(out, "\n");
        add_table(&m, m.tables[i]->table, m.paths[i]);
    }
    at_text_add_str(out, ".SH KEYS OF DOCKER COMPOSE THAT CANNOT BE HONOURED\n");
    add_refused(out, at_config_root_table(), "");
    for (size_t i = 0; i < m.count; i++) {
        add_refused(out, m.tables[i]->table, m.paths[i]);
    }
    at_text_add_str(out, closing);
}
