/* The table from which parser, help, man page and completion are made. */
#include <stddef.h>

#include "cli/cli.h"
#include "cli/proto.h"

#define END_OPTIONS {.name = NULL}
#define END_EXAMPLES {.command = NULL}
#define END_EXITS {.what = NULL}
#define ANY_WORDS AT_CLI_WORDS_MAX

// clang-format off
static const struct at_cli_option global_options[] = {
    {.name = "file", .letter = 'f', .value = "FILE", .env = "ATOLL_FILE",
     .what = "Read this file instead of atoll.yaml; given again, later files change earlier ones."},
    {.name = "project", .letter = 'p', .value = "NAME", .env = "ATOLL_PROJECT",
     .what = "Use this as the system's name instead of the file's."},
    {.name = "output", .letter = 'o', .value = "FORM", .env = "ATOLL_OUTPUT", .choice = "table|json|jsonl",
     .what = "Print data as a table, as one JSON value, or as one JSON object a line. A failure that leaves no other "
             "data is then an object on stdout too: error, with code, exit_code, message and problems."},
    {.name = "no-color", .env = "ATOLL_NO_COLOR", .what = "No colour, also on a terminal. NO_COLOR does the same."},
    {.name = "quiet", .letter = 'q', .env = "ATOLL_QUIET", .what = "Only data and errors."},
    {.name = "verbose", .letter = 'v', .env = "ATOLL_VERBOSE", .what = "Say more about what is done."},
    {.name = "timeout", .value = "DURATION", .env = "ATOLL_TIMEOUT",
     .what = "Give up after this long, such as 500ms, 3s or 1m30s; exit code 5."},
    {.name = "help", .letter = 'h', .what = "Show the help of the verb."},
    {.name = "version", .what = "Show the version."},
    END_OPTIONS,
};

static const struct at_cli_option no_options[] = {END_OPTIONS};

static const struct at_cli_option init_options[] = {
    {.name = "demo", .value = "NAME", .choice = "shop|prices", .what = "Copy a complete example that runs as it is."},
    {.name = "list", .what = "List the examples that can be copied."},
    END_OPTIONS,
};
static const struct at_cli_example init_examples[] = {
    {.command = "atoll init", .what = "write a commented atoll.yaml here"},
    {.command = "atoll init --demo shop", .what = "copy the shop into ./shop"},
    {.command = "atoll init --demo prices", .what = "the same of a service of streams"},
    END_EXAMPLES,
};

static const struct at_cli_option up_options[] = {
    {.name = "detach", .letter = 'd', .env = "ATOLL_DETACH", .what = "Return when everything is ready and leave it running."},
    {.name = "profile", .value = "NAME", .env = "ATOLL_PROFILE", .what = "Start the services of this profile too; may be given again."},
    {.name = "no-logs", .what = "Do not follow the logs."},
    END_OPTIONS,
};
static const struct at_cli_example up_examples[] = {
    {.command = "atoll up", .what = "start everything, follow the logs, stop on Ctrl-C"},
    {.command = "atoll up -d", .what = "start everything in the background"},
    {.command = "atoll up cart", .what = "start cart and what it depends on"},
    END_EXAMPLES,
};
static const struct at_cli_exit_note up_exits[] = {
    {.code = AT_EXIT_UNKNOWN, .what = "there is no such service"},
    {.code = AT_EXIT_TIMEOUT, .what = "not everything was ready in time; it was stopped again"},
    {.code = AT_EXIT_NOT_READY, .what = "a service did not become ready; everything was stopped again"},
    {.code = AT_EXIT_INTERRUPTED, .what = "Ctrl-C before everything was ready"},
    END_EXITS,
};

static const struct at_cli_exit_note running_exits[] = {
    {.code = AT_EXIT_NOT_RUNNING, .what = "the system is not running"},
    {.code = AT_EXIT_UNKNOWN, .what = "there is no such service or instance"},
    {.code = AT_EXIT_TIMEOUT, .what = "no answer in time"},
    END_EXITS,
};
static const struct at_cli_example down_examples[] = {
    {.command = "atoll down", .what = "stop everything; state and logs stay in .atoll"},
    END_EXAMPLES,
};
static const struct at_cli_option ps_options[] = {
    {.name = "quiet", .letter = 'q', .env = "ATOLL_QUIET", .what = "Only the ids of the processes, one a line."},
    END_OPTIONS,
};
static const struct at_cli_example ps_examples[] = {
    {.command = "atoll ps", .what = "every instance"},
    {.command = "kill -9 $(atoll ps -q cart.1)", .what = "see what atoll makes of it"},
    {.command = "atoll ps cart -o json | jq '.[0].pid'", .what = "the process of cart's first instance"},
    END_EXAMPLES,
};
static const struct at_cli_example locks_examples[] = {
    {.command = "atoll locks", .what = "everything that is held or waited for"},
    {.command = "atoll locks checkout -o json | jq '.[0].instance'", .what = "who holds checkout"},
    END_EXAMPLES,
};
static const struct at_cli_option status_options[] = {
    {.name = "lines", .letter = 'n', .value = "N", .what = "Show this many log lines of a service (10)."},
    END_OPTIONS,
};
static const struct at_cli_example status_examples[] = {
    {.command = "atoll status", .what = "the system on one page"},
    {.command = "atoll status cart", .what = "one service with its last log lines"},
    END_EXAMPLES,
};

static const struct at_cli_option logs_options[] = {
    {.name = "follow", .letter = 'f', .what = "Go on with new lines as they come."},
    {.name = "tail", .letter = 'n', .value = "N", .what = "Only the last N lines (all; 10 with --follow)."},
    {.name = "since", .value = "WHEN", .what = "Only lines younger than this: 5m, 2h, or a time such as 2026-01-31T12:00:00Z."},
    {.name = "until", .value = "WHEN", .what = "Only lines older than this."},
    {.name = "timestamps", .letter = 't', .what = "Show the time of each line."},
    {.name = "no-prefix", .what = "Do not show whose line it is."},
    END_OPTIONS,
};
static const struct at_cli_example logs_examples[] = {
    {.command = "atoll logs", .what = "everything, all instances merged in the order of time"},
    {.command = "atoll logs -f cart stock.1", .what = "follow all of cart and one instance of stock"},
    {.command = "atoll logs atolld", .what = "what the supervisor itself had to say"},
    {.command = "atoll logs --since 10m -o jsonl", .what = "the last ten minutes for a program"},
    END_EXAMPLES,
};
static const struct at_cli_exit_note logs_exits[] = {
    {.code = AT_EXIT_NOT_RUNNING, .what = "the system has no logs yet"},
    {.code = AT_EXIT_UNKNOWN, .what = "there is no such service or instance, and no log of one"},
    END_EXITS,
};

static const struct at_cli_option call_options[] = {
    {.name = "header", .letter = 'H', .value = "KEY:VALUE", .what = "Send this metadata; may be given again."},
    {.name = "list", .letter = 'l', .what = "List the methods instead of calling one."},
    {.name = "reveal", .what = "Print fields marked (atoll.field).sensitive, which are *** otherwise."},
    END_OPTIONS,
};
static const struct at_cli_example call_examples[] = {
    {.command = "atoll call stock.GetItem '{\"itemId\":1}'", .what = "call a method by its short name"},
    {.command = "atoll call shop.stock.v1.StockService/GetItem @request.json", .what = "by its full name, with a request from a file"},
    {.command = "atoll call prices.Watch '{\"item\":\"tea\"}'", .what = "replies of a stream as they come, until Ctrl-C"},
    {.command = "atoll call prices.Upload <changes.jsonl", .what = "a stream of requests, one a line"},
    {.command = "atoll call --list", .what = "every method of the system"},
    END_EXAMPLES,
};
static const struct at_cli_exit_note call_exits[] = {
    {.code = AT_EXIT_NOT_RUNNING, .what = "the system is not running"},
    {.code = AT_EXIT_UNKNOWN, .what = "there is no such method, or the short name fits several"},
    {.code = AT_EXIT_CALL, .what = "plus N (65 to 80): the method answered with gRPC status N"},
    END_EXITS,
};

static const struct at_cli_option bench_options[] = {
    {.name = "concurrency", .letter = 'c', .value = "N,...",
     .what = "Closed loop: so many calls are always under way (1,64). With --rate: at most so many (1024)."},
    {.name = "rate", .letter = 'r', .value = "N,...",
     .what = "Open loop: so many calls a second are due, at random times (Poisson) that do not wait for answers."},
    {.name = "duration", .letter = 'd', .value = "DURATION", .what = "Measure each combination this long (3s)."},
    {.name = "warmup", .value = "DURATION", .what = "Load it this long before that (300ms)."},
    {.name = "payload", .value = "SIZE,...", .what = "Fill a field of the request with so many bytes, such as 64,4k,1M."},
    {.name = "field", .value = "NAME",
     .what = "The field to fill (the first one of type bytes, else the first string)."},
    {.name = "transport", .value = "NAME,...",
     .what = "channel is how services call each other; http goes through the gateway (channel)."},
    {.name = "seed", .value = "N", .what = "Of the random times, so that two runs have the same (1)."},
    END_OPTIONS,
};
static const struct at_cli_example bench_examples[] = {
    {.command = "atoll bench stock.GetItem '{\"itemId\":1}'", .what = "one call at a time, then 64 at once"},
    {.command = "atoll bench stock.GetItem '{\"itemId\":1}' --rate 1000,10000,50000", .what = "find where latency begins to climb"},
    {.command = "atoll bench echo.Echo --payload 64,4k,64k,1M -c 1", .what = "what bytes cost"},
    {.command = "atoll bench stock.GetItem --transport channel,http -o json", .what = "both ways, with histograms, for a program"},
    END_EXAMPLES,
};
static const struct at_cli_exit_note bench_exits[] = {
    {.code = AT_EXIT_FAILURE, .what = "calls failed, or more were due than could be sent"},
    {.code = AT_EXIT_NOT_RUNNING, .what = "the system is not running"},
    {.code = AT_EXIT_UNKNOWN, .what = "there is no such method, field, or listener of the gateway"},
    END_EXITS,
};

static const struct at_cli_option proto_options[] = {
    {.name = "proto-path", .letter = 'I', .value = "FOLDER", .env = "ATOLL_PROTO_PATH",
     .what = "Imports of .proto files are relative to this folder; may be given again."},
    {.name = "except", .value = "RULE",
     .what = "check, diff: leave this rule out; may be given again."},
    {.name = "list", .letter = 'l', .what = "check, diff: list the rules instead."},
    {.name = "against", .value = "LEVEL", .choice = "wire|json|source",
     .what = "diff: what must not break: wire is the binary encoding alone, json is that and JSON, source is both and "
             "programs made from the contract (source)."},
    {.name = "input", .letter = 'i', .value = "FILE", .what = "decode, encode: read this file instead of stdin."},
    {.name = "hex", .what = "decode: the bytes come in hexadecimal; encode: print them so."},
    {.name = "base64", .what = "decode: the bytes come in base64; encode: print them so."},
    {.name = "text", .what = "decode, encode: the protobuf text format instead of JSON; it shows unknown fields by number."},
    {.name = "mask", .what = "decode: print *** for fields marked (atoll.field).sensitive."},
    {.name = "defaults", .what = "decode: print fields without presence also when they are 0, false or empty."},
    END_OPTIONS,
};
static const struct at_cli_example proto_examples[] = {
    {.command = "atoll proto check", .what = "lint the contracts of the system of atoll.yaml"},
    {.command = "atoll proto check proto", .what = "lint every .proto below a folder"},
    {.command = "atoll proto diff old/ proto/ --against wire", .what = "see what would break old peers"},
    {.command = "atoll proto diff bin/cart-v1 bin/cart", .what = "compare the contracts in two programs"},
    {.command = "atoll proto describe CartItem", .what = "show a message as a .proto writes it"},
    {.command = "atoll proto decode CartItem -i item.bin", .what = "show a message as JSON"},
    {.command = "atoll proto decode --hex <<< '08 01 10 05'", .what = "show bytes of an unknown type, field by field"},
    {.command = "atoll proto encode CartItem proto/ --hex <<< '{\"itemId\":1}'", .what = "see what goes over the wire"},
    END_EXAMPLES,
};
static const struct at_cli_exit_note proto_exits[] = {
    {.code = AT_EXIT_FAILURE, .what = "check, diff: something was found"},
    {.code = AT_EXIT_FAILURE, .what = "decode, encode: the input is no such message"},
    {.code = AT_EXIT_USAGE, .what = "a contract could not be read, so there is no verdict"},
    {.code = AT_EXIT_UNKNOWN, .what = "the contracts have nothing of that name"},
    END_EXITS,
};

static const struct at_cli_option openapi_options[] = {
    {.name = "title", .value = "TITLE", .what = "The title of the document (the system's name)."},
    {.name = "api-version", .value = "VERSION",
     .what = "The version of the API (what the packages end with, such as v1)."},
    {.name = "server", .value = "URL",
     .what = "Where the API is served, instead of the gateway's addresses; may be given again."},
    {.name = "rules-only", .what = "Leave out POST /package.Service/Method, which every method has."},
    {.name = "proto-path", .letter = 'I', .value = "FOLDER", .env = "ATOLL_PROTO_PATH",
     .what = "Imports of .proto files are relative to this folder; may be given again."},
    END_OPTIONS,
};
static const struct at_cli_example openapi_examples[] = {
    {.command = "atoll openapi > openapi.json", .what = "describe what the gateway of the system serves"},
    {.command = "atoll openapi cart --rules-only", .what = "describe one service, and only the paths that its contract names"},
    {.command = "atoll openapi proto/ --server https://shop.example", .what = "describe .proto files, with their comments"},
    END_EXAMPLES,
};
static const struct at_cli_exit_note openapi_exits[] = {
    {.code = AT_EXIT_UNKNOWN, .what = "there is no such service"},
    END_EXITS,
};

static const struct at_cli_option schema_options[] = {
    {.name = "man", .what = "Print the manual page atoll.yaml(5) as roff instead."},
    END_OPTIONS,
};
static const struct at_cli_option config_options[] = {
    {.name = "check", .what = "Print nothing but mistakes and warnings, those about programs and contracts too."},
    {.name = "services", .what = "Only the names of the services, one a line."},
    {.name = "profile", .value = "NAME", .env = "ATOLL_PROFILE", .what = "With the services of this profile; may be given again."},
    END_OPTIONS,
};
static const struct at_cli_example config_examples[] = {
    {.command = "atoll config", .what = "check the files and print what they come to"},
    {.command = "atoll config --check", .what = "only check: exit code 0 or 2"},
    END_EXAMPLES,
};

static const struct at_cli_example doctor_examples[] = {
    {.command = "atoll doctor", .what = "what this machine offers and which walls will stand"},
    END_EXAMPLES,
};

static const struct at_cli_option help_options[] = {
    {.name = "man", .what = "Print the manual page atoll(1) as roff, or that of the verb."},
    END_OPTIONS,
};
static const struct at_cli_example completion_examples[] = {
    {.command = "source <(atoll completion bash)", .what = "complete verbs, flags and names in this shell"},
    END_EXAMPLES,
};

static const struct at_cli_verb verbs[] = {
    {.name = "init", .usage = "[--demo NAME] [DIRECTORY]", .run = at_verb_init, .words_max = 1,
     .summary = "write a starter atoll.yaml, or copy an example",
     .about = "Writes a commented atoll.yaml into the directory (here, when none is given). With --demo the "
              "installed example of that name is copied into a new directory. Nothing that exists is ever "
              "overwritten. In JSON the fields are: directory, example, files.",
     .options = init_options, .examples = init_examples},
    {.name = "up", .usage = "[SERVICE...]", .run = at_verb_up, .words_max = ANY_WORDS, .words = AT_WORDS_SERVICES,
     .summary = "start the system and show each service becoming ready",
     .about = "Checks the configuration, starts the services in the order of their dependencies and shows each "
              "of them becoming ready, then the addresses of the front door. In the foreground it then follows "
              "the logs until Ctrl-C, which stops everything and waits for that. When an instance has ended three "
              "times before it was ready, or was not ready within its start_timeout, the cause and its last "
              "lines are shown, everything is stopped again, and the exit code is 6. A program without a "
              "contract is ready when it has lived for 200 ms. With names, only those services and what they depend on are started.\n\n"
              "Walls that this machine cannot hold (memory limits without a cgroup, say) are listed once all are "
              "ready.\n\n"
              "With -o jsonl every change of an instance is an object a line; with -o json the instances are "
              "printed as `atoll ps -o json` does once all are ready.",
     .options = up_options, .examples = up_examples, .exits = up_exits},
    {.name = "down", .usage = "", .run = at_verb_down,
     .summary = "stop the system and wait until nothing is left",
     .about = "Asks every service to stop, dependants first, kills after each one's stop_grace_period, and waits "
              "until the last process, cgroup and mount is gone. State and logs stay in .atoll. In JSON the fields "
              "are: system, stopped (the instances), took_ns.",
     .options = no_options, .examples = down_examples, .exits = running_exits},
    {.name = "ps", .usage = "[SERVICE|INSTANCE...]", .run = at_verb_ps, .words_max = ANY_WORDS, .words = AT_WORDS_SERVICES,
     .summary = "list the instances",
     .about = "One row for each instance. In JSON the fields are: service, instance, state, pid, reaper_pid, uid, "
              "uptime_ns, restarts, cpu_ns, cpu_limit_milli, memory_bytes, memory_limit_bytes, tasks, "
              "tasks_limit, kind, last_exit, walls_missing. What is not known or not limited is null, "
              "walls_missing an array of sentences. state "
              "is one of down, waiting, starting, ready, stopping, backing off, failed; kind is service or "
              "role. When the system is not running, -o json prints [] and the exit code is 3.",
     .options = ps_options, .examples = ps_examples, .exits = running_exits},
    {.name = "locks", .usage = "[LOCK...]", .run = at_verb_locks, .words_max = ANY_WORDS,
     .summary = "show who holds and who waits for locks",
     .about = "One row for each owner of a lock or semaphore of the running system, and behind it, in the order in "
              "which they will get it, for those that wait. In JSON the fields are: lock, state (held, shared or "
              "waits), instance, for_ns, permits, permits_max, token (null: it waits), owner_died (an owner did not "
              "give the lock back, and nobody has said yet that it is repaired). A lock that nobody uses has no row.",
     .options = no_options, .examples = locks_examples, .exits = running_exits},
    {.name = "logs", .usage = "[SERVICE|INSTANCE...]", .run = at_verb_logs, .words_max = ANY_WORDS, .words = AT_WORDS_SERVICES,
     .summary = "show what the services wrote, all instances merged",
     .about = "Shows stdout and stderr of the services in the order of time, also of those which no longer run: "
              "the files stay in .atoll/logs. Bytes that could upset a terminal are shown as \\xNN. In JSON the "
              "fields are: time, service, instance, stream, text, goes_on. A line that has not ended yet, or is "
              "longer than 8 KiB, comes in pieces: goes_on says that the next one continues it. -o json is an "
              "array, which with --follow would never end and is refused; -o jsonl is an object a line.",
     .options = logs_options, .examples = logs_examples, .exits = logs_exits},
    {.name = "status", .usage = "[SERVICE|INSTANCE]", .run = at_verb_status, .words_max = 1, .words = AT_WORDS_SERVICES,
     .summary = "show one service, or the system, on a page",
     .about = "For a service: its instances with state, process, uptime, restarts and why, memory, limits, and "
              "its last log lines. Without a name: the system, its processes, the walls that are missing. In JSON "
              "one object: system, project, state, since, anchor_pid, supervisor_pid, supervisors, "
              "walls_missing, and the arrays instances, edges and ends.",
     .options = status_options, .examples = status_examples, .exits = running_exits},
    {.name = "call", .usage = "[SERVICE.]METHOD [JSON...|@FILE|-]", .run = at_verb_call, .words_max = ANY_WORDS, .words = AT_WORDS_METHODS,
     .summary = "call a method with JSON requests",
     .about = "The method may be named shortly (stock.GetItem, or GetItem) when that is unique in the system; "
              "otherwise the full names are listed. The request is JSON, {} when left out; @FILE reads it from "
              "a file and - from stdin. The answer is JSON on stdout.\n\n"
              "A method whose client streams takes each JSON given as a request; @FILE, - or nothing: JSON lines, each "
              "sent as soon as it has been read. Where the service streams, replies are printed as they come, one a line; "
              "with -o json they are one array. Ctrl-C cancels.\n\n"
              "With -v, metadata that comes with the answer is shown on stderr: \"initial KEY: VALUE\" ahead of the "
              "replies and \"trailer KEY: VALUE\" behind them, bytes (keys that end in -bin) as base64.\n\n"
              "When the method fails, its status and "
              "reason go to stderr (with -o json as an object with error to stdout too, unless replies are there already) and the exit code is 64 "
              "plus the status. --timeout is the deadline of the "
              "call (the contract's (atoll.method).timeout, else 10s; of a stream: else none).",
     .options = call_options, .examples = call_examples, .exits = call_exits},
    {.name = "bench", .usage = "[SERVICE.]METHOD [JSON|@FILE|-]", .run = at_verb_bench, .words_min = 1, .words_max = 2,
     .words = AT_WORDS_METHODS, .summary = "load a method and show latency and CPU per call",
     .about = "Calls one method of the running system for a while, for every combination of the lists given, and "
              "prints a row for each: calls a second, latency from p50 to p99.9, and what a call cost here and in "
              "the service in CPU time. One process with one thread makes the load, so what it cannot make is not "
              "the service's fault: compare its CPU.\n\n"
              "A closed loop (--concurrency) begins a call when another has ended. An open loop (--rate) begins "
              "calls at times of its own and counts each one's latency from when it was due, so that a service "
              "that stalls is charged for all who would have waited.\n\n"
              "Calls take effect: choose a method that may be called thousands of times. --timeout is the deadline "
              "of each call (the contract's, else 10s).\n\n"
              "In JSON each row is an object: transport, service, loop, concurrency, rate, seed, request_bytes, "
              "took_ns, calls, failed, unsent (open loop: due, never sent), lost (without an end within their "
              "deadline), calls_per_second, statuses, latency_ns (min, mean, p50, p90, p99, p99_9, max), histogram "
              "(up_to_ns, count), and cpu_ns of the client and of every service that used any.",
     .options = bench_options, .examples = bench_examples, .exits = bench_exits},
    {.name = "config", .usage = "", .run = at_verb_config,
     .summary = "check the configuration and print what it comes to",
     .about = "Reads atoll.yaml and atoll.override.yaml, reports every mistake with its place, and prints the "
              "merged result with variables filled in. With mistakes, -o json prints them as an array of: code, "
              "severity, file, line, col, field, message, hint.",
     .options = config_options, .examples = config_examples},
    {.name = "proto", .usage = "check|diff|describe|decode|encode ...", .run = at_verb_proto, .words_min = 1, .words_max = ANY_WORDS,
     .words = AT_WORDS_PROTO, .summary = "check, compare and describe contracts; decode and encode messages",
     .about = "A PATH is a .proto file or a folder of them (protoc must be installed), a descriptor set in a file, a "
              "program made with protoc-gen-atoll, or an atoll.yaml with all its services. Without one it is the "
              "system of atoll.yaml.\n\n"
              "A file's imports are relative to --proto-path, or to the folder above the one that its package names.\n\n"
              "check [PATH...] finds what makes contracts hard to use or to change, by the rules that buf calls "
              "STANDARD. A comment before a declaration switches a rule off for it and all that is in it: "
              "// atoll:lint:ignore RULE. Programs carry no comments and no places, so name the .proto files where you "
              "have them. In JSON the fields are: rule, file, line, col, subject, message, why, "
              "advice.\n\n"
              "diff OLD [NEW] finds the changes that break peers (wire), JSON and REST clients (json) or programs "
              "built from the old contract (source). In JSON there are also: breaks, side (new, or old for what is "
              "gone).\n\n"
              "describe [NAME] [PATH...] shows a message, enum, service or method as a .proto writes it, with comments "
              "and options; without a name it lists what there is. A name is full, or its last parts when that is "
              "unique (CartItem).\n\n"
              "decode [TYPE [PATH...]] turns the bytes of a message from stdin into JSON, or with --text into the text "
              "format. Without a type the fields are shown by number, and lengths are taken for messages or texts by "
              "their looks.\n\n"
              "encode TYPE [PATH...] turns JSON, or with --text the text format, from stdin into bytes on stdout.",
     .options = proto_options, .examples = proto_examples, .exits = proto_exits, .add_man = at_proto_man},
    {.name = "openapi", .usage = "[SERVICE|PATH...]", .run = at_verb_openapi, .words_max = ANY_WORDS,
     .words = AT_WORDS_SERVICES, .summary = "print an OpenAPI 3.1 document of what the gateway serves",
     .about = "Describes the paths of google.api.http rules and POST /package.Service/Method, the messages as JSON "
              "Schemas, and the problem+json of failures, as the gateway serves them. A SERVICE is a name of "
              "atoll.yaml or of a contract; without one it is everything behind the gateway. A PATH is a .proto file "
              "or a folder (with a slash: ./proto), a descriptor set or a program, and the document is of the "
              "services in it.\n\n"
              "Comments of .proto files become descriptions; programs carry none. What the gateway does not serve "
              "or OpenAPI cannot say (methods that stream, verbs of its own) stands in x-atoll-left-out with the "
              "reason.",
     .options = openapi_options, .examples = openapi_examples, .exits = openapi_exits},
    {.name = "schema", .usage = "", .run = at_verb_schema,
     .summary = "print the JSON Schema of atoll.yaml",
     .about = "For editors that complete and check YAML by a schema.", .options = schema_options},
    {.name = "doctor", .usage = "", .run = at_verb_doctor,
     .summary = "show what this machine offers and which walls will stand",
     .about = "Looks at the kernel, the cgroups and the rights of this user without starting anything, and says "
              "for each wall whether it will stand, and what to do when not. In JSON the fields are: name, state "
              "(ok, missing or note), text, advice. The exit code is 0 also when walls are missing: to look was "
              "what it had to do.",
     .options = no_options, .examples = doctor_examples},
    {.name = "completion", .usage = "bash|zsh|fish", .run = at_verb_completion, .words_min = 1, .words_max = 1,
     .words = AT_WORDS_SHELLS, .summary = "print the completion script of a shell",
     .about = "", .options = no_options, .examples = completion_examples},
    {.name = "version", .usage = "", .run = at_verb_version, .summary = "print the version", .about = "",
     .options = no_options},
    {.name = "help", .usage = "[VERB]", .run = at_verb_help, .words_max = 1, .words = AT_WORDS_VERBS,
     .summary = "show help for atoll or for a verb", .about = "", .options = help_options},
    {.name = NULL},
};
// clang-format on

const struct at_cli_verb *at_cli_verbs(void)
{
    return verbs;
}

const struct at_cli_option *at_cli_global_options(void)
{
    return global_options;
}
