/* The values of options: each is read strictly, and refused with BM_E_USAGE and a detail that says what to write instead. */
#ifndef BM_DEVICE_CLI_OPTIONS_VALUES_H
#define BM_DEVICE_CLI_OPTIONS_VALUES_H

#include "device/cli/options.h"

/* --handle: 0x and eight hexadecimal digits, among the owner's handles and not among those of EKs. BM_E_USAGE. */
BM_RESULT bm_options_values_handle(const char *text, uint32_t *handle);

/* --key: the name of a key type that we make. BM_E_USAGE. */
BM_RESULT bm_options_values_key(const char *text, bm_key_type *key);

/* --ek-sha256: 64 hexadecimal digits, into `has_ek` and `ek`. BM_E_USAGE. */
BM_RESULT bm_options_values_ek(const char *text, bm_options *options);

/* --mode: of a socket, octal, without execution. BM_E_USAGE. */
BM_RESULT bm_options_values_mode(const char *text, unsigned *mode);

/* --name: a DNS name or an IP address; `name` is `text` then. BM_E_USAGE. */
BM_RESULT bm_options_values_name(const char *text, const char **name);

/* --wait: a duration of up to a day, in seconds; it may be zero. BM_E_USAGE. */
BM_RESULT bm_options_values_wait(const char *text, int64_t *wait);

/* --idle: a duration above zero, in seconds. BM_E_USAGE. */
BM_RESULT bm_options_values_idle(const char *text, int64_t *idle);

/* --parent: owner or endorsement. BM_E_USAGE. */
BM_RESULT bm_options_values_parent(const char *text, bm_tpm_hierarchy *parent);

/* --persist: auto, always or never. BM_E_USAGE. */
BM_RESULT bm_options_values_persist(const char *text, bm_persist *persist);

/* --pcrs: a bank and its registers. BM_E_USAGE. */
BM_RESULT bm_options_values_pcrs(const char *text, bm_tpm_pcrs *pcrs);

#endif
