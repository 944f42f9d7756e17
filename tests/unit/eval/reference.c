#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/process.h"
#include "ut_test.h"

json_t *ut_ask_reference(const char *name, json_t *question)
{
    char path[] = "/tmp/undertone-metrics-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(ut_json_save(question, path, NULL), UT_OK);
    char script[512];
    snprintf(script, sizeof script, "%s/%s", ut_test_source("tests/unit/eval"), name);
    const char *argv[] = {"/usr/bin/python3", "-B", script, path, NULL};
    ut_process process;
    ut_error err;
    ut_buf out;
    ut_buf_init(&out, 0);
    int code = -1;
    if (ut_process_start(&process, argv, (ut_process_limits){0}, &err) == UT_OK) {
        char block[4096];
        size_t got = 1;
        while (got && ut_process_read(&process, block, sizeof block, &got, &err) == UT_OK)
            ut_buf_add(&out, block, got);
        ut_process_finish(&process, &code);
    }
    unlink(path);
    json_t *answer = NULL;
    if (code == 0)
        assert_int_equal(ut_json_parse(out.data, out.length, "sklearn", &answer, &err), UT_OK);
    else
        print_message("%s\n", process.last_error);
    ut_buf_free(&out);
    return answer;
}
