/* What of the command line a command is told; the strings stay those of the command line. */
#ifndef BM_DEVICE_CLI_PARTS_H
#define BM_DEVICE_CLI_PARTS_H

#include "device/cli/options.h"
#include "device/doctor/doctor.h"
#include "device/exchange/renew.h"
#include "device/tunnel/tunnel.h"

/* For enroll, request and accept. */
bm_enrolment_options bm_parts_enrolment(const bm_options *options);

/* For renew. */
bm_renew_options bm_parts_renewal(const bm_options *options);

/* For doctor. */
bm_doctor_options bm_parts_doctor(const bm_options *options);

/* For tunnel. */
bm_tunnel_options bm_parts_tunnel(const bm_options *options);

#endif
