/* Making a region, and judging a stranger's. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "shm/channel.h"
#include "shm/limits.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL };

static const char *const rule_texts[AT_RULE_LAST] = {
    [AT_RULE_NONE] = "it broke no rule",
    [AT_RULE_SEALS] = "its region lacks a seal",
    [AT_RULE_SIZE] = "its region has not the agreed size",
    [AT_RULE_HEAD] = "its region's head is wrong",
    [AT_RULE_TAIL_RANGE] = "its tail left the ring",
    [AT_RULE_TAIL_ALIGN] = "its tail is not a multiple of 64",
    [AT_RULE_RECORD_LEN] = "a record is longer than the limit",
    [AT_RULE_RECORD_FITS] = "a record reaches behind its tail",
    [AT_RULE_TAKEN_RANGE] = "it says that it consumed what was never written",
    [AT_RULE_KIND] = "a record of a kind that it may not send",
    [AT_RULE_CALL_ID] = "a record for a call that is not in flight",
    [AT_RULE_MESSAGE] = "lengths of a message contradict each other",
    [AT_RULE_MESSAGE_SIZE] = "a message is larger than the limit",
    [AT_RULE_ATTACH] = "its attach message is wrong",
    [AT_RULE_BELL] = "it rings again and again without having written anything",
    [AT_RULE_STREAM] = "it streams where its peer's table says call, or the reverse",
    [AT_RULE_CLOSED] = "it sends in a stream whose end it has said",
    [AT_RULE_CREDIT] = "it sends more than it has credit for",
    [AT_RULE_WINDOW] = "it gives credit of nothing, or beyond all bounds",
    [AT_RULE_CHUNK] = "it uses memory beside the ring that it has not handed over",
};

const char *at_channel_rule_text(enum at_channel_rule rule)
{
    return (unsigned)rule < AT_RULE_LAST ? rule_texts[rule] : "it broke a rule";
}

static bool is_ring_size(uint32_t bytes)
{
    return bytes >= AT_RING_BYTES_MIN && bytes <= AT_RING_BYTES_MAX && (bytes & (bytes - 1)) == 0;
}

int at_region_create(uint32_t ring_bytes, uint64_t epoch, uint32_t layout, struct at_region **ret,
                     int *ret_fd)
{
    size_t size = sizeof(struct at_region) + ring_bytes;
    at_auto_close
    int fd = -1;
    struct at_region *region;

    if (!is_ring_size(ring_bytes)) {
        return -EINVAL;
    }
    fd = memfd_create("atoll-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    /* fallocate charges the memory to us, now: later there is no SIGBUS for want of it. */
    if (ftruncate(fd, (off_t)size) < 0 || fallocate(fd, 0, 0, (off_t)size) < 0) {
        return -errno;
    }
    region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (region == MAP_FAILED) {
        return -errno;
    }
    region->head = (struct at_region_head){.magic = AT_REGION_MAGIC,
                                           .layout_version = (uint16_t)layout,
                                           .header_bytes = sizeof(struct at_record),
                                           .region_bytes = (uint32_t)size,
                                           .ring_offset = sizeof(struct at_region),
                                           .ring_bytes = ring_bytes,
                                           .epoch = epoch};
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        int r = -errno;

        (void)munmap(region, size);
        return r;
    }
    *ret = region;
    *ret_fd = at_take_fd(&fd);
    return 0;
}

static enum at_channel_rule judge_head(const struct at_region_head *h, uint32_t region_bytes,
                                       uint64_t epoch, uint32_t layout)
{
    bool good = h->magic == AT_REGION_MAGIC && h->layout_version == layout &&
                h->header_bytes == sizeof(struct at_record) && h->region_bytes == region_bytes &&
                h->ring_offset == sizeof(struct at_region) && is_ring_size(h->ring_bytes) &&
                h->ring_bytes == region_bytes - sizeof(struct at_region) && h->epoch == epoch;

    return good ? AT_RULE_NONE : AT_RULE_HEAD;
}

static enum at_channel_rule judge_file(int fd, uint32_t region_bytes)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & SEALS) != SEALS) {
        return AT_RULE_SEALS;
    }
    if (region_bytes <= sizeof(struct at_region) ||
        !is_ring_size(region_bytes - (uint32_t)sizeof(struct at_region)) || fstat(fd, &st) < 0 ||
        st.st_size != (off_t)region_bytes || st.st_blocks * 512 < (blkcnt_t)region_bytes) {
        return AT_RULE_SIZE;
    }
    return AT_RULE_NONE;
}

int at_region_accept(int fd, uint32_t region_bytes, uint64_t epoch, uint32_t layout,
                     const struct at_region **ret, enum at_channel_rule *ret_rule)
{
    enum at_channel_rule rule = judge_file(fd, region_bytes);
    struct at_region_head head;
    void *at;

    if (rule != AT_RULE_NONE) {
        *ret_rule = rule;
        return AT_CHANNEL_BROKEN;
    }
    at = mmap(NULL, region_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) {
        return -errno;
    }
    memcpy(&head, at, sizeof(head));
    atomic_signal_fence(memory_order_seq_cst); /* judge the copy, never the peer's memory */
    rule = judge_head(&head, region_bytes, epoch, layout);
    if (rule != AT_RULE_NONE) {
        (void)munmap(at, region_bytes);
        *ret_rule = rule;
        return AT_CHANNEL_BROKEN;
    }
    *ret = at;
    return 0;
}

void at_region_release(const struct at_region *region, uint32_t region_bytes)
{
    if (region != NULL) {
        (void)munmap((void *)(uintptr_t)region, region_bytes);
    }
}
