#include "api/failure.h"

#include "device/talk/exit.h"

#include <stdio.h>

static birthmark_code code_of(bm_result result)
{
    bm_exit_status status = bm_exit_status_of(result);

    /* A doctor's status, which no call here ends with. */
    return status == BM_EXIT_PROBLEM ? BIRTHMARK_INTERNAL : (birthmark_code)status;
}

birthmark_code bm_failure_give(bm_result result, birthmark_error *error)
{
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;
    birthmark_code code = code_of(result);

    if (error == NULL)
        return code;
    *error = (birthmark_error){.code = code};
    (void)snprintf(error->name, sizeof(error->name), "%s", bm_code_name(result.code));
    if (result.code == BM_OK)
        return code;
    if (bm_exit_put_sentence(&sentence, result).code == BM_OK)
        (void)snprintf(error->sentence, sizeof(error->sentence), "%.*s", (int)sentence.size, (const char *)sentence.data);
    else
        (void)snprintf(error->sentence, sizeof(error->sentence), "%s", bm_code_advice(result.code));
    return code;
}
