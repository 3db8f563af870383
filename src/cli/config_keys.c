#include "cli/config_keys.h"

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "cli/config_model.h"
#include "plan/limits.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define SERVICE(field) .offset = offsetof(struct at_config_service, field)
#define LISTENER(field) .offset = offsetof(struct at_config_listener, field)
#define LOCK(field) .offset = offsetof(struct at_config_lock, field)
#define POLICY(field) .offset = offsetof(struct at_config_policy, field)
#define SYSTEM(field) .offset = offsetof(struct at_config, field)
#define REFUSE(key, why, instead)                                                                  \
    {.name = (key), .type = AT_TYPE_REFUSED, .doc = (why), .more = (instead)}

static const char no_network[] =
    "an instance has an empty network of its own; it reaches other services through `uses`";
static const char name_uses[] = "name the services it calls in `uses`";
static const char no_images[] = "atoll runs programs of this machine, not container images";
static const char fenced_already[] = "every instance is fenced as tightly as atoll can";
static const char delete_it[] = "delete the key";
static const char not_yet[] = "this version of atoll does not have it yet";
static const char no_healthcheck[] =
    "a service says itself that it is ready: one with a contract by atoll_serve()";
static const char under_limits[] = "Compose keeps this old form beside deploy.resources.limits";

static const struct at_config_key limits_keys[] = {
    {.name = "cpus",
     .type = AT_TYPE_CPUS,
     SERVICE(cpu_milli),
     .doc = "How much processor time each instance may take, in CPUs.",
     .example = "cpus: \"0.50\"",
     .min = 10,
     .max = AT_PLAN_CPU_MILLI_MAX},
    {.name = "memory",
     .type = AT_TYPE_SIZE,
     SERVICE(memory_bytes),
     .doc = "How much memory each instance may take. One that wants more is killed and started "
            "again, and the reason says so.",
     .example = "memory: 64M",
     .min = 4 << 20,
     .max = INT64_MAX},
    {.name = "pids",
     .type = AT_TYPE_COUNT,
     SERVICE(pids),
     .doc =
         "How many processes and threads of its own each instance may have; atoll's reaper beside "
         "them is not counted.",
     .example = "pids: 16",
     .min = 2,
     .max = AT_PLAN_PIDS_MAX},
    REFUSE("devices", "an instance sees no devices beyond the harmless ones", delete_it),
};
static const struct at_config_table limits_table = {"limits", limits_keys, COUNT_OF(limits_keys),
                                                    NULL};

static const struct at_config_key resources_keys[] = {
    {.name = "limits",
     .type = AT_TYPE_TABLE,
     .table = &limits_table,
     .doc = "What each instance may take at most. Without a limit there is none."},
    REFUSE("reservations", "nothing can be reserved on one machine that everyone shares",
           "set limits for the others"),
};
static const struct at_config_table resources_table = {"resources", resources_keys,
                                                       COUNT_OF(resources_keys), NULL};

static const struct at_config_key deploy_keys[] = {
    {.name = "replicas",
     .type = AT_TYPE_COUNT,
     SERVICE(replicas),
     .doc = "How many instances run: cart.1, cart.2, and so on. They share the user id and the "
            "state directory; calls are balanced over them. 0 defines the service and runs none.",
     .more = "1",
     .example = "replicas: 2",
     .min = 0,
     .max = AT_PLAN_REPLICAS_MAX},
    {.name = "weights",
     .type = AT_TYPE_WEIGHTS,
     SERVICE(weights),
     .doc = "What part of the calls each instance takes as compared with the others, in their "
            "order: with [3, 1, 1] the first takes three of five. Instances that are not named "
            "weigh 1. With p2c, which also looks at how long answers take, they are a wish: an "
            "instance twice as quick gets twice as much.",
     .more = "1 for each",
     .example = "weights: [3, 1, 1]",
     .min = 1,
     .max = AT_PLAN_WEIGHT_MAX},
    {.name = "resources", .type = AT_TYPE_TABLE, .table = &resources_table, .doc = "Holds limits."},
    REFUSE("mode", "one machine has one mode", "delete the key and set replicas"),
    REFUSE("endpoint_mode", "calls go to each instance directly", delete_it),
    REFUSE("placement", "there is one machine", delete_it),
    REFUSE("labels", "nothing reads labels", "use a key that begins with x-"),
    REFUSE("update_config", not_yet, delete_it),
    REFUSE("rollback_config", not_yet, delete_it),
    REFUSE("restart_policy", "restarts are told in one place", "use restart and backoff"),
};
static const struct at_config_table deploy_table = {"deploy", deploy_keys, COUNT_OF(deploy_keys),
                                                    NULL};

static const struct at_config_key backoff_keys[] = {
    {.name = "min",
     .type = AT_TYPE_DURATION,
     SERVICE(backoff_min_ns),
     .doc = "The first rest. It doubles with each further one.",
     .more = "100ms",
     .min = 1000000,
     .example = "backoff: {min: 100ms, max: 10s}"},
    {.name = "max",
     .type = AT_TYPE_DURATION,
     SERVICE(backoff_max_ns),
     .doc = "The longest rest.",
     .more = "10s",
     .min = 1000000},
    {.name = "exits",
     .type = AT_TYPE_COUNT,
     SERVICE(backoff_exits),
     .doc =
         "More exits than this within the window, and each further one counts as bad, as an exit "
         "before ready does: the rests grow, and when one would pass max the instance has failed.",
     .more = "10",
     .min = 1,
     .max = 1000000,
     .example = "backoff: {exits: 10, window: 30s}"},
    {.name = "window",
     .type = AT_TYPE_DURATION,
     SERVICE(backoff_window_ns),
     .doc = "The time in which exits are counted.",
     .more = "30s",
     .min = 1000000},
};
static const struct at_config_table backoff_table = {"backoff", backoff_keys,
                                                     COUNT_OF(backoff_keys), NULL};

static const struct at_config_key ulimits_keys[] = {
    {.name = "nofile",
     .type = AT_TYPE_COUNT,
     SERVICE(nofile),
     .doc =
         "How many descriptors each process may have open. A channel between two instances takes "
         "three in either, so that the default is enough for some 300 callers at once.",
     .more = "1024",
     .min = AT_PLAN_NOFILE_MIN,
     .max = AT_PLAN_NOFILE_MAX,
     .example = "ulimits: {nofile: 4096}"},
    REFUSE("nproc", "the kernel counts it per user, not per instance",
           "use deploy.resources.limits.pids"),
    REFUSE("core", "core files would land in the read-only system", delete_it),
    REFUSE("memlock", "an instance may not lock memory", delete_it),
    REFUSE("as", "the address space is not what a limit should be on",
           "use deploy.resources.limits.memory"),
};
static const struct at_config_table ulimits_table = {
    "ulimits", ulimits_keys, COUNT_OF(ulimits_keys), "only nofile can be limited here"};

static const struct at_config_key service_keys[] = {
    {.name = "command",
     .type = AT_TYPE_COMMAND,
     SERVICE(command),
     .doc = "The program and its arguments: text, split as a shell would but without any "
            "expansion, or a list. A program with a slash is looked for below working_dir, one "
            "without in the system's PATH.",
     .example = "command: bin/product --catalogue catalogue.csv",
     .required = true},
    {.name = "uses",
     .type = AT_TYPE_WORDS,
     SERVICE(uses),
     .doc = "The services that it may call, and as lock:NAME the locks that it may use. This is "
            "both its address book and its fence: nothing else can be reached from it.",
     .example = "uses: [product, stock, lock:checkout]"},
    {.name = "environment",
     .type = AT_TYPE_VARIABLES,
     SERVICE(environment),
     .doc = "Its environment variables: a map, or a list of NAME=value. A name without value takes "
            "that of atoll's own environment. They win over env_file. PATH, HOME, LANG, "
            "STATE_DIRECTORY and ATOLL_… are set by atoll.",
     .example = "environment: {LOG_LEVEL: debug}"},
    {.name = "env_file",
     .type = AT_TYPE_ENV_FILE,
     SERVICE(env_file),
     .doc = "Files of NAME=value lines, read in order; a later one wins. An entry may be a map "
            "with path and required: false.",
     .example = "env_file: [common.env, cart.env]"},
    {.name = "working_dir",
     .type = AT_TYPE_TEXT,
     SERVICE(working_dir),
     .doc = "The directory it starts in, relative to the project directory.",
     .more = "the project directory",
     .example = "working_dir: data"},
    {.name = "depends_on",
     .type = AT_TYPE_DEPENDS,
     SERVICE(depends_on),
     .doc = "Services that must be ready before it is started: a list, or a map to {condition: "
            "service_healthy}, which is the same, or {condition: service_started}, which is what a "
            "list means in Compose. A service without a contract is ready when it has lived for "
            "200 ms or has exited with 0. It orders the start only; calls to a service that is "
            "not ready wait anyway.",
     .example = "depends_on: [stock]"},
    {.name = "contract",
     .type = AT_TYPE_TEXT,
     SERVICE(contract),
     .doc = "A file that holds the FileDescriptorSet of what it serves (protoc "
            "--include_imports --descriptor_set_out). Programs made with protoc-gen-atoll carry "
            "theirs inside and need no such file.",
     .example = "contract: proto/cart.binpb"},
    {.name = "restart",
     .type = AT_TYPE_RESTART,
     SERVICE(restart),
     .doc = "When an instance is started again after its end: no, on-failure (a signal or an exit "
            "status that is not 0), on-failure:N (at most N times in a row), always, "
            "unless-stopped. Unlike Docker Compose the default is not no: a system keeps itself "
            "running.",
     .more = "always",
     .example = "restart: on-failure"},
    {.name = "backoff",
     .type = AT_TYPE_TABLE,
     .table = &backoff_table,
     .doc = "How long to rest between restarts. The first one is at once; rests grow only for "
            "exits before the service was ready and for too many exits in a short time."},
    {.name = "start_timeout",
     .type = AT_TYPE_DURATION,
     SERVICE(start_timeout_ns),
     .doc = "How long an instance may take until it is ready. After that it counts as failed and "
            "is stopped.",
     .more = "30s",
     .min = 1000000,
     .example = "start_timeout: 5s"},
    {.name = "stop_signal",
     .type = AT_TYPE_SIGNAL,
     SERVICE(stop_signal),
     .doc = "The signal that asks it to stop.",
     .more = "SIGTERM",
     .example = "stop_signal: SIGINT"},
    {.name = "stop_grace_period",
     .type = AT_TYPE_DURATION,
     SERVICE(stop_grace_ns),
     .doc = "How long it may take to stop before everything in its cage is killed.",
     .more = "10s",
     .example = "stop_grace_period: 30s"},
    {.name = "profiles",
     .type = AT_TYPE_WORDS,
     SERVICE(profiles),
     .doc = "It runs only when one of these profiles is switched on (--profile or ATOLL_PROFILE) "
            "or when it is named on the command line.",
     .example = "profiles: [debug]"},
    {.name = "deploy",
     .type = AT_TYPE_TABLE,
     .table = &deploy_table,
     .doc = "Replicas and limits."},
    {.name = "max_message",
     .type = AT_TYPE_SIZE,
     SERVICE(max_message),
     .doc = "How long one message to or from the service may be: a request, a reply, a message of "
            "a stream. A longer one ends its call with RESOURCE_EXHAUSTED. Each call under way can "
            "cost so much memory at both ends. The gateway takes request bodies of up to 4M "
            "whatever stands here.",
     .more = "4M",
     .example = "max_message: 16M",
     .min = AT_PLAN_MESSAGE_MIN,
     .max = AT_PLAN_MESSAGE_MAX},
    {.name = "ulimits",
     .type = AT_TYPE_TABLE,
     .table = &ulimits_table,
     .doc = "Limits of a process; only nofile."},
    {.name = "isolate",
     .type = AT_TYPE_ONLY,
     .doc = "How it is fenced. Only process, the default: a process in namespaces of its own.",
     .more = "process",
     .example = "isolate: process"},

    REFUSE("image", no_images, "name the program with command"),
    REFUSE("build", "atoll does not build",
           "build before `atoll up` and name the program with "
           "command"),
    REFUSE("entrypoint", "there is no image whose entry point it could replace",
           "put the program and its arguments into command"),
    REFUSE("ports", no_network, "let the gateway listen: gateway.listen"),
    REFUSE("expose", no_network, "services that use it reach its contract; no port is needed"),
    REFUSE("networks", no_network, name_uses),
    REFUSE("network_mode", no_network, name_uses),
    REFUSE("links", no_network, name_uses),
    REFUSE("external_links", no_network, name_uses),
    REFUSE("dns", no_network, name_uses),
    REFUSE("dns_opt", no_network, name_uses),
    REFUSE("dns_search", no_network, name_uses),
    REFUSE("extra_hosts", no_network, name_uses),
    REFUSE("hostname", "the host name of an instance is its own name", delete_it),
    REFUSE("domainname", no_network, delete_it),
    REFUSE("mac_address", no_network, delete_it),
    REFUSE("volumes",
           "an instance sees the system and the project directory read-only, and its own state "
           "directory at /state",
           "keep data in STATE_DIRECTORY and read-only files in the project directory"),
    REFUSE("volumes_from", "state directories are not shared between services",
           "let one service own the data and serve it"),
    REFUSE("tmpfs", "an instance has a /tmp of its own already", delete_it),
    REFUSE("healthcheck", no_healthcheck, "delete the key; depends_on waits for readiness"),
    REFUSE("configs", "files of the project directory are visible to the service, read-only",
           "put the file there and name it in command or environment"),
    REFUSE("secrets", not_yet, "use env_file with a file that only you may read"),
    REFUSE("user", "atoll gives each service a user id of its own", delete_it),
    REFUSE("group_add", "atoll gives each service a user id of its own", delete_it),
    REFUSE("userns_mode", "atoll gives each service a user id of its own", delete_it),
    REFUSE("privileged", "a fence with a hole is none", delete_it),
    REFUSE("cap_add", "no instance has capabilities", delete_it),
    REFUSE("cap_drop", "all capabilities are dropped already", delete_it),
    REFUSE("security_opt", fenced_already, delete_it),
    REFUSE("read_only", "the system is read-only in every instance already", delete_it),
    REFUSE("init", "every instance has a reaper as its first process already", delete_it),
    REFUSE("devices", "an instance sees no devices beyond the harmless ones", delete_it),
    REFUSE("device_cgroup_rules", "an instance sees no devices beyond the harmless ones",
           delete_it),
    REFUSE("gpus", "an instance sees no devices beyond the harmless ones", delete_it),
    REFUSE("sysctls", fenced_already, delete_it),
    REFUSE("ipc", fenced_already, delete_it),
    REFUSE("pid", fenced_already, delete_it),
    REFUSE("uts", fenced_already, delete_it),
    REFUSE("cgroup", fenced_already, delete_it),
    REFUSE("cgroup_parent", fenced_already, delete_it),
    REFUSE("isolation", "it belongs to Windows containers", delete_it),
    REFUSE("runtime", no_images, delete_it),
    REFUSE("platform", no_images, delete_it),
    REFUSE("pull_policy", no_images, delete_it),
    REFUSE("container_name", "instances are named after their service: cart.1",
           "name the service as you like it"),
    REFUSE("labels", "nothing reads labels", "use a key that begins with x-"),
    REFUSE("label_file", "nothing reads labels", "use a key that begins with x-"),
    REFUSE("annotations", "nothing reads annotations", "use a key that begins with x-"),
    REFUSE("logging", "what services write is kept in .atoll/logs and shown by `atoll logs`",
           delete_it),
    REFUSE("tty", "instances have no terminal", delete_it),
    REFUSE("stdin_open", "an instance reads nothing from its standard input", delete_it),
    REFUSE("attach", "`atoll up` shows what matters, `atoll logs` the rest", delete_it),
    REFUSE("develop", not_yet, delete_it),
    REFUSE("extends", "YAML can do it", "use an anchor and a merge key: <<: *base"),
    REFUSE("scale", "Compose keeps it beside deploy.replicas", "use deploy.replicas"),
    REFUSE("mem_limit", under_limits, "use deploy.resources.limits.memory"),
    REFUSE("memswap_limit", "memory limits hold swap too", "use deploy.resources.limits.memory"),
    REFUSE("mem_reservation", under_limits, delete_it),
    REFUSE("mem_swappiness", "the machine decides", delete_it),
    REFUSE("cpus", under_limits, "use deploy.resources.limits.cpus"),
    REFUSE("cpu_quota", under_limits, "use deploy.resources.limits.cpus"),
    REFUSE("cpu_period", under_limits, "use deploy.resources.limits.cpus"),
    REFUSE("cpu_count", under_limits, "use deploy.resources.limits.cpus"),
    REFUSE("cpu_percent", under_limits, "use deploy.resources.limits.cpus"),
    REFUSE("cpu_shares", not_yet, "use deploy.resources.limits.cpus"),
    REFUSE("cpuset", not_yet, "use deploy.resources.limits.cpus"),
    REFUSE("pids_limit", under_limits, "use deploy.resources.limits.pids"),
    REFUSE("shm_size", "channels have their own memory", delete_it),
    REFUSE("oom_kill_disable", "an instance at its limit is killed and started again", delete_it),
    REFUSE("oom_score_adj", "the machine decides", delete_it),
    REFUSE("blkio_config", not_yet, delete_it),
    REFUSE("storage_opt", no_images, delete_it),
    REFUSE("credential_spec", "it belongs to Windows containers", delete_it),
    REFUSE("post_start", not_yet, "do it at the beginning of the program"),
    REFUSE("pre_stop", not_yet, "do it when the stop signal comes"),
    REFUSE("provider", not_yet, delete_it),
    REFUSE("models", not_yet, delete_it),
    REFUSE("provides",
           "what a service provides is in its contract; services without libatoll cannot be "
           "called yet",
           "make the program with protoc-gen-atoll, or name its descriptors with contract"),
    REFUSE("policy", not_yet, "policies.defaults.deadline is what there is"),
};
static const struct at_config_table service_table = {"a service", service_keys,
                                                     COUNT_OF(service_keys), NULL};

static const struct at_config_key listener_keys[] = {
    {.name = "address",
     .type = AT_TYPE_TEXT,
     LISTENER(address),
     .doc = "Numeric address and port; a port alone means 127.0.0.1. \"0.0.0.0:8080\" and "
            "\"[::]:8080\" take every address of the machine.",
     .example = "address: 127.0.0.1:8080",
     .required = true},
    {.name = "services",
     .type = AT_TYPE_WORDS,
     LISTENER(services),
     .doc = "Whose methods can be called there: by the HTTP rules of their contract and by POST "
            "/package.Service/Method.",
     .example = "services: [cart, order]",
     .required = true},
    REFUSE("tls", not_yet, "put a TLS proxy in front"),
    REFUSE("port", "address and port stand together", "write address: 127.0.0.1:8080"),
};
static const struct at_config_table listener_table = {"a listener", listener_keys,
                                                      COUNT_OF(listener_keys), NULL};

static const struct at_config_key gateway_keys[] = {
    {.name = "listen",
     .type = AT_TYPE_LIST_OF,
     .table = &listener_table,
     .doc = "The ports of the front door, each with the services that are reached through it.",
     .example = "listen: [{address: 127.0.0.1:8080, services: [cart]}]"},
    REFUSE("routes", "routes come from the google.api.http options of the contracts",
           "write them in the .proto"),
};
static const struct at_config_table gateway_table = {"gateway", gateway_keys,
                                                     COUNT_OF(gateway_keys), NULL};

#define BALANCE_DOC                                                                                \
    "Which instance gets a call. least-requests: the one with the fewest calls under way for its " \
    "weight, among equals in turn. round-robin: in turn, as often as their weights say. p2c: the " \
    "better of two by chance, by calls under way and, where they differ clearly, latency. {hash: " \
    "FIELD}: requests with the same value in that field of theirs (cart_id, cart.id) go to the "   \
    "same instance while it is there, and few move when the set changes; bound says what part of " \
    "the calls under way one instance may have as compared with its share (default 125%), so "     \
    "that one hot key cannot drown it. A request without the field goes by least-requests, and "   \
    "so does a method whose client streams: it begins before its first message."
#define SLOW_START_DOC                                                                             \
    "A new or restarted instance begins with a tenth of its share, which grows to the whole over " \
    "this time. When all are new, nobody is slow. 0s: none."
#define NO_OTHER_POLICIES                                                                          \
    REFUSE("retry", not_yet, "calls that are safe to send again are sent again already"),          \
        REFUSE("breaker", not_yet, delete_it), REFUSE("limit", not_yet, delete_it),                \
        REFUSE("fallback", not_yet, delete_it)

static const struct at_config_key defaults_keys[] = {
    {.name = "deadline",
     .type = AT_TYPE_DURATION,
     SYSTEM(deadline_ns),
     .doc =
         "How long a call through the gateway may take when its caller sets no deadline. It does "
         "not reach services that call by themselves: a context of atoll_call_new() without a "
         "deadline gives each call 10 s.",
     .more = "30s",
     .min = 1000000,
     .example = "policies: {defaults: {deadline: 2s}}"},
    {.name = "balance",
     .type = AT_TYPE_BALANCE,
     SYSTEM(defaults.balance),
     .doc = BALANCE_DOC,
     .more = "least-requests",
     .example = "policies: {defaults: {balance: p2c}}"},
    {.name = "slow-start",
     .type = AT_TYPE_DURATION,
     SYSTEM(defaults.slow_start_ns),
     .doc = SLOW_START_DOC,
     .more = "0s"},
    NO_OTHER_POLICIES,
};
static const struct at_config_table defaults_table = {"policies.defaults", defaults_keys,
                                                      COUNT_OF(defaults_keys), NULL};

static const struct at_config_key policy_keys[] = {
    {.name = "balance",
     .type = AT_TYPE_BALANCE,
     POLICY(balance),
     .doc = "As in policies.defaults, which holds when it is absent here.",
     .example = "policies: {\"order -> stock\": {balance: {hash: item_id}}}"},
    {.name = "slow-start",
     .type = AT_TYPE_DURATION,
     POLICY(slow_start_ns),
     .doc = "As in policies.defaults.",
     .example = "policies: {stock: {balance: p2c, slow-start: 10s}}"},
    REFUSE("deadline", "policies of one service or edge are balance and slow-start so far",
           "policies.defaults.deadline is what there is"),
    NO_OTHER_POLICIES,
};
static const struct at_config_table policy_table = {"a policy", policy_keys, COUNT_OF(policy_keys),
                                                    NULL};

static const struct at_config_key policies_keys[] = {
    {.name = "defaults",
     .type = AT_TYPE_TABLE,
     .table = &defaults_table,
     .doc = "Policies of every call."},
    {.name = "SERVICE, SERVICE -> SERVICE",
     .type = AT_TYPE_POLICY,
     .table = &policy_table,
     .doc = "Policies of calls to a service from everybody (stock), or from one service "
            "(\"order -> stock\"; \"door -> stock\" for what comes through the gateway). Each key "
            "is taken from the edge, else from the service, else from the defaults. Policies of "
            "one method are not there yet."},
};
static const struct at_config_table policies_table = {"policies", policies_keys,
                                                      COUNT_OF(policies_keys), NULL};

static const struct at_config_key lock_keys[] = {
    {.name = "permits",
     .type = AT_TYPE_COUNT,
     LOCK(permits),
     .doc = "Makes it a semaphore, of which so many may be held at once. Without it, it is a lock: "
            "one owner, or any number that share it.",
     .min = 1,
     .max = AT_PLAN_PERMITS_MAX,
     .example = "printer: {permits: 3}"},
    {.name = "lease",
     .type = AT_TYPE_DURATION,
     LOCK(lease_ns),
     .doc =
         "Who has held it for longer, without renewing it, loses it as soon as another wants it. "
         "The tokens of owners rise, so that what a late one still writes can be refused. "
         "At least 1ms. Without a lease only the end of its process takes a lock away.",
     .min = 1000000,
     .example = "checkout: {lease: 5s}"},
};
static const struct at_config_table lock_table = {"a lock", lock_keys, COUNT_OF(lock_keys), NULL};

static const struct at_config_key root_keys[] = {
    {.name = "name",
     .type = AT_TYPE_TEXT,
     SYSTEM(name_node),
     .doc = "The system's name: a to z, 0 to 9 and -, beginning with a letter. -p and "
            "ATOLL_PROJECT win over it.",
     .more = "the name of the project directory",
     .example = "name: shop"},
    {.name = "services",
     .type = AT_TYPE_MAP_OF,
     .table = &service_table,
     .doc = "The services by name. A name has a to z, 0 to 9 and -, begins with a letter and is "
            "at most 40 characters long; door, telemetry, keeper and operator are atoll's own.",
     .required = true},
    {.name = "gateway",
     .type = AT_TYPE_TABLE,
     .table = &gateway_table,
     .doc = "The front door for HTTP. Without it nothing listens."},
    {.name = "policies",
     .type = AT_TYPE_TABLE,
     .table = &policies_table,
     .doc = "What holds for calls."},
    {.name = "locks",
     .type = AT_TYPE_LOCKS,
     .table = &lock_table,
     .doc =
         "Locks and semaphores by name, for services that name them in uses as lock:NAME. A name "
         "has a to z, A to Z, 0 to 9 and . _ - / :, at most 64 of them; with a * at its end it "
         "stands for every name that begins so.",
     .example = "locks: {checkout: {}, cart-*: {lease: 5s}, printer: {permits: 3}}"},
    {.name = "version",
     .type = AT_TYPE_IGNORED,
     .doc = "Docker Compose wanted it once; it has no effect."},
    REFUSE("networks", no_network, name_uses),
    REFUSE("volumes", "each service has one state directory, at /state", delete_it),
    REFUSE("configs", "files of the project directory are visible to services, read-only",
           delete_it),
    REFUSE("secrets", not_yet, "use env_file with a file that only you may read"),
    REFUSE("include", "several files are merged when named", "use -f more than once"),
    REFUSE("models", not_yet, delete_it),
    REFUSE("survives", not_yet, delete_it),
    REFUSE("topics", not_yet, delete_it),
    REFUSE("sagas", not_yet, delete_it),
    REFUSE("routes", "routes come from the google.api.http options of the contracts",
           "write them in the .proto"),
};
static const struct at_config_table root_table = {"the file", root_keys, COUNT_OF(root_keys), NULL};

const struct at_config_table *at_config_root_table(void)
{
    return &root_table;
}

const struct at_config_key *at_config_find_key(const struct at_config_table *table,
                                               struct at_bytes name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (at_bytes_equal(at_bytes_of(table->keys[i].name), name)) {
            return &table->keys[i];
        }
    }
    return NULL;
}

const struct at_config_key *at_config_find_named(const struct at_config_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->keys[i].type == AT_TYPE_POLICY) {
            return &table->keys[i];
        }
    }
    return NULL;
}

bool at_config_is_extension(struct at_bytes name)
{
    return at_bytes_start_with(name, AT_LIT("x-"));
}

const char *at_config_type_words(enum at_config_type type)
{
    static const char *const words[AT_TYPES] = {
        [AT_TYPE_TEXT] = "text",
        [AT_TYPE_WORDS] = "a list of names",
        [AT_TYPE_COMMAND] = "text or a list of texts",
        [AT_TYPE_VARIABLES] = "a map, or a list of NAME=value",
        [AT_TYPE_ENV_FILE] = "a file name or a list of them",
        [AT_TYPE_DEPENDS] = "a list of names, or a map to conditions",
        [AT_TYPE_DURATION] = "a duration such as 250ms, 30s or 1m30s",
        [AT_TYPE_SIZE] = "a size such as 64M or 1G",
        [AT_TYPE_CPUS] = "a number of CPUs such as 0.5",
        [AT_TYPE_COUNT] = "a whole number",
        [AT_TYPE_SIGNAL] = "a signal such as SIGTERM",
        [AT_TYPE_RESTART] = "no, on-failure, on-failure:N, always or unless-stopped",
        [AT_TYPE_WEIGHTS] = "a list of whole numbers",
        [AT_TYPE_BALANCE] = "least-requests, round-robin, p2c or {hash: FIELD}",
        [AT_TYPE_POLICY] = "a map",
        [AT_TYPE_ONLY] = "text",
        [AT_TYPE_TABLE] = "a map",
        [AT_TYPE_MAP_OF] = "a map of names",
        [AT_TYPE_LIST_OF] = "a list of maps",
        [AT_TYPE_LOCKS] = "a map of names",
        [AT_TYPE_IGNORED] = "anything",
        [AT_TYPE_REFUSED] = "absent",
    };

    return words[type];
}
