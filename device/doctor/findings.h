/* What birthmark doctor finds: one finding a line, each with a name that stays the same, a verdict, and a sentence for a person. */
#ifndef BM_DEVICE_DOCTOR_FINDINGS_H
#define BM_DEVICE_DOCTOR_FINDINGS_H

#include "base/bytes.h"

typedef enum { BM_FINDING_OK = 0, BM_FINDING_WARNING, BM_FINDING_PROBLEM, BM_FINDING_VERDICTS } bm_finding_verdict;

/* What was said so far. */
typedef struct {
    bool json;
    unsigned count[BM_FINDING_VERDICTS];
} bm_findings;

/* Begins the list on stdout: lines for a person, or one JSON object. */
void bm_findings_begin(bm_findings *findings, bool json);

/* Says a finding, at once. What is in it that does not print is shown as '?'; a sentence is cut at 1023 bytes. */
void bm_findings_add(bm_findings *findings, bm_finding_verdict verdict, const char *name, const char *format, ...) BM_PRINTF(4, 5);

/*
 * Says a failure as a problem, with the sentence that enroll would say. Not what ends the program: BM_E_INTERRUPTED and BM_E_NO_MEMORY are
 * returned again.
 */
BM_RESULT bm_findings_add_failure(bm_findings *findings, const char *name, bm_result failure);

/* Ends the list, with the numbers of problems and warnings. */
void bm_findings_end(const bm_findings *findings);

/* The finding that says more about a failure of enroll; NULL when there is none. */
const char *bm_findings_name_for(bm_result failure);

#endif
