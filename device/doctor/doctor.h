/* birthmark doctor: looks at everything that an enrolment needs, and changes nothing. */
#ifndef BM_DEVICE_DOCTOR_H
#define BM_DEVICE_DOCTOR_H

#include "device/doctor/options.h"

/*
 * Prints what it finds on stdout; `problems` is how many of that were problems. In the TPM nothing is written: keys are made as transient ones and
 * flushed, no authorisation value is tried that was not given, and no failure is counted. The server is asked, when the options name one,
 * what it is asked by the first call of an enrolment. BM_E_INTERRUPTED, BM_E_NO_MEMORY; BM_E_IO and BM_E_USAGE: an authorisation value.
 */
BM_RESULT bm_doctor(const bm_doctor_options *options, unsigned *problems);

#endif
