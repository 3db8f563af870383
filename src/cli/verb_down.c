/* atoll down: stop the running system and wait until nothing of it is left. */
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/oplink.h"
#include "cli/out.h"
#include "cli/place.h"
#include "control/message.h"
#include "control/operator.h"
#include "pb/json.h"

struct stopping {
    struct at_cli *cli;
    struct at_text stopped; /* instances, a line each */
};

/* With -v every instance that has stopped is told. */
static void take_event(void *user, struct at_message *message)
{
    struct stopping *s = user;
    struct at_operator_event e;

    if (message->type != AT_OPERATOR_EVENT ||
        at_message_unpack(&at_operator_event_kind, message->body, &e) != 0 ||
        e.type != AT_EVENT_STATE) {
        return;
    }
    if (s->cli->verbose) {
        at_cli_say(s->cli, "%.*s %s", (int)e.instance.len, (const char *)e.instance.at,
                   at_life_state_name(e.state));
    }
    if (e.state == AT_LIFE_DOWN) {
        at_text_add(&s->stopped, e.instance);
        at_text_add_char(&s->stopped, '\n');
    }
}

/* After the RESULT the supervisor closes; only then is the last of it gone. */
static int stop(struct stopping *s, struct at_oplink *link)
{
    struct at_operator_down down = {.request = at_oplink_request(link)};
    uint64_t deadline = at_oplink_deadline(s->cli, 0);
    struct at_answer answer;
    int r = at_oplink_send(link, &at_operator_down_kind, &down, NULL, 0);

    if (r == 0) {
        r = at_oplink_finish(link, down.request, deadline, take_event, s, &answer);
    }
    while (r == 0 && answer.code == AT_OPERATOR_OK) {
        r = at_oplink_receive(link, deadline);
    }
    if (r == AT_MESSAGE_CLOSED) {
        return AT_EXIT_OK;
    }
    return at_oplink_verdict(s->cli, r, &answer);
}

static int tell_programs(struct stopping *s, const char *system, uint64_t took_ns)
{
    struct at_text text;
    struct at_json_writer j;

    at_text_init(&text);
    at_json_writer_init(&j, &text, 0);
    at_json_begin_object(&j);
    at_json_key(&j, "system");
    at_json_str(&j, system);
    at_json_key(&j, "stopped");
    at_out_json_lines(&j, at_text_bytes(&s->stopped));
    at_json_key(&j, "took_ns");
    at_json_u64(&j, took_ns);
    at_json_end_object(&j);
    int code = at_out_line(s->cli, &text);

    at_text_deinit(&text);
    return code;
}

int at_verb_down(struct at_cli *cli)
{
    struct at_place place;
    uint64_t start = at_now_ns();
    struct at_oplink link;
    char took[32];
    int code = at_place_find(cli, &place);

    if (code != 0) {
        return code;
    }
    code = at_oplink_connect(cli, &place, &link);
    if (code != 0) {
        return code;
    }
    const char *stranger = at_oplink_stranger(cli, &link, &place);

    if (stranger != NULL) {
        code = at_cli_fail(cli, AT_EXIT_FAILURE,
                           "%s runs from %s; stop it there, or name it: atoll -p %s down",
                           place.system, stranger, place.system);
        at_oplink_close(&link);
        return code;
    }
    struct stopping s = {.cli = cli};

    at_text_init(&s.stopped);
    code = stop(&s, &link);
    at_oplink_close(&link);
    if (code == AT_EXIT_OK) {
        uint64_t took_ns = at_now_ns() - start;

        at_text_format_duration(took_ns, took, sizeof(took));
        at_cli_say(cli, "%s stopped in %s; state and logs stay in .atoll", place.system, took);
        if (cli->output != AT_OUTPUT_TABLE) {
            code = tell_programs(&s, place.system, took_ns);
        }
    }
    at_text_deinit(&s.stopped);
    return code;
}
