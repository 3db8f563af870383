/*
 * The world as a struct: time, randomness and files. Durable and policy code reaches them through
 * a struct at_env alone, so that the same code runs in a deterministic simulator with seeds.
 */
#ifndef AT_BASE_ENV_H
#define AT_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct at_env;

struct at_env_ops {
    uint64_t (*now_ns)(struct at_env *env);  /* CLOCK_MONOTONIC */
    uint64_t (*wall_ns)(struct at_env *env); /* since 1970, CLOCK_REALTIME */
    void (*random)(struct at_env *env, void *at, size_t len);
    int (*open)(struct at_env *env, int dir, const char *path, int flags, mode_t mode);
    ssize_t (*pread)(struct at_env *env, int file, void *at, size_t len, uint64_t offset);
    ssize_t (*pwrite)(struct at_env *env, int file, const void *at, size_t len, uint64_t offset);
    int (*sync)(struct at_env *env, int file); /* fdatasync */
    int (*rename)(struct at_env *env, int dir, const char *from, const char *to);
    int (*unlink)(struct at_env *env, int dir, const char *path);
    int (*close)(struct at_env *env, int file);
};

struct at_env {
    const struct at_env_ops *ops;
};

/* The real machine. Stateless; any thread. */
struct at_env *at_env_real(void);

static inline uint64_t at_env_now_ns(struct at_env *env)
{
    return env->ops->now_ns(env);
}

static inline uint64_t at_env_wall_ns(struct at_env *env)
{
    return env->ops->wall_ns(env);
}

/* A random 64-bit number. */
uint64_t at_env_random(struct at_env *env);

#endif
