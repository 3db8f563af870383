/*
 * Which services `atoll openapi` describes: out of the words of its command line, from the system
 * of atoll.yaml with the addresses of its gateway, or from .proto files, sets and programs.
 */
#ifndef AT_CLI_OPENAPI_SOURCES_H
#define AT_CLI_OPENAPI_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/load.h"
#include "contract/openapi.h"

struct at_openapi_sources {
    struct at_arena arena;
    struct at_contracts contracts; /* of paths */
    bool has_contracts;
    struct at_load load; /* of the system */
    bool has_load;
    struct at_bytes mapped;              /* the contracts of the system */
    struct at_openapi_service *services; /* those that are meant */
    size_t count;
    size_t behind_nothing; /* services of the system that no listener of the gateway serves */
    const char *title;     /* when the user gives none */
};

/*
 * Words with a slash, or that end like a file of contracts, are paths; all others are names of
 * services: as atoll.yaml says, or as the contracts do. 0 and *ret, which the caller deinits; or an
 * exit code with everything said.
 */
int at_openapi_sources_read(struct at_cli *cli, struct at_openapi_sources *ret);
void at_openapi_sources_deinit(struct at_openapi_sources *s);

#endif
