#include "x509/issue.h"

#include "x509/name.h"
#include "x509/walk.h"

/* The commonName of the subject, shown; empty when there is none. */
static BM_RESULT find_common_name(bm_bytes subject, char *out, size_t size)
{
    bm_name_walk walk;
    bool seen = false;

    out[0] = '\0';
    BM_TRY(bm_name_open(subject, &walk));
    for (;;) {
        bm_name_attribute attribute;
        bool found;

        BM_TRY(bm_name_next(&walk, &attribute, &found));
        if (!found)
            return bm_ok();
        if (!bm_bytes_equal(attribute.oid, bm_name_oid(BM_ATTR_CN)))
            continue;
        BM_CHECK(!seen, BM_E_MALFORMED, "a subject with two commonNames");
        BM_CHECK(attribute.value.size < size, BM_E_MALFORMED, "a commonName of more than 64 characters");
        bm_name_printable(attribute.value, out, size);
        seen = true;
    }
}

/* Every extension must be one; none is interpreted. */
static BM_RESULT check_extensions(bm_bytes extensions)
{
    bm_cursor at = bm_cursor_of(extensions);

    while (at.rest.size > 0) {
        bm_walk_ext ext;
        bool found;

        BM_TRY(bm_walk_extension(&at, &ext));
        BM_TRY(bm_walk_find(extensions, ext.oid, &ext, &found));
    }
    return bm_ok();
}

BM_RESULT bm_issue_parse(bm_bytes der, bm_issued *issued)
{
    bm_issued parsed = {0};
    bm_walk_cert cert;
    bm_cursor serial;

    BM_TRY(bm_walk_certificate(der, &cert));
    BM_CHECK(cert.fields.version == 3, BM_E_MALFORMED, "a certificate of another version than 3");
    BM_CHECK(bm_bytes_equal(cert.alg, cert.fields.alg), BM_E_MALFORMED, "a certificate with two signature algorithms");
    BM_CHECK(cert.signature.size > 0, BM_E_MALFORMED, "a certificate without a signature");
    BM_CHECK((cert.fields.serial.data[0] & 0x80) == 0, BM_E_MALFORMED, "a negative serial number");
    serial = bm_cursor_of(cert.fields.serial);
    parsed.serial = cert.fields.serial;
    if (serial.rest.size > 1 && serial.rest.data[0] == 0) {
        BM_CHECK((serial.rest.data[1] & 0x80) != 0, BM_E_MALFORMED, "a serial number with needless zeros");
        parsed.serial = bm_bytes_slice(parsed.serial, 1, parsed.serial.size - 1);
    }
    BM_TRY(bm_walk_validity(cert.fields.validity, &parsed.not_before, &parsed.not_after));
    BM_TRY(bm_pubkey_parse_spki(cert.fields.spki, &parsed.key));
    BM_TRY(bm_name_text(cert.fields.subject, parsed.subject, sizeof(parsed.subject)));
    BM_TRY(find_common_name(cert.fields.subject, parsed.common_name, sizeof(parsed.common_name)));
    BM_TRY(check_extensions(cert.fields.extensions));
    parsed.spki = cert.fields.spki;
    *issued = parsed;
    return bm_ok();
}
