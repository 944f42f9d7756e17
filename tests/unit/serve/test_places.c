/* Places that callers take and leave: bounded, and some left for those who have none. */
#include "ut_test.h"

#include "serve/places.h"

static void they_are_bounded_and_given_back(void **state)
{
    (void)state;
    ut_places *p = ut_places_create(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ut_places_take(p, "ann"), i);
    assert_int_equal(ut_places_take(p, "ann"), -1);
    assert_int_equal(ut_places_take(p, "bob"), -1);
    ut_places_leave(p, 1);
    ut_places_leave(p, -1);
    assert_int_equal(ut_places_taken(p), 2);
    assert_int_equal(ut_places_take(p, "bob"), 1);
    ut_places_destroy(p);
}

/* However many one caller wants, another still finds one. */
static void the_last_quarter_is_for_others(void **state)
{
    (void)state;
    ut_places *p = ut_places_create(17);
    int held = 0;
    while (ut_places_take(p, "ann") >= 0)
        held++;
    assert_int_equal(held, 13);
    assert_true(ut_places_take(p, "bob") >= 0);
    assert_int_equal(ut_places_take(p, "bob"), -1); /* has one */
    assert_true(ut_places_take(p, "a") >= 0);       /* no other's name, though it begins so */
    ut_places_leave(p, 0);
    ut_places_leave(p, 1);
    assert_int_equal(ut_places_take(p, "ann"), -1); /* four are left */
    ut_places_leave(p, 2);
    assert_true(ut_places_take(p, "ann") >= 0);
    ut_places_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_bounded_and_given_back),
        cmocka_unit_test(the_last_quarter_is_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
