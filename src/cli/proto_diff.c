/* atoll proto diff: which changes of contracts break whom. */
#include "cli/contracts.h"
#include "cli/proto.h"

int at_proto_diff(struct at_cli *cli, const char *const *words, size_t count)
{
    struct at_contracts c;
    int code = at_contracts_read(cli, words, 1, &c);

    if (code == 0) {
        at_contracts_deinit(&c);
    }
    return code;
}
