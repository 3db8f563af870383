"""Where a run was made: what a reader needs to compare it with another."""
import os


def first(path, prefix=""):
    """The first line that begins so, without that; "" when there is none."""
    try:
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.startswith(prefix):
                    return line[len(prefix):].strip(" \t\n:")
    except OSError:
        pass
    return ""


def siblings(cpu):
    return first(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") or "?"


def describe(cpus):
    """{what: value}, all strings or numbers."""
    return {
        "cpu": first("/proc/cpuinfo", "model name") or os.uname().machine,
        "cpus_used": cpus,
        "cpus": os.cpu_count(),
        "siblings": [siblings(cpu) for cpu in cpus],
        "governor": first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "none",
        "virtual": "hypervisor" in first("/proc/cpuinfo", "flags").split(),
        "memory_kib": int((first("/proc/meminfo", "MemTotal") or "0").split()[0]),
        "kernel": " ".join((os.uname().sysname, os.uname().release, os.uname().machine)),
        "debian": first("/etc/debian_version"),
        "load": os.getloadavg(),
    }


def sentence(about):
    kind = "a virtual machine" if about["virtual"] else "bare metal"
    return (f"{about['cpu']}, {about['cpus']} CPUs ({kind}; governor {about['governor']}), "
            f"{about['memory_kib'] / (1 << 20):.0f} GiB, {about['kernel']}, Debian "
            f"{about['debian']}; CPUs {' and '.join(str(c) for c in about['cpus_used'])} used, "
            f"siblings {' and '.join(about['siblings'])}, load {about['load'][0]:.1f}")
