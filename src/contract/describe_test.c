#include "contract/describe.h"
#include "at_test.h"
TEST(x){}
TEST_MAIN("contract/describe")
