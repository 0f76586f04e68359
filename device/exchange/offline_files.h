/* Files that somebody carries: they lie where the person says, perhaps on a stick with an old file system. */
#ifndef BM_DEVICE_EXCHANGE_OFFLINE_FILES_H
#define BM_DEVICE_EXCHANGE_OFFLINE_FILES_H

#include "protocol/answers.h"

#define BM_OFFLINE_CAS_MAX 16

/* Writes a file beside its place, and puts it there whole. BM_E_IO. */
BM_RESULT bm_offline_files_write(const char *path, bm_bytes bytes);

/* Reads the CA certificates of a PEM file; others in it are passed over. BM_E_IO: it cannot be read, or has none. The caller ends each with bm_ca_fini. */
BM_RESULT bm_offline_files_read_cas(const char *path, bm_ca cas[BM_OFFLINE_CAS_MAX], size_t *count);

/* Reads a file of answers, and verifies it with the CAs of `ca_path` at `now`: what the reader looks for may be used then. BM_E_IO, BM_E_ANSWER_INVALID, BM_E_INTERRUPTED. */
BM_RESULT bm_offline_files_read_answers(const char *path, const char *ca_path, int64_t now, bm_answers_reader *reader);

#endif
