/* The bundled networks' files with each of their tensors gone, of another shape, of another type:
 * each is refused by an error that names the file and the tensor; so is a file that is cut short.
 */
#include "ut_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundled_readers.h"
#include "weights_edit.h"

/* The reader refuses what `copy` has become, and says so of `name`. */
static void refuses(const ut_bundled_reader *reader, const ut_weights_copy *copy, const char *name,
                    const char *what)
{
    ut_error err = {0};
    const char *path = ut_weights_copy_path(copy, 0);
    assert_non_null(path);
    ut_status status = reader->open(path, &err);
    if (status != UT_ERR_FORMAT)
        fail_msg("%s with %s %s: status %d", reader->file, name, what, status);
    if (!strstr(err.message, path) || !strstr(err.message, name))
        fail_msg("%s with %s %s: %s", reader->file, name, what, err.message);
}

static void each_tensor(void **state)
{
    (void)state;
    for (size_t r = 0; r < UT_BUNDLED_READERS; r++) {
        const ut_bundled_reader *reader = &ut_bundled_readers[r];
        const char *file = ut_test_source(reader->file);
        size_t tensors = 0;
        for (;; tensors++) {
            ut_weights_copy copy;
            char name[128];
            assert_true(ut_weights_copy_read(file, &copy));
            const char *found = ut_weights_copy_name(&copy, tensors);
            snprintf(name, sizeof name, "%s", found ? found : "");
            if (found) {
                json_t *whole = json_deep_copy(copy.header);
                json_object_del(copy.header, name);
                refuses(reader, &copy, name, "gone");
                json_decref(copy.header);
                copy.header = json_deep_copy(whole);
                assert_true(ut_weights_copy_reshape(&copy, name));
                refuses(reader, &copy, name, "of another shape");
                json_decref(copy.header);
                copy.header = whole;
                assert_true(ut_weights_copy_retype(&copy, name));
                refuses(reader, &copy, name, "of another type");
            }
            ut_weights_copy_free(&copy);
            if (!found)
                break;
        }
        assert_true(tensors >= 5);
    }
}

static void cut_files(void **state)
{
    (void)state;
    for (size_t r = 0; r < UT_BUNDLED_READERS; r++) {
        const ut_bundled_reader *reader = &ut_bundled_readers[r];
        ut_weights_copy copy;
        assert_true(ut_weights_copy_read(ut_test_source(reader->file), &copy));
        const char *path = ut_weights_copy_path(&copy, 0);
        ut_error err = {0};
        if (reader->open(path, &err) != UT_OK)
            fail_msg("%s, whole: %s", reader->file, err.message);
        for (int cut = 0; cut < 4; cut++) {
            const size_t lengths[] = {1, copy.length / 2, copy.length + 40, SIZE_MAX};
            path = ut_weights_copy_path(&copy, lengths[cut]);
            assert_non_null(path);
            assert_int_not_equal(reader->open(path, &err), UT_OK);
            assert_non_null(strstr(err.message, path));
        }
        ut_weights_copy_free(&copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tensor),
        cmocka_unit_test(cut_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
