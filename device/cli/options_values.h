/*
 * The values of options that the tunnel or renew alone has: each is read strictly, and refused with BM_E_USAGE
 * and a detail that says what to write instead.
 */
#ifndef BM_DEVICE_CLI_OPTIONS_VALUES_H
#define BM_DEVICE_CLI_OPTIONS_VALUES_H

#include "base/bytes.h"

/* --mode: of a socket, octal, without execution. BM_E_USAGE. */
BM_RESULT bm_options_values_mode(const char *text, unsigned *mode);

/* --name: a DNS name or an IP address; `name` is `text` then. BM_E_USAGE. */
BM_RESULT bm_options_values_name(const char *text, const char **name);

/* --wait: a duration of up to a day, in seconds; it may be zero. BM_E_USAGE. */
BM_RESULT bm_options_values_wait(const char *text, int64_t *wait);

/* --idle: a duration above zero, in seconds. BM_E_USAGE. */
BM_RESULT bm_options_values_idle(const char *text, int64_t *idle);

#endif
