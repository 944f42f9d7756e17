/* The token buckets: what is let through, how long the wait is, and that memory is bounded. */
#include "ut_test.h"

#include <stdio.h>

#include "serve/limits.h"

static int taken(ut_limiter *l, const char *caller, double from, double to, double step)
{
    int n = 0;
    int wait;
    for (int i = 0; from + i * step < to; i++)
        n += ut_limiter_take(l, caller, from + i * step, &wait);
    return n;
}

static void a_minutes_worth_at_once_then_the_rate(void **state)
{
    (void)state;
    ut_limiter *l = ut_limiter_create(60);
    int wait;
    assert_int_equal(taken(l, "a", 100, 100.5, 0.001), 60);
    assert_false(ut_limiter_take(l, "a", 100.5, &wait));
    assert_int_equal(wait, 1);
    assert_in_range(taken(l, "a", 100.6, 200.6, 0.1), 99, 101);
    assert_int_equal(taken(l, "a", 10000, 10000.5, 0.001), 60); /* no more than a minute's */
    ut_limiter_destroy(l);
}

static void the_wait_is_as_told(void **state)
{
    (void)state;
    ut_limiter *l = ut_limiter_create(2);
    int wait;
    assert_int_equal(taken(l, "a", 0, 1, 0.1), 2);
    assert_false(ut_limiter_take(l, "a", 1, &wait));
    assert_int_equal(wait, 29);
    assert_false(ut_limiter_take(l, "a", 29.5, &wait));
    assert_int_equal(wait, 1);
    assert_true(ut_limiter_take(l, "a", 30.5, &wait));
    ut_limiter_destroy(l);
}

static void callers_do_not_share(void **state)
{
    (void)state;
    ut_limiter *l = ut_limiter_create(1);
    int wait;
    assert_true(ut_limiter_take(l, "a", 0, &wait));
    assert_false(ut_limiter_take(l, "a", 0, &wait));
    assert_true(ut_limiter_take(l, "b", 0, &wait));
    ut_limiter_destroy(l);
    l = ut_limiter_create(0);
    assert_int_equal(taken(l, "a", 0, 1, 0.001), 1000); /* no limit */
    ut_limiter_destroy(l);
}

/* More callers than are remembered: a busy one among them is not forgotten for it. */
static void many_callers(void **state)
{
    (void)state;
    ut_limiter *l = ut_limiter_create(2);
    int wait;
    int busy = 0;
    char name[32];
    for (int i = 0; i < 20 * UT_LIMITER_CALLERS; i++) {
        double now = 1e-4 * i;
        snprintf(name, sizeof name, "caller %d", i);
        assert_true(ut_limiter_take(l, name, now, &wait));
        busy += ut_limiter_take(l, "busy", now, &wait);
    }
    assert_int_equal(busy, 2);
    ut_limiter_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minutes_worth_at_once_then_the_rate),
        cmocka_unit_test(the_wait_is_as_told),
        cmocka_unit_test(callers_do_not_share),
        cmocka_unit_test(many_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
