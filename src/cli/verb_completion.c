/*
 * atoll completion: scripts for bash, zsh and fish, made from the verb table. Names of services
 * come from `atoll config --services` when the key is pressed.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/proto.h"

/* "-f --follow -n --tail" */
static void add_flags(struct at_text *out, const struct at_cli_option *o)
{
    for (; o->name != NULL; o++) {
        if (o->letter != '\0') {
            at_text_addf(out, "-%c ", o->letter);
        }
        at_text_addf(out, "--%s ", o->name);
    }
}

static void add_verbs(struct at_text *out)
{
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        at_text_addf(out, "%s%s", v == at_cli_verbs() ? "" : " ", v->name);
    }
}

static const char *words_of(enum at_cli_words words)
{
    switch (words) {
    case AT_WORDS_SERVICES: return "$(atoll config --services 2>/dev/null)";
    case AT_WORDS_METHODS: return "$(atoll call --list 2>/dev/null)";
    case AT_WORDS_VERBS: return "$verbs";
    case AT_WORDS_SHELLS: return "bash zsh fish";
    case AT_WORDS_PROTO: /* at_proto_add_names() */
    case AT_WORDS_NONE: break;
    }
    return "";
}

/* One body for bash and zsh: sets `words_here` from the verb in $verb. */
static void add_cases(struct at_text *out)
{
    at_text_add_str(out, "  case \"$verb\" in\n");
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        at_text_addf(out, "    %s) flags=\"", v->name);
        add_flags(out, v->options);
        at_text_addf(out, "$flags\"; names=\"%s", words_of(v->words));
        if (v->words == AT_WORDS_PROTO) {
            at_proto_add_names(out);
        }
        at_text_add_str(out, "\" ;;\n");
    }
    at_text_add_str(out, "    *) names=\"$verbs\" ;;\n  esac\n");
}

static void add_head(struct at_text *out)
{
    at_text_add_str(out, "  local verbs=\"");
    add_verbs(out);
    at_text_add_str(out, "\"\n  local flags=\"");
    add_flags(out, at_cli_global_options());
    at_text_add_str(out, "\"\n  local verb=\"\" names=\"\" word\n");
}

static void add_bash(struct at_text *out)
{
    at_text_add_str(out, "# bash completion for atoll; made by `atoll completion bash`\n"
                         "_atoll() {\n"
                         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\"\n");
    add_head(out);
    at_text_add_str(out, "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                         "    case \" $verbs \" in *\" $word \"*) verb=\"$word\"; break ;; esac\n"
                         "  done\n");
    add_cases(out);
    at_text_add_str(out, "  case \"$cur\" in\n"
                         "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\")) ;;\n"
                         "    *) COMPREPLY=($(compgen -W \"$names\" -- \"$cur\")) ;;\n"
                         "  esac\n"
                         "}\n"
                         "complete -o default -F _atoll atoll\n");
}

static void add_zsh(struct at_text *out)
{
    at_text_add_str(out, "#compdef atoll\n"
                         "# zsh completion for atoll; made by `atoll completion zsh`\n"
                         "_atoll() {\n"
                         "  local cur=\"${words[CURRENT]}\"\n");
    add_head(out);
    at_text_add_str(out, "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
                         "    case \" $verbs \" in *\" $word \"*) verb=\"$word\"; break ;; esac\n"
                         "  done\n");
    add_cases(out);
    at_text_add_str(
        out, "  case \"$cur\" in\n"
             "    -*) compadd -- ${=flags} ;;\n"
             "    *) compadd -- ${=names} ; [ -n \"$names\" ] || _files ;;\n"
             "  esac\n"
             "}\n"
             "if [ \"$funcstack[1]\" = \"_atoll\" ]; then _atoll; else compdef _atoll atoll; fi\n");
}

/* Single quotes of fish: only \ and ' are special. */
static void add_fish_text(struct at_text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') {
            at_text_add_char(out, '\\');
        }
        at_text_add_char(out, *text);
    }
}

static void add_fish_flags(struct at_text *out, const struct at_cli_option *o, const char *verb)
{
    for (; o->name != NULL; o++) {
        at_text_add_str(out, "complete -c atoll");
        if (verb != NULL) {
            at_text_addf(out, " -n '__fish_seen_subcommand_from %s'", verb);
        }
        if (o->letter != '\0') {
            at_text_addf(out, " -s %c", o->letter);
        }
        at_text_addf(out, " -l %s%s -d '", o->name, o->value == NULL ? "" : " -r");
        add_fish_text(out, o->what);
        at_text_add_str(out, "'\n");
    }
}

static void add_fish(struct at_text *out)
{
    at_text_add_str(out, "# fish completion for atoll; made by `atoll completion fish`\n"
                         "complete -c atoll -f\n");
    add_fish_flags(out, at_cli_global_options(), NULL);
    for (const struct at_cli_verb *v = at_cli_verbs(); v->name != NULL; v++) {
        at_text_addf(out, "complete -c atoll -n __fish_use_subcommand -a %s -d '", v->name);
        add_fish_text(out, v->summary);
        at_text_add_str(out, "'\n");
        add_fish_flags(out, v->options, v->name);
        if (v->words == AT_WORDS_SERVICES || v->words == AT_WORDS_METHODS) {
            at_text_addf(
                out,
                "complete -c atoll -n '__fish_seen_subcommand_from %s' -a '(%s 2>/dev/null)'\n",
                v->name,
                v->words == AT_WORDS_SERVICES ? "atoll config --services" : "atoll call --list");
        }
        if (v->words == AT_WORDS_PROTO) {
            at_text_addf(out, "complete -c atoll -F -n '__fish_seen_subcommand_from %s' -a '",
                         v->name);
            at_proto_add_names(out);
            at_text_add_str(out, "'\n");
        }
    }
}

int at_verb_completion(struct at_cli *cli)
{
    static const struct {
        const char *shell;
        void (*add)(struct at_text *out);
    } scripts[] = {{"bash", add_bash}, {"zsh", add_zsh}, {"fish", add_fish}};
    struct at_text text;

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (strcmp(cli->words[0], scripts[i].shell) != 0) {
            continue;
        }
        at_text_init(&text);
        scripts[i].add(&text);
        int code = at_out_page(cli, &text);

        at_text_deinit(&text);
        return code;
    }
    return at_cli_fail(cli, AT_EXIT_USAGE,
                       "there is completion for bash, zsh and fish, not for \"%s\"", cli->words[0]);
}
