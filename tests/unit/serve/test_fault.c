/* What a client is told of an error: its own mistakes in words, the service's without. */
#include "ut_test.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "serve/fault.h"

static const struct {
    ut_status status;
    const char *where;
    int http;
    const char *code;
} cases[] = {
    {UT_ERR_FORMAT, "audio", 422, "not_audio"},
    {UT_ERR_UNSUPPORTED, "audio", 415, "unsupported_audio"},
    {UT_ERR_FORMAT, "store", 500, "internal"}, /* damaged, but not by who asks */
    {UT_ERR_UNSUPPORTED, "weights", 500, "internal"},
    {UT_ERR_IO, "audio", 500, "internal"},
    {UT_ERR_LIMIT, "transcribe", 413, "too_long"},
    {UT_ERR_USAGE, "settings", 400, "bad_option"},
    {UT_ERR_MEMORY, "store", 503, "out_of_memory"},
};

static void errors_become_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ut_error err;
        ut_fault fault = {0};
        (void)ut_fail(&err, cases[i].status, cases[i].where, "there is /srv/calls.db");
        ut_fault_from(&fault, &err);
        assert_int_equal(fault.status, cases[i].http);
        assert_string_equal(fault.code, cases[i].code);
        bool internal = cases[i].http == 500;
        assert_int_equal(ut_fault_is_internal(&err), internal);
        assert_int_equal(strstr(fault.message, "/srv") == NULL, internal);
        assert_true(fault.hint[0]);
    }
}

static void the_first_counts(void **state)
{
    (void)state;
    ut_error err;
    ut_fault fault = {0};
    (void)ut_fail(&err, UT_ERR_FORMAT, "records", "damaged");
    ut_fault_set(&fault, 404, "not_found", "look elsewhere", "there is no\nsuch %s", "run");
    ut_fault_internal(&fault, &err);
    assert_int_equal(fault.status, 404);
    assert_null(strchr(fault.message, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_become_faults),
        cmocka_unit_test(the_first_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
