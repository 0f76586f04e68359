#include "swarm/csr.h"

#include "crypto/der.h"
#include "x509/name.h"

static BM_RESULT put_subject(bm_buf *out, const char *serial)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;

    BM_TRY(bm_name_put_rdn(&rdns, BM_ATTR_CN, bm_bytes_str(serial)));
    BM_TRY(bm_name_put_rdn(&rdns, BM_ATTR_SERIAL_NUMBER, bm_bytes_str(serial)));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&rdns));
}

/* CertificationRequestInfo (RFC 2986, 4.1) */
static BM_RESULT put_info(bm_buf *out, const char *serial, const bm_pubkey *key)
{
    static const uint8_t version[] = {BM_DER_INTEGER, 1, 0};
    static const uint8_t no_attributes[] = {BM_DER_CONTEXT(0), 0};
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put(&body, BM_BYTES_ARRAY(version)));
    BM_TRY(put_subject(&body, serial));
    BM_TRY(bm_pubkey_put_spki(&body, key));
    BM_TRY(bm_buf_put(&body, BM_BYTES_ARRAY(no_attributes)));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&body));
}

BM_RESULT bm_swarm_csr_build(const char *serial, const bm_pubkey *key, bm_swarm_csr_sign sign, void *context, bm_buf *der)
{
    bm_sig_alg alg = bm_pkey_default_sig(key->type);
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    BM_TRY(put_info(&body, serial, key));
    BM_TRY(sign(context, alg, bm_buf_view(&body), &signature));
    BM_TRY(bm_pkey_put_sig_algorithm(&body, alg));
    BM_TRY(bm_der_put_bits(&body, bm_buf_view(&signature)));
    return bm_der_put(der, BM_DER_SEQUENCE, bm_buf_view(&body));
}
