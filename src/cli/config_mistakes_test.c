/* Every mistake that a file can hold: its code, place, field, message and hint. */
#include <errno.h>

#include "cli/config_fixture.h"

struct mistake {
    const char *yaml;
    enum at_config_code code;
    int line;
    int col;
    const char *field;
    const char *message; /* part of it */
    const char *hint;    /* part of it; NULL: none is promised */
};

#define OK "command: /bin/true"
#define ONE "services: {a: {" OK "}}\n"
#define IN_A(rest) "services:\n  a:\n    " OK "\n    " rest "\n"
#define TWO(rest) "services:\n  a:\n    " OK "\n    " rest "\n  b: {" OK "}\n"

static const struct mistake mistakes[] = {
    /* the file as YAML */
    {"services: [\n", AT_CONFIG_SYNTAX, 2, 1, "", "not valid YAML", NULL},
    {"services:\n\ta: 1\n", AT_CONFIG_SYNTAX, 2, 1, "", "cannot start any token", "not tabs"},
    {"a: b: c\n", AT_CONFIG_SYNTAX, 1, 5, "", "mapping values are not allowed", "quotes"},
    {ONE "---\n" ONE, AT_CONFIG_SYNTAX, 2, 1, "", "second YAML document", NULL},
    {"services: \xFF\n", AT_CONFIG_SYNTAX, 1, 11, "", "not valid YAML", NULL},
    {"- a\n", AT_CONFIG_TYPE, 1, 1, "", "must be a map", NULL},
    {"? [x]\n: y\n", AT_CONFIG_SYNTAX, 1, 3, "", "a key must be text, not a list", NULL},
    {"services: *none\n", AT_CONFIG_SYNTAX, 1, 11, "services", "no anchor &none", NULL},
    {"services: &s {a: *s}\n", AT_CONFIG_SYNTAX, 1, 18, "services.a", "inside of what it names",
     NULL},
    {"services: !reset {a: {" OK "}}\n", AT_CONFIG_SYNTAX, 1, 11, "services", "tag !reset",
     "leave the tag"},
    {IN_A(OK), AT_CONFIG_DUPLICATE, 4, 5, "services.a", "the key command stands twice", "line 3"},
    {ONE "services: {}\n", AT_CONFIG_DUPLICATE, 2, 1, "", "the key services stands twice",
     "line 1"},
    {IN_A("<<: text"), AT_CONFIG_TYPE, 4, 9, "services.a", "<< merges a map", NULL},
    {IN_A("environment: {A: \"x\\0y\"}"), AT_CONFIG_VALUE, 4, 22, "services.a.environment.A",
     "NUL character", NULL},

    /* variables */
    {"name: ${}\n" ONE, AT_CONFIG_INTERPOLATION, 1, 7, "name", "without a name", "$$"},
    {"name: ${A\n" ONE, AT_CONFIG_INTERPOLATION, 1, 7, "name", "not well-formed", "the forms are"},
    {"name: ${A:-x\n" ONE, AT_CONFIG_INTERPOLATION, 1, 7, "name", "closing }", NULL},
    {"name: ${A:?say it}\n" ONE, AT_CONFIG_INTERPOLATION, 1, 7, "name", "A must be set: say it",
     ".env"},
    {"name: a$1\n" ONE, AT_CONFIG_INTERPOLATION, 1, 7, "name", "begins no variable", "$$"},

    /* keys */
    {IN_A("comand: x"), AT_CONFIG_UNKNOWN_KEY, 4, 5, "services.a.comand", "no key comand",
     "did you mean command?"},
    {"servces: {}\n" ONE, AT_CONFIG_UNKNOWN_KEY, 1, 1, "servces", "no key servces in the file",
     "did you mean services?"},
    {IN_A("deploy: {replica: 2}"), AT_CONFIG_UNKNOWN_KEY, 4, 14, "services.a.deploy.replica",
     "no key replica in deploy", "did you mean replicas?"},
    {IN_A("zzzzzz: x"), AT_CONFIG_UNKNOWN_KEY, 4, 5, "services.a.zzzzzz", "no key zzzzzz", "x-"},
    {"name: x\n", AT_CONFIG_MISSING, 1, 1, "services", "services is missing", NULL},
    {"services: {}\n", AT_CONFIG_MISSING, 1, 11, "services", "services is empty", "for example"},
    {"services:\n", AT_CONFIG_MISSING, 1, 1, "services", "services is missing", NULL},
    {"services:\n  a:\n", AT_CONFIG_MISSING, 2, 3, "services.a.command",
     "command is missing in services.a", "for example"},
    {"services: {a: text}\n", AT_CONFIG_TYPE, 1, 15, "services.a", "must be a map, not text", NULL},
    {"services: [a]\n", AT_CONFIG_TYPE, 1, 11, "services", "must be a map of names", NULL},

    /* types */
    {"services: {a: {command: {x: y}}}\n", AT_CONFIG_TYPE, 1, 25, "services.a.command",
     "must be text or a list of texts, not a map", NULL},
    {"services: {a: {command: [[x]]}}\n", AT_CONFIG_TYPE, 1, 26, "services.a.command",
     "command[0] must be text, not a list", NULL},
    {IN_A("uses: stock"), AT_CONFIG_TYPE, 4, 11, "services.a.uses", "a list of names, not text",
     "perhaps: uses: [stock]"},
    {IN_A("environment: x"), AT_CONFIG_TYPE, 4, 18, "services.a.environment", "must be a map",
     NULL},
    {IN_A("environment: {A: [1]}"), AT_CONFIG_TYPE, 4, 22, "services.a", "A must be text", NULL},
    {IN_A("env_file: {path: x}"), AT_CONFIG_TYPE, 4, 15, "services.a.env_file", "a file name",
     NULL},
    {IN_A("deploy: [1]"), AT_CONFIG_TYPE, 4, 13, "services.a.deploy", "must be a map", NULL},
    {IN_A("working_dir: [x]"), AT_CONFIG_TYPE, 4, 18, "services.a.working_dir", "must be text",
     NULL},
    {IN_A("stop_grace_period: {}"), AT_CONFIG_TYPE, 4, 24, "services.a.stop_grace_period",
     "must be a duration", NULL},
    {ONE "gateway: {listen: {}}\n", AT_CONFIG_TYPE, 2, 19, "gateway.listen", "a list of maps",
     NULL},
    {ONE "gateway: {listen: [x]}\n", AT_CONFIG_TYPE, 2, 20, "gateway.listen[0]", "must be a map",
     "address:"},

    /* values */
    {IN_A("stop_grace_period: soon"), AT_CONFIG_VALUE, 4, 24, "services.a.stop_grace_period",
     "must be a duration such as", NULL},
    {IN_A("stop_grace_period: 30"), AT_CONFIG_VALUE, 4, 24, "services.a.stop_grace_period",
     "not “30”", "30s"},
    {IN_A("start_timeout: 0s"), AT_CONFIG_VALUE, 4, 20, "services.a.start_timeout",
     "must be at least 1ms, not “0s”", NULL},
    {IN_A("start_timeout: 999999h"), AT_CONFIG_VALUE, 4, 20, "services.a.start_timeout",
     "must be a year at most", NULL},
    {IN_A("deploy: {resources: {limits: {memory: lots}}}"), AT_CONFIG_VALUE, 4, 43,
     "services.a.deploy.resources.limits.memory", "must be a size such as 64M", NULL},
    {IN_A("deploy: {resources: {limits: {memory: 64}}}"), AT_CONFIG_VALUE, 4, 43,
     "services.a.deploy.resources.limits.memory", "not “64”", "64M"},
    {IN_A("max_message: 65M"), AT_CONFIG_VALUE, 4, 18, "services.a.max_message",
     "must be a size such as", "64M is the most"},
    {IN_A("max_message: 1K"), AT_CONFIG_VALUE, 4, 18, "services.a.max_message",
     "must be a size such as", "64K is the least"},
    {IN_A("deploy: {resources: {limits: {memory: 99999999999T}}}"), AT_CONFIG_VALUE, 4, 43,
     "services.a.deploy.resources.limits.memory", "must be a size", NULL},
    {IN_A("deploy: {resources: {limits: {cpus: half}}}"), AT_CONFIG_VALUE, 4, 41,
     "services.a.deploy.resources.limits.cpus", "a number of CPUs", NULL},
    {IN_A("deploy: {resources: {limits: {cpus: \"0\"}}}"), AT_CONFIG_VALUE, 4, 41,
     "services.a.deploy.resources.limits.cpus", "a number of CPUs", "0.01"},
    {IN_A("deploy: {resources: {limits: {pids: 1}}}"), AT_CONFIG_VALUE, 4, 41,
     "services.a.deploy.resources.limits.pids", "between 2 and", NULL},
    {IN_A("deploy: {replicas: -1}"), AT_CONFIG_VALUE, 4, 24, "services.a.deploy.replicas",
     "must be a whole number", NULL},
    {IN_A("deploy: {replicas: 65}"), AT_CONFIG_VALUE, 4, 24, "services.a.deploy.replicas",
     "between 0 and 64, not 65", NULL},
    {IN_A("deploy: {replicas: two}"), AT_CONFIG_VALUE, 4, 24, "services.a.deploy.replicas",
     "whole number, not “two”", NULL},
    {IN_A("ulimits: {nofile: 3}"), AT_CONFIG_VALUE, 4, 23, "services.a.ulimits.nofile",
     "between 16 and", NULL},
    {IN_A("restart: allways"), AT_CONFIG_VALUE, 4, 14, "services.a.restart", "not “allways”",
     "did you mean always?"},
    {IN_A("restart: always:3"), AT_CONFIG_VALUE, 4, 14, "services.a.restart", "on-failure:N", NULL},
    {IN_A("restart: on-failure:0"), AT_CONFIG_VALUE, 4, 14, "services.a.restart", "must be", NULL},
    {IN_A("stop_signal: SIGNONE"), AT_CONFIG_VALUE, 4, 18, "services.a.stop_signal",
     "a signal such as SIGTERM", "kill -l"},
    {IN_A("stop_signal: SIGKILL"), AT_CONFIG_VALUE, 4, 18, "services.a.stop_signal", "a signal",
     "cannot catch"},
    {IN_A("stop_signal: 0"), AT_CONFIG_VALUE, 4, 18, "services.a.stop_signal", "a signal", NULL},
    {IN_A("backoff: {min: 20s}"), AT_CONFIG_VALUE, 2, 3, "services.a", "min is longer than max",
     NULL},
    {IN_A("working_dir: \"\""), AT_CONFIG_VALUE, 4, 18, "services.a.working_dir", "is empty", NULL},
    {IN_A("environment: {ATOLL_CONTROL_FD: 4}"), AT_CONFIG_VALUE, 4, 19, "services.a",
     "ATOLL_CONTROL_FD is set by atoll", "another name"},
    {IN_A("environment: [A=1, \"=2\"]"), AT_CONFIG_VALUE, 4, 24, "services.a", "no name for an",
     NULL},
    {IN_A("environment: [A=1, A=2]"), AT_CONFIG_DUPLICATE, 4, 24, "services.a", "A stands twice",
     NULL},
    {"services: {a: {command: \"\"}}\n", AT_CONFIG_MISSING, 1, 25, "services.a",
     "the command of a is empty", "bin/a"},
    {"services: {a: {command: []}}\n", AT_CONFIG_MISSING, 1, 25, "services.a", "is empty", NULL},
    {"services: {a: {command: 'x \"y'}}\n", AT_CONFIG_VALUE, 1, 25, "services.a",
     "cannot be split into words: a closing quote is missing", NULL},

    /* names */
    {"services: {Cart_2: {" OK "}}\n", AT_CONFIG_VALUE, 1, 12, "services.Cart_2",
     "“Cart_2” cannot be the name of a service", "perhaps cart-2"},
    {"services: {a.b: {" OK "}}\n", AT_CONFIG_VALUE, 1, 12, "services.a.b", "cannot be the name",
     "perhaps a-b"},
    {"services: {door: {" OK "}}\n", AT_CONFIG_VALUE, 1, 12, "services.door",
     "cannot be named door", "my-door"},
    {"services: {telemetry: {" OK "}}\n", AT_CONFIG_VALUE, 1, 12, "services.telemetry",
     "cannot be named telemetry", NULL},
    {"services: {keeper: {" OK "}}\n", AT_CONFIG_VALUE, 1, 12, "services.keeper",
     "cannot be named keeper", NULL},
    {"services: {operator: {" OK "}}\n", AT_CONFIG_VALUE, 1, 12, "services.operator",
     "cannot be named operator", NULL},
    {"name: My Shop\n" ONE, AT_CONFIG_VALUE, 1, 7, "name", "cannot be the name of a system",
     "perhaps my-shop"},

    /* edges */
    {TWO("uses: [c]"), AT_CONFIG_UNKNOWN_NAME, 4, 12, "services.a.uses[0]", "no service c", NULL},
    {"services:\n  a: {" OK ", uses: [stok]}\n  stock: {" OK "}\n", AT_CONFIG_UNKNOWN_NAME, 2, 34,
     "services.a.uses[0]", "no service stok", "did you mean stock?"},
    {"services:\n  a: {" OK ", uses: [xxxxxx]}\n  stock: {" OK "}\n", AT_CONFIG_UNKNOWN_NAME, 2, 34,
     "services.a.uses[0]", "no service xxxxxx", "the services are a, stock"},
    {TWO("uses: [a]"), AT_CONFIG_CYCLE, 4, 12, "services.a.uses[0]", "a uses itself", NULL},
    {TWO("uses: [b, b]"), AT_CONFIG_DUPLICATE, 4, 15, "services.a.uses[1]", "b stands twice", NULL},
    {TWO("uses: [door]"), AT_CONFIG_UNKNOWN_NAME, 4, 12, "services.a.uses[0]", "a part of atoll",
     NULL},
    {TWO("uses: [\"topic:cart\"]"), AT_CONFIG_NOT_HONOURED, 4, 12, "services.a.uses[0]",
     "topic:cart cannot be honoured", "later"},
    {TWO("uses: [\"tcp:bank.example:443\"]"), AT_CONFIG_NOT_HONOURED, 4, 12, "services.a.uses[0]",
     "cannot be honoured", NULL},
    {"locks: {one: {}, \"two-*\": {}}\n" TWO("uses: [\"lock:onne\"]"), AT_CONFIG_UNKNOWN_NAME, 5,
     12, "services.a.uses[0]", "no lock “onne”", "did you mean lock:one?"},
    {"locks: {one: {}, \"two-*\": {}}\n" TWO("uses: [\"lock:two-7\"]"), AT_CONFIG_UNKNOWN_NAME, 5,
     12, "services.a.uses[0]", "no lock “two-7”", "did you mean lock:two-*?"},
    {TWO("uses: [\"lock:one\"]"), AT_CONFIG_UNKNOWN_NAME, 4, 12, "services.a.uses[0]",
     "no lock “one”", "locks: {one: {}}"},
    {TWO("uses: [\"lock:\"]"), AT_CONFIG_VALUE, 4, 12, "services.a.uses[0]",
     "lock: names no lock; lock:NAME does", NULL},
    {"locks: {one: {lease: 9us}}\n" ONE, AT_CONFIG_VALUE, 1, 22, "locks.one.lease",
     "must be at least 1ms, not “9us”", NULL},
    {"locks: {one: {}}\n" TWO("uses: [\"lock:one\", \"lock:one\"]"), AT_CONFIG_DUPLICATE, 5, 24,
     "services.a.uses[1]", "stands twice", NULL},
    {"locks: {\"o*e\": {}}\n" ONE, AT_CONFIG_VALUE, 1, 9, "locks.o*e",
     "cannot be the name of a lock", NULL},
    {"locks: {one: {permits: 0}}\n" ONE, AT_CONFIG_VALUE, 1, 24, "locks.one.permits",
     "between 1 and 65535", NULL},
    {"locks: {one: {lease: 5}}\n" ONE, AT_CONFIG_VALUE, 1, 22, "locks.one.lease", "a duration",
     "5s is so many seconds"},
    {"locks: {one: {owner: b}}\n" ONE, AT_CONFIG_UNKNOWN_KEY, 1, 15, "locks.one.owner",
     "no key owner in a lock", NULL},
    {"locks: {one: 3}\n" ONE, AT_CONFIG_TYPE, 1, 14, "locks.one", "must be a map", "is {}"},
    {"locks: [one]\n" ONE, AT_CONFIG_TYPE, 1, 8, "locks", "a map of names", NULL},
    {TWO("depends_on: [c]"), AT_CONFIG_UNKNOWN_NAME, 4, 18, "services.a.depends_on.c",
     "no service c", NULL},
    {TWO("depends_on: [a]"), AT_CONFIG_CYCLE, 4, 18, "services.a.depends_on", "a depends on itself",
     "delete"},
    {TWO("depends_on: b"), AT_CONFIG_TYPE, 4, 17, "services.a.depends_on", "a list of names", NULL},
    {TWO("depends_on: {b: {condition: service_helthy}}"), AT_CONFIG_VALUE, 4, 33,
     "services.a.depends_on.b", "service_started or service_healthy",
     "did you mean service_healthy?"},
    {TWO("depends_on: {b: {condition: service_completed_successfully}}"), AT_CONFIG_NOT_HONOURED, 4,
     33, "services.a.depends_on.b", "cannot be honoured", "before `atoll up`"},
    {TWO("depends_on: {b: {restart: true}}"), AT_CONFIG_NOT_HONOURED, 4, 22,
     "services.a.depends_on.b", "restart: true cannot be honoured", NULL},
    {TWO("depends_on: {b: {required: maybe}}"), AT_CONFIG_VALUE, 4, 32, "services.a.depends_on.b",
     "required must be true or false", NULL},
    {TWO("depends_on: {b: {when: now}}"), AT_CONFIG_UNKNOWN_KEY, 4, 22, "services.a.depends_on.b",
     "no key when", "condition"},
    {TWO("depends_on: {b: x}"), AT_CONFIG_TYPE, 4, 21, "services.a.depends_on.b", "must be a map",
     "service_healthy"},
    {"services:\n  a: {" OK ", depends_on: [b]}\n  b: {" OK ", depends_on: [a]}\n", AT_CONFIG_CYCLE,
     2, 40, "services.a.depends_on", "depends_on goes round: a → b → a",
     "none of them could start"},
    {"services:\n  a: {" OK ", depends_on: [b]}\n  b: {" OK ", profiles: [p]}\n",
     AT_CONFIG_UNKNOWN_NAME, 2, 40, "services.a.depends_on.b", "switched off by its profiles",
     "required: false"},

    /* the gateway */
    {ONE "gateway:\n  listen:\n    - {services: [a]}\n", AT_CONFIG_MISSING, 4, 7,
     "gateway.listen[0].address", "address is missing", "127.0.0.1:8080"},
    {ONE "gateway:\n  listen:\n    - {address: 127.0.0.1:80}\n", AT_CONFIG_MISSING, 4, 7,
     "gateway.listen[0].services", "services is missing", NULL},
    {ONE "gateway:\n  listen:\n    - {address: 127.0.0.1:80, services: []}\n", AT_CONFIG_MISSING, 4,
     41, "gateway.listen[0].services", "serves no services", NULL},
    {ONE "gateway:\n  listen:\n    - {address: 127.0.0.1:80, services: [b]}\n",
     AT_CONFIG_UNKNOWN_NAME, 4, 42, "gateway.listen[0].services", "no service b", NULL},
    {ONE "gateway:\n  listen:\n    - {address: 127.0.0.1:80, services: [a, a]}\n",
     AT_CONFIG_DUPLICATE, 4, 45, "gateway.listen[0].services", "a stands twice", NULL},
    {ONE "gateway:\n  listen:\n    - {address: example.com:80, services: [a]}\n", AT_CONFIG_VALUE,
     4, 17, "gateway.listen[0].address", "no numeric address", "127.0.0.1:8080"},
    {ONE "gateway:\n  listen:\n    - {address: 127.0.0.1:70000, services: [a]}\n", AT_CONFIG_VALUE,
     4, 17, "gateway.listen[0].address", "above 65535", NULL},
    {ONE "gateway:\n  listen:\n    - {address: 127.0.0.1:80, services: [a]}\n"
         "    - {address: 0.0.0.0:80, services: [a]}\n",
     AT_CONFIG_DUPLICATE, 5, 17, "gateway.listen[1].address", "port 80 of 0.0.0.0 is taken",
     "line 4"},
    {ONE "gateway: {listen: [{port: 80, address: \":80\", services: [a]}]}\n",
     AT_CONFIG_NOT_HONOURED, 2, 21, "gateway.listen[0].port", "cannot be honoured", "address:"},

    /* what Compose has and we have not */
    {IN_A("image: nginx"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.image",
     "services.a.image cannot be honoured: atoll runs programs", "command"},
    {IN_A("build: ."), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.build", "does not build", "build"},
    {IN_A("ports: [80]"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.ports", "network of its own",
     "gateway.listen"},
    {IN_A("expose: [80]"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.expose", "network", NULL},
    {IN_A("volumes: [x]"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.volumes", "read-only",
     "STATE_DIRECTORY"},
    {IN_A("healthcheck: {}"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.healthcheck", "ready",
     NULL},
    {IN_A("user: root"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.user", "a user id of its own",
     NULL},
    {IN_A("networks: [x]"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.networks", "network", "uses"},
    {IN_A("configs: [x]"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.configs", "read-only", NULL},
    {IN_A("secrets: [x]"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.secrets", "yet", "env_file"},
    {IN_A("isolate: vm"), AT_CONFIG_NOT_HONOURED, 4, 14, "services.a.isolate", "only process",
     NULL},
    {IN_A("provides: http"), AT_CONFIG_NOT_HONOURED, 4, 5, "services.a.provides", "libatoll", NULL},
    {IN_A("ulimits: {core: 0}"), AT_CONFIG_NOT_HONOURED, 4, 15, "services.a.ulimits.core", "core",
     NULL},
    {IN_A("ulimits: {stack: 0}"), AT_CONFIG_NOT_HONOURED, 4, 15, "services.a.ulimits.stack",
     "only nofile", NULL},
    {ONE "networks: {}\n", AT_CONFIG_NOT_HONOURED, 2, 1, "networks", "cannot be honoured", "uses"},
    {ONE "volumes: {}\n", AT_CONFIG_NOT_HONOURED, 2, 1, "volumes", "/state", NULL},
    {ONE "survives: []\n", AT_CONFIG_NOT_HONOURED, 2, 1, "survives", "yet", NULL},
    {ONE "policies: {a.Get: {deadline: 5s}}\n", AT_CONFIG_NOT_HONOURED, 2, 12, "policies.a.Get",
     "policies of one method", NULL},
    {ONE "policies: {a: {retry: 3}}\n", AT_CONFIG_NOT_HONOURED, 2, 16, "policies.a.retry", "yet",
     "safe to send again"},
    {ONE "policies: {a: p2c}\n", AT_CONFIG_TYPE, 2, 15, "policies.a", "must be a map, not text",
     "{balance: round-robin}"},
    {ONE "policies: {b: {balance: p2c}}\n", AT_CONFIG_UNKNOWN_NAME, 2, 12, "policies.b",
     "there is no service b", "the services are a"},
    {ONE "policies: {\"a -> b\": {balance: p2c}}\n", AT_CONFIG_UNKNOWN_NAME, 2, 12,
     "policies.a -> b", "there is no service b", NULL},
    {ONE "policies: {\"operator -> a\": {balance: p2c}}\n", AT_CONFIG_UNKNOWN_NAME, 2, 12,
     "policies.operator -> a", "a part of atoll", NULL},
    {ONE "policies: {door->a: {slow-start: 1s}, \"door -> a\": {slow-start: 2s}}\n",
     AT_CONFIG_DUPLICATE, 2, 39, "policies.door -> a", "says again what stands in line 2", NULL},
    {ONE "policies: {a: {balance: fastest}}\n", AT_CONFIG_VALUE, 2, 25, "policies.a.balance",
     "must be least-requests, round-robin, p2c or {hash: FIELD}, not “fastest”", NULL},
    {ONE "policies: {a: {balance: roundrobin}}\n", AT_CONFIG_VALUE, 2, 25, "policies.a.balance",
     "not “roundrobin”", "did you mean round-robin?"},
    {ONE "policies: {a: {balance: maglev}}\n", AT_CONFIG_VALUE, 2, 25, "policies.a.balance",
     "not “maglev”", "did you mean {hash: FIELD}?"},
    {ONE "policies: {a: {balance: hash}}\n", AT_CONFIG_VALUE, 2, 25, "policies.a.balance",
     "hash needs the field", "{hash: cart_id}"},
    {ONE "policies: {a: {balance: [p2c]}}\n", AT_CONFIG_TYPE, 2, 25, "policies.a.balance",
     "not a list", NULL},
    {ONE "policies: {a: {balance: {hash: a..b}}}\n", AT_CONFIG_VALUE, 2, 32, "policies.a.balance",
     "the path of a field, not “a..b”", "cart.id"},
    {ONE "policies: {a: {balance: {hash: id, bound: 100}}}\n", AT_CONFIG_VALUE, 2, 43,
     "policies.a.balance", "between 101 and 10000, not “100”", "125%"},
    {ONE "policies: {a: {balance: {bound: 150%}}}\n", AT_CONFIG_MISSING, 2, 25,
     "policies.a.balance", "hash is missing", NULL},
    {ONE "policies: {a: {balance: {hash: id, spread: 1}}}\n", AT_CONFIG_UNKNOWN_KEY, 2, 36,
     "policies.a.balance", "no key spread", "hash and bound"},
    {ONE "policies: {a: {slow-start: 10}}\n", AT_CONFIG_VALUE, 2, 28, "policies.a.slow-start",
     "a duration", "10s"},
    {ONE "policies: {a: {slow_start: 10s}}\n", AT_CONFIG_UNKNOWN_KEY, 2, 16,
     "policies.a.slow_start", "no key slow_start", "did you mean slow-start?"},
    {IN_A("deploy: {replicas: 2, weights: [3, 1, 1]}"), AT_CONFIG_VALUE, 4, 36, "services.a",
     "a has 3 weights and 2 instances", "one weight for each"},
    {IN_A("deploy: {weights: 3}"), AT_CONFIG_TYPE, 4, 23, "services.a.deploy.weights",
     "a list of whole numbers", NULL},
    {IN_A("deploy: {replicas: 2, weights: [3, 0]}"), AT_CONFIG_VALUE, 4, 40,
     "services.a.deploy.weights[1]", "between 1 and 1000, not 0", NULL},
    {IN_A("deploy: {replicas: 2, weights: [3, x]}"), AT_CONFIG_VALUE, 4, 40,
     "services.a.deploy.weights[1]", "a whole number", NULL},
    {ONE "policies: {defaults: {retry: {budget: 20%}}}\n", AT_CONFIG_NOT_HONOURED, 2, 23,
     "policies.defaults.retry", "yet", NULL},

    /* files beside it */
    {IN_A("env_file: none.env"), AT_CONFIG_FILE, 4, 15, "services.a", "none.env cannot be read",
     "required: false"},
    {IN_A("env_file: [{file: x}]"), AT_CONFIG_TYPE, 4, 16, "services.a", "the key path", NULL},
};

static const struct at_config_error *find(const struct project *p, const struct mistake *m)
{
    for (size_t i = 0; i < p->errors.count; i++) {
        const struct at_config_error *e = &p->errors.at[i];

        if (e->code == m->code && e->line == m->line && e->col == m->col &&
            strcmp(e->field, m->field) == 0 && strstr(e->message, m->message) != NULL &&
            (m->hint == NULL || strstr(e->hint, m->hint) != NULL)) {
            return e;
        }
    }
    return NULL;
}

static const char *with_fields(const struct project *p)
{
    static char room[8192];
    struct at_text text;

    at_text_init(&text);
    at_config_errors_json(&p->errors, &text);
    snprintf(room, sizeof(room), "%s", at_text_str(&text));
    at_text_deinit(&text);
    return room;
}

TEST(every_mistake_is_said_with_its_code_place_field_message_and_hint)
{
    struct project p;

    new_project(&p);
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const struct mistake *m = &mistakes[i];
        int r = load_text(&p, m->yaml);
        const struct at_config_error *e = find(&p, m);

        ck_assert_msg(r == AT_CONFIG_WRONG, "taken as right:\n%s", m->yaml);
        ck_assert_msg(e != NULL, "%s\nexpected %s %d:%d %s: %s (%s)\ngot %s", m->yaml,
                      at_config_code_name(m->code), m->line, m->col, m->field, m->message,
                      m->hint == NULL ? "" : m->hint, with_fields(&p));
        CHECK(strstr(e->file, "/atoll.yaml") != NULL);
        CHECK(!e->warning);
        ck_assert_msg(p.errors.wrong == 1, "more than one mistake in\n%s%s", m->yaml,
                      all_errors(&p));
    }
    end_project(&p);
}

TEST(all_mistakes_are_said_at_once_in_the_order_of_their_lines)
{
    struct project p;

    new_project(&p);
    load_text(&p, "nam: x\n"
                  "services:\n"
                  "  cart: {comand: x, uses: [stok]}\n"
                  "  stock: {command: /bin/true, restart: sometimes, image: y}\n"
                  "gateway: {listen: [{address: here, services: [crt]}]}\n");
    CHECK_INT(p.errors.count, 8);
    for (size_t i = 1; i < p.errors.count; i++) {
        CHECK(p.errors.at[i].line >= p.errors.at[i - 1].line);
    }
    CHECK(strstr(all_errors(&p), "atoll.yaml:3:28: there is no service stok\n"
                                 "    did you mean stock?\n") != NULL);
    end_project(&p);
}

TEST(a_cycle_is_printed_as_the_way_round_and_each_cycle_once)
{
    struct project p;

    new_project(&p);
    load_text(&p, "services:\n"
                  "  a: {command: /bin/true, depends_on: [b]}\n"
                  "  b: {command: /bin/true, depends_on: [c]}\n"
                  "  c: {command: /bin/true, depends_on: [d]}\n"
                  "  d: {command: /bin/true, depends_on: [b]}\n"
                  "  e: {command: /bin/true, depends_on: [f]}\n"
                  "  f: {command: /bin/true, depends_on: [e]}\n");
    CHECK_INT(p.errors.wrong, 2);
    CHECK(strstr(p.errors.at[0].message, "b → c → d → b") != NULL);
    CHECK_INT(p.errors.at[0].line, 3);
    CHECK(strstr(p.errors.at[1].message, "e → f → e") != NULL);
    end_project(&p);
}

static struct at_text repeated(const char *before, char c, size_t n, const char *after)
{
    struct at_text t;
    char *room;

    at_text_init(&t);
    at_text_add_str(&t, before);
    room = at_text_claim(&t, n);
    memset(room, c, n);
    at_text_add_str(&t, after);
    return t;
}

TEST(names_of_a_megabyte_are_refused_with_their_place)
{
    static const struct {
        const char *before;
        const char *after;
        enum at_config_code code;
        int col;
    } cases[] = {
        {"name: ", "\n" ONE, AT_CONFIG_LIMIT, 7},
        {"name: \"", "\"\n" ONE, AT_CONFIG_LIMIT, 7},
        {"services: {", ": {" OK "}}\n", AT_CONFIG_LIMIT, 12},
        {"services:\n  ? ", "\n  : {" OK "}\n", AT_CONFIG_LIMIT, 5},
        {"services: {a: {command: /bin/true, uses: [", "]}}\n", AT_CONFIG_LIMIT, 43},
        {"services: {a: {command: ", "}}\n", AT_CONFIG_LIMIT, 25},
    };
    struct project p;

    new_project(&p);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct at_text t = repeated(cases[i].before, 'a', 1 << 20, cases[i].after);

        write_bytes(&p, "atoll.yaml", at_text_bytes(&t));
        CHECK_INT(load(&p), AT_CONFIG_WRONG);
        ck_assert_msg(p.errors.at[0].code == cases[i].code, "%zu: %s", i, with_fields(&p));
        CHECK(cases[i].col == 0 || p.errors.at[0].col == cases[i].col);
        CHECK(strlen(p.errors.at[0].message) < 400);
        at_text_deinit(&t);
    }
    end_project(&p);
}

TEST(a_file_of_more_than_four_megabytes_is_not_read)
{
    struct project p;
    struct at_text t = repeated("# ", 'x', (4 << 20) + 1, "\n");

    new_project(&p);
    write_bytes(&p, "atoll.yaml", at_text_bytes(&t));
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.at[0].code, AT_CONFIG_LIMIT);
    at_text_deinit(&t);
    end_project(&p);
}

TEST(an_alias_bomb_ends_before_it_costs_anything)
{
    struct project p;
    struct at_text t;

    new_project(&p);
    at_text_init(&t);
    at_text_add_str(&t, "x0: &a0 [lol]\n");
    for (int i = 1; i < 30; i++) {
        at_text_addf(&t, "x%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                     i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    write_bytes(&p, "atoll.yaml", at_text_bytes(&t));
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.at[0].code, AT_CONFIG_LIMIT);
    CHECK(p.errors.at[0].line > 1 && p.errors.at[0].line < 10);
    CHECK(strstr(p.errors.at[0].hint, "multiplies") != NULL);
    at_text_deinit(&t);
    end_project(&p);
}

TEST(a_bomb_of_merge_keys_ends_too)
{
    struct project p;
    struct at_text t;

    new_project(&p);
    at_text_init(&t);
    at_text_add_str(&t, "x-0: &a0 {k: {k: {k: v}}}\n");
    for (int i = 1; i < 30; i++) {
        at_text_addf(&t, "x-%d: &a%d {<<: [*a%d, *a%d], p%d: *a%d, q%d: *a%d}\n", i, i, i - 1,
                     i - 1, i, i - 1, i, i - 1);
    }
    write_bytes(&p, "atoll.yaml", at_text_bytes(&t));
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.at[0].code, AT_CONFIG_LIMIT);
    at_text_deinit(&t);
    end_project(&p);
}

TEST(nesting_has_an_end)
{
    struct project p;
    struct at_text t = repeated("x-a: ", '[', 40, "\n");

    new_project(&p);
    write_bytes(&p, "atoll.yaml", at_text_bytes(&t));
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.at[0].code, AT_CONFIG_LIMIT);
    CHECK_INT(p.errors.at[0].col, 37);
    at_text_deinit(&t);
    end_project(&p);
}

TEST(a_flood_of_mistakes_is_cut_and_says_so)
{
    struct project p;
    struct at_text t;

    new_project(&p);
    at_text_init(&t);
    for (int i = 0; i < 1000; i++) {
        at_text_addf(&t, "key%d: x\n", i);
    }
    write_bytes(&p, "atoll.yaml", at_text_bytes(&t));
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.count, 100);
    CHECK(p.errors.wrong > 1000);
    CHECK(p.errors.overflow);
    at_text_clear(&t);
    at_config_errors_print(&p.errors, &t);
    CHECK(strstr(at_text_str(&t), "and more") != NULL);
    at_text_deinit(&t);
    end_project(&p);
}

TEST(what_could_upset_a_terminal_is_shown_and_not_sent)
{
    struct project p;

    new_project(&p);
    load_text(&p, "services: {a: {command: x, \"ev\\e[31mil\": 1}}\n");
    CHECK(strstr(all_errors(&p), "ev\\x1b[31mil") != NULL);
    CHECK(strchr(all_errors(&p), 0x1b) == NULL);
    end_project(&p);
}

TEST(no_file_at_all_says_what_to_do)
{
    struct project p;

    new_project(&p);
    CHECK_INT(load(&p), AT_CONFIG_NO_FILE);
    CHECK_INT(p.errors.count, 1);
    CHECK(strstr(p.errors.at[0].hint, "atoll init") != NULL);
    end_project(&p);
}

TEST(a_named_file_that_is_missing_or_a_folder_is_said)
{
    struct project p;
    char path[128];
    const char *files[1] = {path};

    new_project(&p);
    snprintf(path, sizeof(path), "%s/none.yaml", p.dir);
    p.options.files = files;
    p.options.file_count = 1;
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.at[0].code, AT_CONFIG_FILE);
    CHECK(strstr(p.errors.at[0].message, "No such file") != NULL);
    snprintf(path, sizeof(path), "%s", p.dir);
    CHECK_INT(load(&p), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.at[0].code, AT_CONFIG_FILE);
    end_project(&p);
}

TEST(a_missing_or_unexecutable_program_is_a_warning)
{
    struct project p;

    new_project(&p);
    write_text(&p, "plain", "x");
    CHECK_INT(load_text(&p, "services:\n  a: {command: ./none}\n  b: {command: ./plain}\n"
                            "  c: {command: no-such-program-anywhere}\n"),
              0);
    CHECK_INT(p.errors.count, 3);
    CHECK_INT(p.errors.wrong, 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(p.errors.at[i].code, AT_CONFIG_BINARY);
        CHECK(p.errors.at[i].warning);
        CHECK_INT(p.errors.at[i].line, (int)i + 2);
        CHECK_INT(p.errors.at[i].col, 16);
    }
    CHECK(strstr(p.errors.at[0].message, "is not there") != NULL);
    CHECK(strstr(p.errors.at[1].hint, "chmod +x") != NULL);
    CHECK(strstr(p.errors.at[2].hint, "not in PATH") != NULL);
    end_project(&p);
}

TEST(mistakes_in_env_files_have_their_own_place)
{
    struct project p;

    new_project(&p);
    write_text(&p, "a.env", "# comment\nGOOD=1\nBAD LINE\n1X=2\nQ=\"open\n");
    CHECK_INT(load_text(&p, IN_A("env_file: a.env")), AT_CONFIG_WRONG);
    CHECK_INT(p.errors.wrong, 3);
    CHECK_STR(p.errors.at[0].file, "a.env");
    CHECK_INT(p.errors.at[0].line, 3);
    CHECK_INT(p.errors.at[1].line, 4);
    CHECK_INT(p.errors.at[2].line, 5);
    CHECK(strstr(p.errors.at[2].message, "closing \"") != NULL);
    end_project(&p);
}

TEST(as_json_each_mistake_is_one_object)
{
    struct project p;

    new_project(&p);
    load_text(&p, "services: {a: {comand: \"\\\"\"}}\n");
    CHECK(strstr(with_fields(&p), "{\"code\":\"unknown-key\",\"severity\":\"error\",\"file\":\"") !=
          NULL);
    CHECK(strstr(with_fields(&p), "\"line\":1,\"col\":16,\"field\":\"services.a.comand\"") != NULL);
    end_project(&p);
}

TEST_MAIN("cli/config_mistakes")
