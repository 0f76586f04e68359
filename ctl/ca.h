/* The CA's key and certificates as init makes them or takes them in, and the TLS certificate that they sign. */
#ifndef BM_CTL_CA_H
#define BM_CTL_CA_H

#include "ctl/ctl.h"
#include "x509/ca.h"

/* Zero-initialise; end with bm_ctl_ca_fini. */
typedef struct {
    bm_pkey *key;
    bm_ca certificate; /* the issuing one */
    bm_buf chain;      /* PEM: the issuing one and those above it, as ca.crt has them */
} bm_ctl_ca;

/* Wipes and frees what it owns. */
void bm_ctl_ca_fini(bm_ctl_ca *ca);

/* Makes a key of --ca-key and a self-signed certificate of --name. BM_E_USAGE: no such type, no such name. */
BM_RESULT bm_ctl_ca_generate(const bm_ctl *ctl, bm_ctl_ca *ca);

/*
 * Takes in --ca-cert and --ca-key-file. The certificates must be CAs' that may sign, valid now, each signed by the next, and the first
 * one the key's. BM_E_MALFORMED: something is not so; BM_E_USAGE: options that do not go together; BM_E_IO; BM_E_KEY_INVALID: the key
 * is none, or is encrypted.
 */
BM_RESULT bm_ctl_ca_import(const bm_ctl *ctl, bm_ctl_ca *ca);

/* Reads a chain (PEM, or one certificate in DER) into `certificate` and `chain`; `name` is for messages. BM_E_MALFORMED. */
BM_RESULT bm_ctl_ca_read_chain(const char *name, bm_bytes bytes, bm_ctl_ca *ca);

/* A serial for a certificate of ours. */
BM_RESULT bm_ctl_ca_serial(uint8_t serial[BM_SERIAL_SIZE]);

#endif
