/* What the doctor is told. */
#ifndef BM_DEVICE_DOCTOR_OPTIONS_H
#define BM_DEVICE_DOCTOR_OPTIONS_H

#include "device/tpm/context.h"

/* All of it. The strings are the caller's, and stay as long as it looks. */
typedef struct {
    const char *state; /* the directory */
    const char *tcti;
    const char *auth[BM_TPM_HIERARCHIES]; /* where their values are: "file:...", "env:..."; or NULL */
    uint32_t handle;                      /* 0: that of the directory, or the default */
    const char *server;                   /* NULL: none is asked */
    const char *ca;                       /* the file that verifies the server; NULL: plain HTTP */
    const char *serial;                   /* NULL: one that nobody gets is asked for */
    const char *profile;                  /* "": the server's default */
    bool json;                            /* the findings as one object */
} bm_doctor_options;

#endif
