#include "x509/build.h"
#include "x509/ekc.h"
#include "x509/ekc_x509.h"
#include "x509/name.h"
#include "x509/walk.h"

static const uint8_t tpm_manufacturer[] = {0x67, 0x81, 0x05, 0x02, 0x01};
static const uint8_t tpm_model[] = {0x67, 0x81, 0x05, 0x02, 0x02};
static const uint8_t tpm_version[] = {0x67, 0x81, 0x05, 0x02, 0x03};

/* The first directoryName of the SubjectAltName, whole; empty when there is none. */
static BM_RESULT find_directory_name(bm_bytes extensions, bm_bytes *name)
{
    bm_walk_ext san;
    bm_cursor names;
    bm_cursor at;
    bool found;

    *name = bm_bytes_of(NULL, 0);
    BM_TRY(bm_walk_find(extensions, bm_build_oid_san, &san, &found));
    if (!found)
        return bm_ok();
    at = bm_cursor_of(san.value);
    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &names));
    while (names.rest.size > 0) {
        uint8_t tag;
        bm_bytes content;

        BM_TRY(bm_der_any(&names, &tag, &content, NULL));
        if (tag == BM_DER_CONTEXT(4)) {
            *name = content;
            return bm_ok();
        }
    }
    return bm_ok();
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "id:49424D00" is "IBM"; what has another form is shown as it is. */
static void decode_manufacturer(bm_bytes value, char *out, size_t size)
{
    bm_bytes digits = bm_bytes_slice(value, 3, 8);
    uint8_t vendor[4];
    size_t used = 0;

    bm_name_printable(value, out, size);
    if (value.size != 11 || !bm_bytes_equal(bm_bytes_slice(value, 0, 3), bm_bytes_str("id:")))
        return;
    for (size_t i = 0; i < sizeof(vendor); i++) {
        int high = hex_digit(digits.data[2 * i]);
        int low = hex_digit(digits.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return;
        vendor[i] = (uint8_t)(high << 4 | low);
        if (vendor[i] != 0x00 && vendor[i] != ' ')
            used = i + 1;
    }
    bm_name_printable(bm_bytes_of(vendor, used), out, size);
}

static BM_RESULT describe_tpm(bm_bytes name, bm_ekc_info *info)
{
    bm_name_walk walk;

    BM_TRY(bm_name_open(name, &walk));
    for (;;) {
        bm_name_attribute attribute;
        bool found;

        BM_TRY(bm_name_next(&walk, &attribute, &found));
        if (!found)
            return bm_ok();
        if (bm_bytes_equal(attribute.oid, BM_BYTES_ARRAY(tpm_manufacturer)))
            decode_manufacturer(attribute.value, info->manufacturer, sizeof(info->manufacturer));
        else if (bm_bytes_equal(attribute.oid, BM_BYTES_ARRAY(tpm_model)))
            bm_name_printable(attribute.value, info->model, sizeof(info->model));
        else if (bm_bytes_equal(attribute.oid, BM_BYTES_ARRAY(tpm_version)))
            bm_name_printable(attribute.value, info->version, sizeof(info->version));
    }
}

static BM_RESULT describe(const bm_ekc *ekc, bm_ekc_info *info)
{
    const bm_walk_fields *fields = &bm_ekc_walked(ekc)->fields;
    bm_bytes tpm;

    BM_TRY(bm_name_text(fields->subject, info->subject, sizeof(info->subject)));
    BM_TRY(bm_name_text(fields->issuer, info->issuer, sizeof(info->issuer)));
    BM_TRY(find_directory_name(fields->extensions, &tpm));
    if (tpm.size == 0)
        return bm_ok();
    BM_TRY(describe_tpm(tpm, info));
    if (info->subject[0] == '\0')
        BM_TRY(bm_name_text(tpm, info->subject, sizeof(info->subject)));
    return bm_ok();
}

BM_RESULT bm_ekc_describe(const bm_ekc *ekc, bm_ekc_info *info)
{
    bm_ekc_info found = {0};

    BM_TRY(bm_result_as(describe(ekc, &found), BM_E_EKC_MALFORMED));
    bm_ekc_validity(ekc, &found.not_before, &found.not_after);
    *info = found;
    return bm_ok();
}
