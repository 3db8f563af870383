#include "common/catalogue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "at_test.h"

#define HEADING "itemId,name,category,price,stock,promotion\n"

static int read_text(const char *text, struct shop_catalogue *ret)
{
    char path[] = "/tmp/shop-catalogue-XXXXXX";
    int fd = mkstemp(path);
    int r;

    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), (int)strlen(text));
    (void)close(fd);
    *ret = (struct shop_catalogue){0};
    r = shop_catalogue_read(path, ret);
    (void)unlink(path);
    return r;
}

TEST(lines_become_goods_with_their_promotions)
{
    struct shop_catalogue c;

    CHECK_INT(read_text(HEADING
                        "1,Mug,kitchen,995,40,\n2,Towel,kitchen,450,9,3:1\n7,Pen,x,5,0,15%\n",
                        &c),
              0);
    CHECK_INT(c.count, 3);
    CHECK_STR(shop_catalogue_find(&c, 1)->name, "Mug");
    CHECK_INT(shop_catalogue_find(&c, 2)->buy, 3);
    CHECK_INT(shop_catalogue_find(&c, 7)->percent, 15);
    CHECK(shop_catalogue_find(&c, 3) == NULL);
    shop_catalogue_free(&c);
}

TEST(a_line_that_is_not_of_that_form_is_refused)
{
    static const char *const wrong[] = {
        "1,Mug,kitchen,995,40\n",
        "1,Mug,kitchen,995,40,,\n",
        "0,Mug,kitchen,995,40,\n",
        "1,,kitchen,995,40,\n",
        "1,Mug,kitchen,-1,40,\n",
        "1,Mug,kitchen,995,x,\n",
        "1,Mug,kitchen,2147483648,40,\n",
        "1,Mug,kitchen,995,40,0%\n",
        "1,Mug,kitchen,995,40,101%\n",
        "1,Mug,kitchen,995,40,2:2\n",
        "1,Mug,kitchen,995,40,%\n",
        "\n",
        "2,A,b,1,1,\n1,Descending,b,1,1,\n",
    };
    struct shop_catalogue c;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text), HEADING "%s", wrong[i]);
        CHECK_INT(read_text(text, &c), -EINVAL);
    }
}

TEST(a_file_that_is_not_there_is_told)
{
    struct shop_catalogue c;

    CHECK_INT(shop_catalogue_read("/does/not/exist", &c), -ENOENT);
}

TEST(a_discount_is_rounded_down_and_never_more_than_the_price)
{
    const struct shop_goods percent = {.price = 333, .percent = 10};
    const struct shop_goods whole = {.price = 2147483647, .percent = 100};
    const struct shop_goods some = {.price = 100, .buy = 3, .free = 1};
    const struct shop_goods none = {.price = 100};

    CHECK_INT(shop_discount(&percent, 1), 33);
    CHECK_INT(shop_discount(&some, 2), 0);
    CHECK_INT(shop_discount(&some, 8), 200);
    CHECK_INT(shop_discount(&none, 8), 0);
    CHECK(shop_discount(&whole, 2147483647) == 2147483647LL * 2147483647LL);
}

TEST_MAIN("shop/catalogue")
