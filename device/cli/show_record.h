/* What show --json prints. */
#ifndef BM_DEVICE_CLI_SHOW_RECORD_H
#define BM_DEVICE_CLI_SHOW_RECORD_H

#include "device/cli/seen.h"
#include "device/talk/record.h"

/* Appends the object; birthmark(1) has its members. BM_E_NO_MEMORY, BM_E_INTERNAL. */
BM_RESULT bm_show_record_put(bm_record *record, const bm_options *options, const bm_seen *seen);

#endif
