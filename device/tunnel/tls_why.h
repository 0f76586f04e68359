/* Why a TLS connection failed, in a sentence that says what to do. */
#ifndef BM_DEVICE_TUNNEL_TLS_WHY_H
#define BM_DEVICE_TUNNEL_TLS_WHY_H

#include "base/result.h"

#include <stdint.h>

#include <openssl/types.h>

#define BM_TUNNEL_WHY_SIZE 512

/* The sentence of a result; "" for BM_OK. */
void bm_tunnel_why_of_result(bm_result result, char why[BM_TUNNEL_WHY_SIZE]);

/*
 * The sentence of what OpenSSL has in its queue of errors. `name` is whom the server must be; `asked`: it wanted our certificate; `limited`: we take TLS 1.2
 * alone.
 */
void bm_tunnel_why_of_openssl(const SSL *ssl, int error, const char *name, bool asked, bool limited, char why[BM_TUNNEL_WHY_SIZE]);

#endif
