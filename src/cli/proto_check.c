/* atoll proto check: lint of contracts. */
#include "cli/contracts.h"
#include "cli/proto.h"

int at_proto_check(struct at_cli *cli, const char *const *words, size_t count)
{
    struct at_contracts c;
    int code = at_contracts_read(cli, words, count, &c);

    if (code == 0) {
        at_contracts_deinit(&c);
    }
    return code;
}
