/*
 * bm_config_parse and _profile (protocol/config.h), bm_profile_parse_subject and _put_subject (x509/profile.h), bm_name_check_ours and _text
 * (x509/name.h): birthmark.conf, and the names that its profiles make.
 */
#include "fuzz.h"

#include "protocol/config.h"
#include "x509/name.h"

static void check_profile(const bm_config *config, const bm_profile *profile)
{
    static const uint8_t ek[BM_SHA256_SIZE] = {0xAB, 0xCD};
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    char text[256];

    FUZZ_MUST(bm_text_is_profile_name(bm_bytes_str(profile->name)) && bm_config_profile(config, profile->name) == profile);
    FUZZ_MUST(profile->subject_count > 0 && profile->subject_count <= BM_SUBJECT_ATTRIBUTES_MAX);
    FUZZ_MUST(profile->validity > 0 && profile->ticket_lifetime > 0);
    if (bm_profile_put_subject(&name, profile, "SN-1", ek).code != BM_OK)
        return;
    /* What a profile makes, the keeper signs. */
    FUZZ_OK(bm_name_check_ours(bm_buf_view(&name)));
    FUZZ_OK(bm_name_text(bm_buf_view(&name), text, sizeof(text)));
    FUZZ_MUST(fuzz_printable(text, sizeof(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_config config;
    bm_result result = bm_config_parse("fuzz.conf", bm_bytes_of(data, size), &config);

    if (result.code != BM_OK) {
        FUZZ_MUST(result.code == BM_E_CONFIG_INVALID && result.detail != NULL);
        return 0;
    }
    FUZZ_MUST(config.profile_count > 0 && config.profile_count <= BM_CONFIG_PROFILES_MAX);
    for (size_t i = 0; i < config.profile_count; i++)
        check_profile(&config, &config.profiles[i]);
    return 0;
}
