/*
 * System calls and the entry point without a libc, for atoll-reaper alone. The result is the
 * kernel's: negative is -errno.
 */
#ifndef AT_SANDBOX_REAPER_SYSCALL_H
#define AT_SANDBOX_REAPER_SYSCALL_H

#if defined(__x86_64__)

static inline long call5(long nr, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

/* The kernel enters with the stack pointer at argc and no return address. */
__asm__(".globl _start\n"
        ".type _start, @function\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call at_reaper_main\n"
        "    hlt\n");

#elif defined(__aarch64__)

static inline long call5(long nr, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

__asm__(".globl _start\n"
        ".type _start, %function\n"
        "_start:\n"
        "    mov x29, #0\n"
        "    mov x0, sp\n"
        "    bl at_reaper_main\n"
        "    brk #0\n");

#else
#error "atoll-reaper knows x86-64 and aarch64 only"
#endif

#define call0(nr) call5((nr), 0, 0, 0, 0, 0)
#define call1(nr, a) call5((nr), (long)(a), 0, 0, 0, 0)
#define call2(nr, a, b) call5((nr), (long)(a), (long)(b), 0, 0, 0)
#define call3(nr, a, b, c) call5((nr), (long)(a), (long)(b), (long)(c), 0, 0)
#define call4(nr, a, b, c, d) call5((nr), (long)(a), (long)(b), (long)(c), (long)(d), 0)

#endif
