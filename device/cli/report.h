/* What came of a command, on stdout: a line for a person, or with --json one object, also when it failed. */
#ifndef BM_DEVICE_CLI_REPORT_H
#define BM_DEVICE_CLI_REPORT_H

#include "device/cli/options.h"
#include "device/exchange/offline.h"
#include "device/talk/talk.h"

/* The end of an enrolment; without --json nothing with --quiet. BM_E_NO_MEMORY. */
BM_RESULT bm_report_enrolment(const bm_options *options, const bm_enroll_outcome *outcome, const bm_talk *talk);

/* The same for a renewal. BM_E_NO_MEMORY. */
BM_RESULT bm_report_renewal(const bm_options *options, const bm_enroll_outcome *outcome, const bm_talk *talk);

/* The end of request or accept: the same for an identity, or which file was written and what to do with it. BM_E_NO_MEMORY. */
BM_RESULT bm_report_offline(const bm_options *options, const bm_offline_outcome *outcome, const bm_talk *talk);

/* The object of a command that failed; `finding` is the doctor's that says more, or NULL. BM_E_NO_MEMORY. */
BM_RESULT bm_report_failure(bm_result failure, const char *finding, const bm_talk *talk);

#endif
