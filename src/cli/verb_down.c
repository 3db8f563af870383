/* atoll down: stop the running system and wait until nothing of it is left. */
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/oplink.h"
#include "cli/place.h"
#include "control/message.h"
#include "control/operator.h"

/* With -v every instance that has stopped is told. */
static void tell_event(void *user, struct at_message *message)
{
    struct at_cli *cli = user;
    struct at_operator_event e;

    if (!cli->verbose || message->type != AT_OPERATOR_EVENT ||
        at_message_unpack(&at_operator_event_kind, message->body, &e) != 0 ||
        e.type != AT_EVENT_STATE) {
        return;
    }
    at_cli_say(cli, "%.*s %s", (int)e.instance.len, (const char *)e.instance.at,
               at_life_state_name(e.state));
}

/* After the RESULT the supervisor closes; only then is the last of it gone. */
static int stop(struct at_cli *cli, struct at_oplink *link)
{
    struct at_operator_down down = {.request = at_oplink_request(link)};
    uint64_t deadline = at_oplink_deadline(cli, 0);
    struct at_answer answer;
    int r = at_oplink_send(link, &at_operator_down_kind, &down, NULL, 0);

    if (r == 0) {
        r = at_oplink_finish(link, down.request, deadline, tell_event, cli, &answer);
    }
    while (r == 0 && answer.code == AT_OPERATOR_OK) {
        r = at_oplink_receive(link, deadline);
    }
    if (r == AT_MESSAGE_CLOSED) {
        return AT_EXIT_OK;
    }
    return at_oplink_verdict(cli, r, &answer);
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
    code = stop(cli, &link);
    at_oplink_close(&link);
    if (code == AT_EXIT_OK) {
        at_text_format_duration(at_now_ns() - start, took, sizeof(took));
        at_cli_say(cli, "%s stopped in %s; state and logs stay in .atoll", place.system, took);
    }
    return code;
}
