/*
 * The keys that the signer signs with: those that the state directory has, and had while the tunnel runs. What asks the signer talks to the
 * network; should somebody take it, he gets signatures of this identity and not of whatever else the TPM holds.
 */
#ifndef BM_DEVICE_TUNNEL_OURS_H
#define BM_DEVICE_TUNNEL_OURS_H

#include "base/bytes.h"
#include "device/tls/wish.h"

#define BM_TUNNEL_OURS_MAX 8

/* A key of the identity: its handle, and the SHA-256 of its SubjectPublicKeyInfo. */
typedef struct {
    uint32_t handle;
    uint8_t key[BM_SHA256_SIZE];
} bm_tunnel_ours_key;

/* Those that were seen, the newest last; zero-initialise. */
typedef struct {
    bm_tunnel_ours_key keys[BM_TUNNEL_OURS_MAX];
    size_t count;
} bm_tunnel_ours;

/* Remembers the key that the state directory has now. BM_E_IO: it has none that can be read. */
BM_RESULT bm_tunnel_ours_look(bm_tunnel_ours *ours, const char *state);

/* Is it a key of the identity, perhaps one that came just now? BM_E_TPM_HANDLE_TAKEN: it is not. */
BM_RESULT bm_tunnel_ours_check(bm_tunnel_ours *ours, const char *state, const bm_tls_wish *wish);

#endif
