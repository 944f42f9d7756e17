/* The Chroma back end. */
#include "base/error.h"
#include "store/internal.h"

ut_status ut_store_chroma_open(const char *url, ut_store_mode mode, ut_store_space space,
                               const ut_store_options *options, ut_store_opened *opened,
                               ut_error *err)
{
    (void)mode;
    (void)space;
    (void)options;
    (void)opened;
    return ut_fail(err, UT_ERR_UNSUPPORTED, "store",
                   "%s: Chroma is not built in yet; give the path of a file", url);
}
