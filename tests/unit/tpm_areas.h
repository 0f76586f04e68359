/* Public areas that a TPM made (swtpm 0.7.1 with libtpms 0.9.2, tpm2-tools 5.4), with the Names that it gave; and editing such bytes. */
#ifndef BM_TESTS_TPM_AREAS_H
#define BM_TESTS_TPM_AREAS_H

#include "vectors.h"

/* An identity key on P-256, scheme NULL. */
static const char area_ecc_ik[] = "00560023000b0004047200000010001000030010002044ba4a5aba0c7caff76c0cdf6a05255747eadce7249b28851a973c5d0348"
                                  "40ee0020e5027e3c6a8aec2e47d57ab6103e88091e1e1b98414a05b715a59f26188fa103";
static const char name_ecc_ik[] = "000b5c2d24e624392a67d6c389d804aed073889d143b7df8af43ad2c73322b30127f";

/* An identity key of RSA-2048, scheme RSASSA with SHA-256. */
static const char area_rsa_ik[] =
    "01180001000b00040472000000100014000b0800000000000100ed95be22cdb6983e59f66ee21690c325ce99176db2b874c126693a1cc8a563585e80c4d2fd75"
    "5155d8a0a342eb0413bd58bf960a1d52120cba78564cfded0509b75c639a4fe74e6c572ecb0004a2e26eea217771bae16cbe3a864f1631be63bd144f27d1711d"
    "533fd21f42c1d59240873756dd9b9ce3ce2e960417f6749b527f312f8eafa6216e0b5bb0ed80d77fbe756a369ff9b10459b40432b96c178b64819e2b773f4087"
    "7a1bc7d5ebeb5a8b3594e0c2c7afd941379ba0377db921a06373191e8e0f4a2334c4318ea4d491c76b0e51a026a936b115f1a0050a6a82875f0086cb5b79b8c8"
    "5a6afde1a8a5cf87b96f6a2422d32aacf14494fc8a036f5a2de3";
static const char name_rsa_ik[] = "000b5f8f11192b694c0f1e3ea7aab4bfbec00b8f9e51808f7adb4c6ab9cd0b75eab0";

/* An EK of template L-2. */
static const char area_l2_ek[] =
    "007a0023000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa0006008000430010000300100020922775d9da7d"
    "9b5b936e98091af00be1898157cc9ce40e0f449ed0e8d284f2cf0020f8afb39f8e9f1b22f4bf5a2172ca406fa1fb2c7f9deb70150df1806a4ab4ee4a";
static const char name_l2_ek[] = "000b2658a7eb363cde91868db49b281550d7693e871878d8b75f3a98f26c2876c831";

/* A TPM2B of the area with the bytes at `at` replaced; offsets count from the area's beginning (the type is at 0). */
static inline bm_buf area_with(const char *tpm2b, size_t at, const char *bytes)
{
    bm_buf out = vector(tpm2b);
    BM_AUTO_BUF replacement = vector(bytes);

    assert_true(2 + at + replacement.size <= out.size);
    for (size_t i = 0; i < replacement.size; i++)
        out.data[2 + at + i] = replacement.data[i];
    return out;
}

/* A TPM2B around these bytes. */
static inline bm_buf area_sized(bm_bytes area)
{
    bm_buf out = BM_BUF_EMPTY;

    assert_ok(bm_buf_put_sized16(&out, area));
    return out;
}

#endif
