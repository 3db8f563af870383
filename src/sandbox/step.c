/* The words for what went wrong between clone and exec; the child only knows numbers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/build.h"
#include "sandbox/record.h"
#include "sandbox/sandbox.h"

static const char *const texts[AT_STEPS] = {
    [AT_STEP_NONE] = "starting",
    [AT_STEP_CGROUP] = "joining its control groups",
    [AT_STEP_USER_MAP] = "mapping the user into its user namespace",
    [AT_STEP_SESSION] = "making a session of its own",
    [AT_STEP_LOOPBACK] = "raising the loopback interface of its network",
    [AT_STEP_HOSTNAME] = "setting its host name",
    [AT_STEP_NEW_ROOT] = "mounting the new root",
    [AT_STEP_ENTRY] = "placing something in the new root",
    [AT_STEP_PROC] = "mounting its own /proc",
    [AT_STEP_PIVOT] = "changing to the new root",
    [AT_STEP_RLIMIT] = "setting the resource limits",
    [AT_STEP_FDS] = "placing the descriptors",
    [AT_STEP_IDS] = "changing to the service's user",
    [AT_STEP_CAPS] = "giving up all capabilities",
    [AT_STEP_LANDLOCK] = "applying Landlock",
    [AT_STEP_WORKING_DIR] = "entering the working directory",
    [AT_STEP_SECCOMP] = "applying the system-call filter",
    [AT_STEP_REAPER] = "executing atoll-reaper",
    [AT_STEP_FORK] = "making the service process",
    [AT_STEP_ABOUT_TO_EXEC] = "executing the program",
    [AT_STEP_EXEC] = "executing the program",
};

const char *at_step_text(enum at_step step)
{
    return step < AT_STEPS && texts[step] != NULL ? texts[step] : "an unknown step";
}

/* What an errno of execve(2) means to the person who wrote `command`. */
static const struct {
    int error;
    const char *what;
    const char *hint;
} exec_errors[] = {
    {ENOENT, "the interpreter or loader that it names does not exist in the sandbox",
     "see its first line, or `readelf -l`; only /usr, /lib*, /bin and the project are there"},
    {ENOEXEC, "is neither a program (ELF) nor a script with a #! line",
     "a script needs a first line such as #!/bin/sh"},
    {EACCES, "the service's user may not execute it, or its file system is mounted noexec",
     "check the mode of the file and of its interpreter"},
    {ETXTBSY, "is being written to", "wait until the build has finished"},
    {E2BIG, "its arguments and environment are too large", ""},
    {ELIBBAD, "is damaged, or for another kind of processor", ""},
    {ENOMEM, "does not fit into its memory limit", "raise deploy.resources.limits.memory"},
    {EAGAIN, "its limit of processes is reached", "raise deploy.resources.limits.pids"},
};

static void say_exec_error(const struct at_cage *cage, int error, struct at_diag *d)
{
    for (size_t i = 0; i < sizeof(exec_errors) / sizeof(exec_errors[0]); i++) {
        if (exec_errors[i].error == error) {
            at_diag_set(d, "%s: %s: %s", cage->instance, cage->program, exec_errors[i].what);
            at_diag_hint(d, "%s", exec_errors[i].hint);
            return;
        }
    }
    at_diag_set(d, "%s: %s: cannot be executed: %s", cage->instance, cage->program,
                strerrordesc_np(error));
}

void at_step_diag(const struct at_cage *cage, const struct at_step_report *report,
                  struct at_diag *ret_diag)
{
    enum at_step step = report->step < AT_STEPS ? (enum at_step)report->step : AT_STEP_NONE;
    const char *reason = strerrordesc_np(report->error);

    if (reason == NULL) {
        reason = "unknown error";
    }
    if (step == AT_STEP_EXEC || (step == AT_STEP_REAPER && report->error == E2BIG)) {
        say_exec_error(cage, report->error, ret_diag);
        return;
    }
    if (step == AT_STEP_WORKING_DIR) {
        at_diag_set(ret_diag, "%s: working directory %s: %s", cage->instance, report->detail,
                    report->error == EACCES ? "the service's user may not enter it" : reason);
        if (report->error == EACCES) {
            at_diag_hint(ret_diag, "chmod a+rx %s (the service runs as uid %u)", report->detail,
                         (unsigned)cage->uid);
        } else {
            at_diag_hint(ret_diag, "inside are only the project directory, /usr, /state and /tmp");
        }
        return;
    }
    at_diag_set(ret_diag, "%s: its sandbox cannot be made: %s%s%s%s: %s", cage->instance,
                at_step_text(step), report->detail[0] == '\0' ? "" : " (", report->detail,
                report->detail[0] == '\0' ? "" : ")", reason);
}
