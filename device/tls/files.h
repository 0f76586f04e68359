/* The files of an identity that TLS needs, as they stand in the state directory at one moment. */
#ifndef BM_DEVICE_TLS_FILES_H
#define BM_DEVICE_TLS_FILES_H

#include "base/bytes.h"

#define BM_TLS_STAMP_SIZE 32

/* Certificate and chain, PEM; the key's handle; and what changes with the certificate. Zero-initialise; end with bm_tls_files_fini. */
typedef struct {
    bm_buf certificate;
    bm_buf chain;
    uint32_t handle; /* 0: the key is in device.key */
    uint8_t stamp[BM_TLS_STAMP_SIZE];
} bm_tls_files;

/* Wipes and frees. For BM_AUTO. */
void bm_tls_files_fini(bm_tls_files *files);

/* Reads those of one identity, also while a renewal replaces them one by one. BM_E_IO: there is none, or it cannot be read. */
BM_RESULT bm_tls_files_load(const char *state, bm_tls_files *files);

/* The stamp of the certificate that is there now. BM_E_IO. */
BM_RESULT bm_tls_files_stamp(const char *state, uint8_t stamp[BM_TLS_STAMP_SIZE]);

/* Appends the file of certificates that verify the other side, up to 2 MiB. BM_E_IO. */
BM_RESULT bm_tls_files_read_ca(const char *path, bm_buf *out);

#endif
