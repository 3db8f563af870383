#include "common/catalogue.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_number(const char *text, char **ret_end, int32_t *ret)
{
    long value;

    errno = 0;
    value = strtol(text, ret_end, 10);
    if (errno != 0 || *ret_end == text || value < 0 || value > INT32_MAX) {
        return false;
    }
    *ret = (int32_t)value;
    return true;
}

static bool whole_number(const char *text, int32_t *ret)
{
    char *end;

    return text != NULL && read_number(text, &end, ret) && *end == '\0';
}

static bool read_promotion(const char *text, struct shop_goods *g)
{
    char *end;
    int32_t first;

    if (text == NULL) {
        return false;
    }
    if (*text == '\0') {
        return true;
    }
    if (!read_number(text, &end, &first)) {
        return false;
    }
    if (end[0] == '%' && end[1] == '\0' && first > 0 && first <= 100) {
        g->percent = first;
        return true;
    }
    if (*end == ':' && whole_number(end + 1, &g->free) && g->free > 0 && first > g->free) {
        g->buy = first;
        return true;
    }
    return false;
}

static bool copy_name(const char *text, char ret[SHOP_NAME_SIZE])
{
    return text != NULL && *text != '\0' &&
           (size_t)snprintf(ret, SHOP_NAME_SIZE, "%s", text) < SHOP_NAME_SIZE;
}

static bool read_line(char *line, struct shop_goods *ret)
{
    char *field[6] = {NULL};

    *ret = (struct shop_goods){0};
    line[strcspn(line, "\r\n")] = '\0';
    for (size_t i = 0; i < 6; i++) {
        field[i] = strsep(&line, ",");
    }
    return line == NULL && whole_number(field[0], &ret->item_id) && ret->item_id > 0 &&
           copy_name(field[1], ret->name) && copy_name(field[2], ret->category) &&
           whole_number(field[3], &ret->price) && whole_number(field[4], &ret->stock) &&
           read_promotion(field[5], ret);
}

static int add(struct shop_catalogue *c, const struct shop_goods *g)
{
    if (c->count >= SHOP_CATALOGUE_MAX ||
        (c->count > 0 && c->goods[c->count - 1].item_id >= g->item_id)) {
        return -EINVAL;
    }
    if ((c->count & (c->count - 1)) == 0) {
        size_t room = c->count == 0 ? 1 : c->count * 2;
        struct shop_goods *more = realloc(c->goods, room * sizeof(*more));

        if (more == NULL) {
            return -ENOMEM;
        }
        c->goods = more;
    }
    c->goods[c->count++] = *g;
    return 0;
}

static int read_lines(FILE *file, const char *path, struct shop_catalogue *c)
{
    char line[512];
    struct shop_goods g;
    int r = 0;

    for (unsigned number = 1; r == 0 && fgets(line, sizeof(line), file) != NULL; number++) {
        if (number == 1) {
            continue;
        }
        r = read_line(line, &g) ? add(c, &g) : -EINVAL;
        if (r == -EINVAL) {
            (void)fprintf(stderr,
                          "level=error file=%s line=%u result=\"not "
                          "itemId,name,category,price,stock,promotion with rising itemId\"\n",
                          path, number);
        }
    }
    return r != 0 || !ferror(file) ? r : -EIO;
}

int shop_catalogue_read(const char *path, struct shop_catalogue *ret)
{
    struct shop_catalogue c = {0};
    FILE *file = fopen(path, "re");
    int r;

    if (file == NULL) {
        r = -errno;
        (void)fprintf(stderr, "level=error file=%s result=\"%s\"\n", path, strerror(-r));
        return r;
    }
    r = read_lines(file, path, &c);
    (void)fclose(file);
    if (r != 0) {
        shop_catalogue_free(&c);
        return r;
    }
    *ret = c;
    return 0;
}

void shop_catalogue_free(struct shop_catalogue *c)
{
    free(c->goods);
    *c = (struct shop_catalogue){0};
}

static int by_id(const void *key, const void *member)
{
    const struct shop_goods *g = member;
    int32_t id = *(const int32_t *)key;

    return (id > g->item_id) - (id < g->item_id);
}

const struct shop_goods *shop_catalogue_find(const struct shop_catalogue *c, int32_t item_id)
{
    return c->count == 0 ? NULL : bsearch(&item_id, c->goods, c->count, sizeof(*c->goods), by_id);
}

int64_t shop_discount(const struct shop_goods *g, int32_t quantity)
{
    int64_t full = (int64_t)g->price * quantity;

    if (g->percent > 0) {
        return full / 100 * g->percent + full % 100 * g->percent / 100; /* cannot overflow */
    }
    if (g->free > 0) {
        return (int64_t)g->price * (quantity / g->buy) * g->free;
    }
    return 0;
}
