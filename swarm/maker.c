#include "swarm/maker.h"

#include "swarm/csr.h"
#include "swarm/ecc.h"
#include "swarm/rsa.h"

#include <stdio.h>
#include <stdlib.h>

struct bm_swarm_maker {
    bm_swarm_maker_options options;
    bm_swarm_ecc *curve; /* of the EK; NULL for RSA */
};

void bm_swarm_maker_free(bm_swarm_maker *maker)
{
    if (maker == NULL)
        return;
    bm_swarm_ecc_free(maker->curve);
    free(maker);
}

void bm_swarm_maker_freep(bm_swarm_maker **maker)
{
    bm_swarm_maker_free(*maker);
    *maker = NULL;
}

BM_RESULT bm_swarm_maker_new(const bm_swarm_maker_options *options, bm_swarm_maker **maker)
{
    BM_AUTO(bm_swarm_maker_freep) bm_swarm_maker *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->options = *options;
    if (!bm_pubkey_is_rsa(options->ek))
        BM_TRY(bm_swarm_ecc_new(options->ek, &made->curve));
    *maker = made;
    made = NULL;
    return bm_ok();
}

void bm_swarm_maker_serial(bm_bytes prefix, uint32_t number, char out[BM_IDENTITY_MAX + 1])
{
    (void)snprintf(out, BM_IDENTITY_MAX + 1, "%.*s-%07u", (int)prefix.size, (const char *)prefix.data, number);
}

BM_RESULT bm_swarm_maker_ek_choice(bm_key_type type, uint32_t number, bm_swarm_choice *choice)
{
    return bm_swarm_primes_choose(type, number, choice);
}

/* Identity keys are counted from the other end, so that none is an EK. */
static BM_RESULT ik_choice(bm_key_type type, uint32_t number, bm_swarm_choice *choice)
{
    return bm_swarm_primes_choose(type, bm_swarm_primes_choices(type) - 1 - number, choice);
}

/* The EK: its public half, and its secret where it has one. */
static BM_RESULT make_ek(bm_swarm_maker *maker, uint32_t number, bm_buf *secret, bm_pubkey *key)
{
    size_t size = bm_pubkey_field_size(maker->options.ek);
    bm_swarm_choice choice;
    uint8_t *at;

    if (maker->curve == NULL) {
        BM_TRY(bm_swarm_maker_ek_choice(maker->options.ek, number, &choice));
        return bm_swarm_primes_public(maker->options.primes, &choice, key);
    }
    BM_TRY(bm_buf_extend(secret, size, &at));
    return bm_swarm_ecc_make(maker->curve, at, size, key);
}

static BM_RESULT sign_with_pkey(void *context, bm_sig_alg alg, bm_bytes message, bm_buf *signature)
{
    return bm_pkey_sign(context, alg, message, signature);
}

typedef struct {
    bm_swarm_primes *primes;
    bm_swarm_choice choice;
} rsa_signer;

static BM_RESULT sign_with_primes(void *context, bm_sig_alg alg, bm_bytes message, bm_buf *signature)
{
    rsa_signer *signer = context;

    (void)alg;
    return bm_swarm_rsa_sign(signer->primes, &signer->choice, message, signature);
}

/* The CSR of a new identity key. Nothing but the CSR needs its private half, so it is not kept. */
static BM_RESULT make_csr(bm_swarm_maker *maker, uint32_t number, bm_buf *csr)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *pkey = NULL;
    rsa_signer signer = {.primes = maker->options.primes};
    char serial[BM_IDENTITY_MAX + 1];
    bm_pubkey key;

    bm_swarm_maker_serial(maker->options.prefix, number, serial);
    if (bm_pubkey_is_rsa(maker->options.ik)) {
        BM_TRY(ik_choice(maker->options.ik, number, &signer.choice));
        BM_TRY(bm_swarm_primes_public(maker->options.primes, &signer.choice, &key));
        return bm_swarm_csr_build(serial, &key, sign_with_primes, &signer, csr);
    }
    BM_TRY(bm_pkey_generate(maker->options.ik, &pkey));
    BM_TRY(bm_pkey_public(pkey, &key));
    return bm_swarm_csr_build(serial, &key, sign_with_pkey, pkey, csr);
}

BM_RESULT bm_swarm_maker_put(bm_swarm_maker *maker, uint32_t number, bm_buf *out)
{
    BM_AUTO_BUF secret = BM_BUF_EMPTY;
    BM_AUTO_BUF certificate = BM_BUF_EMPTY;
    BM_AUTO_BUF csr = BM_BUF_EMPTY;
    bm_swarm_record record = {.ek = maker->options.ek, .ik = maker->options.ik};
    bm_pubkey key;

    BM_TRY(make_ek(maker, number, &secret, &key));
    BM_TRY(bm_swarm_vendor_certify(maker->options.vendor, &key, number, &certificate));
    BM_TRY(make_csr(maker, number, &csr));
    record.secret = bm_buf_view(&secret);
    record.certificate = bm_buf_view(&certificate);
    record.csr = bm_buf_view(&csr);
    return bm_swarm_format_put_record(out, &record);
}
