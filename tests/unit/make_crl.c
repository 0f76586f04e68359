#include "make_crl.h"

#include "x509/issuer.h"

static void put_hex_element(bm_buf *out, uint8_t tag, const char *hex)
{
    BM_AUTO_BUF content = BM_BUF_EMPTY;

    make_hex(&content, hex);
    make_put(out, tag, bm_buf_view(&content));
}

static void put_time(bm_buf *out, int64_t time)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    char rfc3339[BM_TIME_TEXT_SIZE];

    bm_text_time(time, rfc3339);
    assert_ok(bm_buf_putf(&text, "%.2s%.2s%.2s%.2s%.2s%.2sZ", rfc3339 + 2, rfc3339 + 5, rfc3339 + 8, rfc3339 + 11, rfc3339 + 14,
                          rfc3339 + 17));
    make_put(out, 0x17, bm_buf_view(&text));
}

static void put_entries(bm_buf *out, const make_crl_options *options)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;

    for (size_t i = 0; i < options->count; i++) {
        BM_AUTO_BUF entry = BM_BUF_EMPTY;

        make_put(&entry, BM_DER_INTEGER, options->entries[i].serial);
        put_time(&entry, MAKE_FROM);
        if (options->entries[i].extensions != NULL)
            put_hex_element(&entry, BM_DER_SEQUENCE, options->entries[i].extensions);
        make_put(&all, BM_DER_SEQUENCE, bm_buf_view(&entry));
    }
    if (options->count > 0)
        make_put(out, BM_DER_SEQUENCE, bm_buf_view(&all));
}

static void put_extensions(bm_buf *out, const make_crl_options *options)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    BM_AUTO_BUF sequence = BM_BUF_EMPTY;

    if (options->number >= 0) {
        uint8_t number[] = {0x30, 0x0B, 0x06, 0x03, 0x55, 0x1D, 0x14, 0x04, 0x04, 0x02, 0x02, (uint8_t)(options->number >> 8),
                            (uint8_t)options->number};

        /* One octet below 256, so that the INTEGER is in its shortest form. */
        if (options->number < 128) {
            uint8_t small[] = {0x30, 0x0A, 0x06, 0x03, 0x55, 0x1D, 0x14, 0x04, 0x03, 0x02, 0x01, (uint8_t)options->number};

            assert_ok(bm_buf_put(&all, BM_BYTES_ARRAY(small)));
        } else {
            assert_ok(bm_buf_put(&all, BM_BYTES_ARRAY(number)));
        }
    }
    if (options->extensions != NULL)
        make_hex(&all, options->extensions);
    if (all.size == 0)
        return;
    make_put(&sequence, BM_DER_SEQUENCE, bm_buf_view(&all));
    make_put(out, BM_DER_CONTEXT(0), bm_buf_view(&sequence));
}

static void put_tbs(bm_buf *out, const make_crl_options *options, bm_sig_alg alg)
{
    BM_AUTO_BUF content = BM_BUF_EMPTY;
    unsigned char *name = NULL;
    int size = i2d_X509_NAME(X509_get_subject_name(options->issuer), &name);

    assert_true(size > 0);
    if (options->version == NULL || options->version[0] != 0)
        put_hex_element(&content, BM_DER_INTEGER, options->version == NULL ? "01" : options->version);
    if (options->algorithm != NULL)
        make_hex(&content, options->algorithm);
    else
        assert_ok(bm_pkey_put_sig_algorithm(&content, alg));
    assert_ok(bm_buf_put(&content, bm_bytes_of(name, (size_t)size)));
    OPENSSL_free(name);
    put_time(&content, options->this_update == 0 ? MAKE_FROM : options->this_update);
    if (options->next_update >= 0)
        put_time(&content, options->next_update == 0 ? MAKE_UNTIL : options->next_update);
    put_entries(&content, options);
    put_extensions(&content, options);
    make_put(out, BM_DER_SEQUENCE, bm_buf_view(&content));
}

void make_crl(const make_crl_options *options, bm_buf *der)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *signer = make_wrap(options->signer);
    bm_sig_alg alg = EVP_PKEY_is_a(options->signer, "RSA") ? BM_SIG_RSA_SHA256 : BM_SIG_ECDSA_SHA256;
    BM_AUTO_BUF content = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    put_tbs(&content, options, alg);
    assert_ok(bm_pkey_sign(signer, alg, bm_buf_view(&content), &signature));
    assert_ok(bm_pkey_put_sig_algorithm(&content, alg));
    assert_ok(bm_der_put_bits(&content, bm_buf_view(&signature)));
    make_put(der, BM_DER_SEQUENCE, bm_buf_view(&content));
}

bm_bytes make_serial(X509 *x509)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);

    assert_true(ASN1_STRING_get0_data(serial)[0] < 0x80);
    return bm_bytes_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
}

void make_ids(X509 *issuer, X509 *const *revoked, bm_buf *ids)
{
    uint8_t ca[BM_SHA256_SIZE];

    assert_ok(bm_issuer_id(issuer, ca));
    for (; *revoked != NULL; revoked++) {
        uint8_t id[BM_REVOKED_ID_SIZE];

        assert_ok(bm_revoked_id(ca, make_serial(*revoked), id));
        assert_ok(bm_buf_put(ids, BM_BYTES_ARRAY(id)));
    }
    bm_revoked_sort(ids);
}
