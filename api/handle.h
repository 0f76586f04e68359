/* What stands behind the public handle. */
#ifndef BM_API_HANDLE_H
#define BM_API_HANDLE_H

#include "device/tls/key.h"
#include "device/tls/signer.h"
#include "include/birthmark.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/* A key of the identity that was handed out: whose signatures are made as wished. It stays until the handle ends, since an EVP_PKEY points at it. */
typedef struct bm_handle_key {
    birthmark *owner;
    bm_tls_wish wish; /* handle and key */
    bm_tls_key_hand hand;
    X509 *leaf;       /* a certificate for it */
    atomic_bool pss_is_odd; /* the TPM's RSA-PSS is none that TLS takes */
    struct bm_handle_key *next;
} bm_handle_key;

/* A handle. */
struct birthmark {
    char *state;
    char *tcti;
    char *auth_source;    /* of the key's value; NULL: it has none */
    bm_buf key_auth;      /* the value: secret; read when it is first needed */
    pid_t owner;          /* the process that made it */
    pthread_mutex_t lock; /* of the TPM, and of all that follows */
    bm_tls_signer signer;
    bm_tls_key_library library; /* opened when it is first needed */
    bm_handle_key *keys;
};

/* Is it a handle, and this process's? BM_E_USAGE. */
BM_RESULT bm_handle_check(const birthmark *identity);

/* Reads the key's value into the signer, once; the caller has the lock. BM_E_IO, BM_E_USAGE. */
BM_RESULT bm_handle_read_auth(birthmark *identity);

/* Forgets the value and closes the TPM: both may be others now. The caller has the lock. */
void bm_handle_forget_auth(birthmark *identity);

/* The program's threads take turns at the TPM. */
void bm_handle_lock(birthmark *identity);
void bm_handle_unlock(birthmark *identity);

#endif
