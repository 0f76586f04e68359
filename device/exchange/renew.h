/* birthmark renew: another certificate when the one that is there is due, from what the state directory says alone. */
#ifndef BM_DEVICE_EXCHANGE_RENEW_H
#define BM_DEVICE_EXCHANGE_RENEW_H

#include "device/exchange/enroll.h"

/* What it is told; the rest is in the directory. The strings are the caller's. */
typedef struct {
    const char *state;
    const char *tcti;
    const char *auth[BM_TPM_HIERARCHIES]; /* as in an enrolment's, here and below; NULL: as recorded */
    const char *key_auth;
    const char *server;
    const char *ca;
    bm_key_type key; /* BM_KEY_NONE: that of the present key */
    bool now;        /* although it is not due */
    bool new_key;    /* with another key */
    int64_t wait;    /* seconds, for a server that is away */
} bm_renew_options;

/*
 * Renews the identity when it is due (or with --now), waits for a server that is away, and removes from the TPM what an earlier renewal left. Whatever
 * it returns, and wherever it is ended, the identity in the directory is a whole one: the old or the new. Tells the thread's sink what happens. BM_E_NETWORK: the server was away for too long; BM_E_SERVER_REFUSED, BM_E_SERVER_REPLY, BM_E_TPM..., BM_E_IO, BM_E_USAGE.
 */
BM_RESULT bm_renew(const bm_renew_options *options, bm_enroll_outcome *outcome);

#endif
