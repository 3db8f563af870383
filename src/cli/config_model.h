/*
 * What the key table fills in, and what becomes a plan. Private to config_*.c.
 *
 * Everything lives in the configuration's arena. Nodes keep their positions, so that a name that
 * turns out wrong late is still reported where it stands.
 */
#ifndef AT_CLI_CONFIG_MODEL_H
#define AT_CLI_CONFIG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "cli/config.h"
#include "cli/config_error.h"
#include "cli/config_text.h"
#include "cli/config_yaml.h"
#include "plan/plan.h"

struct at_config_restart {
    uint32_t mode; /* enum at_plan_restart */
    uint32_t max;
};

struct at_config_weights {
    const struct at_yaml_node *node;
    struct at_plan_numbers numbers;
};

struct at_config_balance {
    uint32_t kind;                  /* enum at_plan_balance; 0: not given */
    uint32_t bound;                 /* HASH: percent; 0: not given */
    const struct at_yaml_node *key; /* HASH: the field */
};

#define AT_CONFIG_NO_SLOW_START UINT64_MAX /* slow-start is not given */

/* An entry of `policies`. */
struct at_config_policy {
    const struct at_yaml_node *key; /* "stock", "order -> stock"; NULL: defaults */
    const char *path;
    struct at_config_balance balance;
    uint64_t slow_start_ns;
    const struct at_config_service *from; /* NULL: everybody, or the door */
    const struct at_config_service *to;   /* NULL: it named none, which was said */
    bool from_door;
};

/* One service as bound; nodes are NULL when their key is absent. */
struct at_config_service {
    struct at_yaml_node *key;
    const struct at_yaml_node *command;
    const struct at_yaml_node *environment;
    const struct at_yaml_node *env_file;
    const struct at_yaml_node *uses;
    const struct at_yaml_node *depends_on;
    const struct at_yaml_node *profiles;
    const struct at_yaml_node *working_dir;
    const struct at_yaml_node *contract;
    const char *contract_path; /* absolute; NULL without `contract` */
    struct at_config_restart restart;
    uint64_t backoff_min_ns;
    uint64_t backoff_max_ns;
    uint32_t backoff_exits;
    uint64_t backoff_window_ns;
    uint64_t start_timeout_ns;
    uint32_t stop_signal;
    uint64_t stop_grace_ns;
    uint32_t replicas;
    struct at_config_weights weights;
    uint64_t memory_bytes;
    uint64_t max_message;
    uint32_t cpu_milli;
    uint32_t pids;
    uint32_t nofile;
    bool off;         /* none of its profiles is switched on */
    bool enabled;     /* it runs: by its profiles and by the names on the command line */
    uint32_t index;   /* in the plan, when enabled */
    const char *name; /* of key */
    const char *path; /* "services.cart": for messages */
};

struct at_config_listener {
    const struct at_yaml_node *node;
    const struct at_yaml_node *address;
    const struct at_yaml_node *services;
    const char *path; /* "gateway.listen[0]" */
};

struct at_config_lock {
    const struct at_yaml_node *key;
    const char *path; /* "locks.checkout" */
    uint32_t permits; /* 0: a lock */
    uint64_t lease_ns;
};

struct at_config {
    struct at_arena arena;
    struct at_config_errors *errors; /* borrowed during load and plan only */
    struct at_map dotenv;
    struct at_config_vars vars;
    char *project_dir;
    struct at_yaml_node *root; /* merged */
    const struct at_yaml_node *name_node;
    const char *name;
    uint64_t deadline_ns;
    struct at_config_service *services;
    size_t service_count;
    struct at_config_listener *listeners;
    size_t listener_count;
    struct at_config_policy defaults;
    struct at_config_policy *policies;
    size_t policy_count;
    struct at_config_lock *locks;
    size_t lock_count;
    struct at_plan plan;
};

/* Binds config->root by the key table. 0 or -ENOMEM; mistakes are said. */
int at_config_bind(struct at_config *config);
/*
 * Names, edges, cycles, commands, environments, listeners → config->plan. 0 or -ENOMEM; mistakes
 * are said.
 */
int at_config_resolve(struct at_config *config, const struct at_config_options *options);
/* Its parts. Each fills in what it is named after; 0 or -ENOMEM. */
int at_config_resolve_program(struct at_config *config, const struct at_config_service *s,
                              struct at_plan_service *plan);
int at_config_resolve_environment(struct at_config *config, const struct at_config_service *s,
                                  struct at_plan_service *plan);
int at_config_resolve_gateway(struct at_config *config);
/* Judges the value of `balance`; what is wrong is said. */
void at_config_read_balance(struct at_config *config, const struct at_yaml_node *node,
                            const char *path, struct at_config_balance *ret);
/* Does the entry of policies name a method? Then that was said. */
bool at_config_refuse_method(struct at_config *config, const struct at_yaml_node *key,
                             const char *path);
/* Who is meant by the policies → the plan's. Needs all services in the plan, roles too. */
int at_config_resolve_policies(struct at_config *config);
/*
 * Do the requests have the fields by which they are hashed? contracts: where the offsets in the plan
 * lead to. 0 or -ENOMEM; mistakes are said.
 */
int at_config_judge_hashes(struct at_config *config, struct at_bytes contracts);
/* Judges the locks, and puts them into the plan, so far without services. */
int at_config_resolve_locks(struct at_config *config);
/* Is the entry of `uses` a "lock:NAME"? Then it is judged, and the service may use the lock. */
bool at_config_resolve_lock_use(struct at_config *config, const struct at_config_service *s,
                                const struct at_yaml_node *text, const char *path);
/* Which services run: by profiles, by name, by who needs whom. */
void at_config_choose(struct at_config *config, const struct at_config_options *options);
/* uses and depends_on; says cycles. Needs at_config_choose() and the indexes. */
int at_config_resolve_edges(struct at_config *config, const struct at_config_service *s,
                            struct at_plan_service *plan);
void at_config_find_cycles(struct at_config *config);
/* The service that the text names, or NULL with the mistake said at the text. */
struct at_config_service *at_config_service_of(struct at_config *config,
                                               const struct at_yaml_node *text, const char *path);
/* The same without a word. */
struct at_config_service *at_config_find_service(const struct at_config *config,
                                                 struct at_bytes name);
/* The system's name when nobody gives one: the folder's, made to fit. In the arena, or NULL. */
const char *at_config_default_name(struct at_arena *arena, const char *dir);

/* base with `over` laid on it, as Compose merges files. 0 or -ENOMEM. */
int at_config_merge(struct at_arena *arena, struct at_yaml_node *base, struct at_yaml_node *over,
                    struct at_yaml_node **ret);

/* Path relative to dir (or absolute), cleaned of "." and "..". In the arena; NULL: no memory. */
const char *at_config_path(struct at_arena *arena, const char *dir, struct at_bytes path);

#endif
