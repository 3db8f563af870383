#include "cli/config.h"

#include "cli/config_keys.h"

void at_config_schema(struct at_text *out)
{
    at_text_add_str(out, "{}\n");
}

void at_config_man(struct at_text *out)
{
    at_text_add_str(out, "");
}
