/*
 * The floor: the operations that a provisioning cannot do without, each in the cheapest way that OpenSSL 3.0 and SQLite offer without
 * what is deprecated. What can be made once is made once, and not counted: contexts, fetched algorithms, the keys of the CA and the vendor.
 *
 * Nothing here is called by the programs, and nothing of the programs is called in what is counted: it is what they are compared with.
 */
#ifndef BM_TESTS_BENCH_FLOOR_H
#define BM_TESTS_BENCH_FLOOR_H

#include "../unit/make_device.h"

#include <openssl/ssl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program unless this holds: a floor that failed would look low. */
#define FLOOR_MUST(condition)                                                                                                    \
    do {                                                                                                                         \
        if (!(condition)) {                                                                                                      \
            (void)fprintf(stderr, "bench_floor: %s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                    \
            exit(1);                                                                                                             \
        }                                                                                                                        \
    } while (0)

#define FLOOR_TBS_MAX 4096
#define FLOOR_SIGNATURE_MAX 512
#define FLOOR_GROUP 64 /* rows of one commit */

/* SHA-256, fetched, and a context that is used again. */
typedef struct {
    EVP_MD *md;
    EVP_MD_CTX *ctx;
} floor_hash;

/* The numbers of a public key, and what makes a key of them again and again. */
typedef struct {
    EVP_PKEY_CTX *rsa; /* NULL: P-256 */
    unsigned char n[256];
    unsigned e;
    OSSL_PARAM params[3];
    EVP_PKEY *curve; /* whose parameters are copied: a third of what EVP_PKEY_fromdata costs */
    unsigned char point[65];
} floor_key;

/* What was signed, and how. */
typedef struct {
    unsigned char tbs[FLOOR_TBS_MAX];
    size_t tbs_size;
    unsigned char signature[FLOOR_SIGNATURE_MAX];
    size_t signature_size;
} floor_signed;

/* Both ends of a handshake in memory. The server's object is there while it shakes hands. */
typedef struct {
    SSL_CTX *server_ctx;
    SSL_CTX *client_ctx;
    BIO *to_server;
    BIO *to_client;
    SSL *server;
    SSL *client;
} floor_tls;

/* What makes credentials: see lib/tpm/credential.c. */
typedef struct {
    floor_key ek;
    EVP_PKEY_CTX *keygen; /* of ephemeral keys; NULL: RSA */
    EVP_MAC_CTX *hmac;
    EVP_CIPHER *aes;
    EVP_CIPHER_CTX *cfb;
    unsigned char name[34];
    unsigned char ticket[32];
} floor_credential;

/* A database with one table. */
typedef struct {
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *insert;
    sqlite3_stmt *commit;
    unsigned char row[2048];
    char directory[64];
} floor_row;

/* A pair of key types, and all that its operations need. */
typedef struct {
    floor_hash hash;
    floor_tls tls;
    floor_key ik;
    floor_signed csr;
    floor_signed ekc[2];     /* under a vendor's P-256 key, under an RSA-2048 key */
    EVP_PKEY_CTX *vendor[2]; /* to verify those */
    EVP_PKEY_CTX *ca;        /* to sign */
    floor_credential credential;
    EVP_MAC_CTX *ticket_hmac;
    make_device device;
    floor_row row;
} floor_pair;

/* Everything of a pair, ready to run; and its end. */
void floor_pair_init(floor_pair *pair, bm_ek_template_id ek, bm_key_type ik);
void floor_pair_fini(floor_pair *pair);

/* SHA-256 of some bytes. */
void floor_hash_of(const floor_hash *hash, const void *bytes, size_t size, unsigned char digest[32]);

/* How the key is made from now on; and one made, which the caller frees. */
void floor_key_init(floor_key *key, EVP_PKEY *of);
EVP_PKEY *floor_key_make(floor_key *key);
void floor_key_fini(floor_key *key);

/* Parts of a pair. */
void floor_tls_init(floor_tls *tls);
void floor_tls_fini(floor_tls *tls);
void floor_credential_init(floor_credential *credential, EVP_PKEY *ek);
void floor_credential_fini(floor_credential *credential);
void floor_row_init(floor_row *row);
void floor_row_fini(floor_row *row);

/*
 * The operations, once each. They are counted by their names (tools/instructions), so none may be inlined: the server's side of a
 * handshake (one of its two turns, true at the second; floor_tls_meet is the client's), the CSR's signature under a key made for it, the EK
 * certificate's signature, the credential, the certificate's signature, the ticket's HMAC and the hashes of the parameters for each of the
 * two calls, FLOOR_GROUP rows and their commit.
 */
bool floor_tls_serve(floor_tls *tls);
void floor_tls_meet(floor_tls *tls);
void floor_csr_verify(floor_pair *pair);
void floor_ekc_verify(floor_pair *pair);
void floor_ekc_verify_rsa(floor_pair *pair);
void floor_credential_make(floor_pair *pair);
void floor_certificate_sign(floor_pair *pair);
void floor_hash_all(floor_pair *pair);
void floor_row_write(floor_pair *pair);

#endif
