/*
 * The plan: any bytes are refused or give a plan that obeys every rule, packs, and comes back the
 * same. A truncated plan is refused. The gateway's slice and the keeper's likewise.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plan/gateway.h"
#include "plan/locks.h"
#include "plan/plan.h"

enum { HEAD_BYTES = 12, CONTRACTS_BYTES = 4096 };

static void expect(int holds)
{
    if (!holds) {
        abort();
    }
}

static void slice_comes_back(const struct at_plan *plan)
{
    struct at_text once = {0};
    struct at_gateway_config slice;

    if (at_gateway_config_pack(plan, &once) == 0) {
        expect(at_gateway_config_unpack(at_text_bytes(&once), CONTRACTS_BYTES, &slice, NULL) == 0);
        expect(slice.listener_count == plan->listener_count);
        at_gateway_config_deinit(&slice);
    }
    at_text_deinit(&once);
}

static void locks_come_back(const struct at_plan *plan)
{
    struct at_text once = {0};
    struct at_locks_config slice;

    if (at_locks_config_pack(plan, 1, &once) == 0) {
        expect(at_locks_config_unpack(at_text_bytes(&once), &slice, NULL) == 0);
        expect(slice.lock_count == plan->lock_count);
        at_locks_config_deinit(&slice);
    }
    at_text_deinit(&once);
}

static void plan_comes_back(struct at_bytes in)
{
    struct at_plan plan;
    struct at_plan again;
    struct at_text once = {0};
    struct at_text twice = {0};
    struct at_diag diag;

    if (at_plan_unpack(in, CONTRACTS_BYTES, &plan, &diag) != 0) {
        expect(diag.what[0] != '\0');
        return;
    }
    expect(at_plan_check(&plan, CONTRACTS_BYTES, NULL) == 0);
    expect(at_plan_pack(&plan, &once) == 0);
    expect(at_plan_unpack(at_text_bytes(&once), CONTRACTS_BYTES, &again, NULL) == 0);
    expect(at_plan_pack(&again, &twice) == 0);
    expect(at_bytes_equal(at_text_bytes(&once), at_text_bytes(&twice)));
    slice_comes_back(&plan);
    locks_come_back(&plan);
    at_plan_deinit(&again);
    expect(at_plan_unpack(at_bytes_before(in, in.len - 1), CONTRACTS_BYTES, &again, NULL) != 0);
    at_plan_deinit(&plan);
    at_text_deinit(&once);
    at_text_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct at_gateway_config slice;
    uint8_t *copy = malloc(size + 1);

    plan_comes_back(at_bytes_over(data, size));
    if (at_gateway_config_unpack(at_bytes_over(data, size), CONTRACTS_BYTES, &slice, NULL) == 0) {
        at_gateway_config_deinit(&slice);
    }
    if (copy != NULL && size >= HEAD_BYTES) { /* with a head that is right, to get behind it */
        uint32_t head[3] = {0x4C505441, AT_PLAN_VERSION, (uint32_t)size};

        memcpy(copy, data, size);
        memcpy(copy, head, sizeof(head));
        plan_comes_back(at_bytes_over(copy, size));
    }
    free(copy);
    return 0;
}
