#include "x509/ekc_extensions.h"

#include "x509/build.h"
#include "x509/walk.h"

#define EXTENSIONS_MAX 64

static const uint8_t crl_points[] = {0x55, 0x1D, 0x1F};
/* 2.23.133.8.1, tcg-kp-EKCertificate (TCG EK Credential Profile v2.5, 3.2.16) */
static const uint8_t ek_purpose[] = {0x67, 0x81, 0x05, 0x08, 0x01};

/* What was read so far. */
typedef struct {
    bm_ekc_extensions found;
    bool has_basic;
    bool has_key_usage;
    bm_bytes oids[EXTENSIONS_MAX];
    size_t count;
} reading;

/* A value that is one SEQUENCE: `inner` reads its content. */
static BM_RESULT enter(bm_bytes value, bm_cursor *inner)
{
    bm_cursor at = bm_cursor_of(value);

    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, inner));
    return bm_cursor_end(&at);
}

/* SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL }: FALSE is in the field in full, against DER. */
static BM_RESULT read_basic(bm_bytes value, reading *to)
{
    bm_cursor inner;
    bm_bytes flag;
    bm_bytes length = bm_bytes_of(NULL, 0);

    BM_TRY(enter(value, &inner));
    to->has_basic = true;
    if (bm_der_peek(&inner, BM_DER_BOOLEAN)) {
        BM_TRY(bm_der_take(&inner, BM_DER_BOOLEAN, &flag));
        BM_CHECK(flag.size == 1 && (flag.data[0] == 0x00 || flag.data[0] == 0xFF), BM_E_MALFORMED,
                 "a CA flag that is neither true nor false");
        to->found.is_ca = flag.data[0] == 0xFF;
    }
    if (bm_der_peek(&inner, BM_DER_INTEGER))
        BM_TRY(bm_der_unsigned(&inner, &length));
    BM_CHECK(length.size == 0 || to->found.is_ca || (length.size == 1 && length.data[0] == 0), BM_E_MALFORMED,
             "a path length without being a CA");
    return bm_cursor_end(&inner);
}

/* BIT STRING; without a bit that is set it would say nothing (RFC 5280, 4.2.1.3). */
static BM_RESULT read_key_usage(bm_bytes value, reading *to)
{
    bm_cursor at = bm_cursor_of(value);
    uint8_t first, last;
    bm_bytes content;

    BM_TRY(bm_der_take(&at, BM_DER_BIT_STRING, &content));
    BM_TRY(bm_cursor_end(&at));
    BM_CHECK((content.size == 2 || content.size == 3) && content.data[0] <= 7, BM_E_MALFORMED, "a key usage that cannot be read");
    /* Bits that are said not to be used say nothing, though DER wants them zero. */
    last = (uint8_t)(content.data[content.size - 1] & (0xFFu << content.data[0]));
    first = content.size == 2 ? last : content.data[1];
    BM_CHECK((first | last) != 0, BM_E_MALFORMED, "a key usage of nothing");
    to->has_key_usage = true;
    to->found.key_usage = first;
    return bm_ok();
}

/* SEQUENCE OF OBJECT IDENTIFIER, of one at least. */
static BM_RESULT read_purposes(bm_bytes value, reading *to)
{
    bm_cursor inner;
    bm_bytes purpose;

    BM_TRY(enter(value, &inner));
    BM_CHECK(inner.rest.size > 0, BM_E_MALFORMED, "an extended key usage of nothing");
    while (inner.rest.size > 0) {
        BM_TRY(bm_der_take(&inner, BM_DER_OID, &purpose));
        BM_CHECK(purpose.size > 0 && purpose.data[purpose.size - 1] < 0x80, BM_E_MALFORMED, "an extended key usage that is cut short");
        to->found.has_ek_purpose = to->found.has_ek_purpose || bm_bytes_equal(purpose, BM_BYTES_ARRAY(ek_purpose));
    }
    return bm_ok();
}

/* SEQUENCE OF GeneralName, of one at least; what the names say is nobody's business here. */
static BM_RESULT read_names(bm_bytes value)
{
    bm_cursor inner;
    bm_bytes content;
    uint8_t tag;

    BM_TRY(enter(value, &inner));
    BM_CHECK(inner.rest.size > 0, BM_E_MALFORMED, "a subjectAltName of nothing");
    while (inner.rest.size > 0) {
        BM_TRY(bm_der_any(&inner, &tag, &content, NULL));
        BM_CHECK((tag & 0xC0) == 0x80 && (tag & 0x1F) <= 8, BM_E_MALFORMED, "a subjectAltName with something that is no name");
    }
    return bm_ok();
}

static BM_RESULT read_one(const bm_walk_ext *ext, reading *to)
{
    if (bm_bytes_equal(ext->oid, bm_build_oid_basic))
        return read_basic(ext->value, to);
    if (bm_bytes_equal(ext->oid, bm_build_oid_key_usage))
        return read_key_usage(ext->value, to);
    if (bm_bytes_equal(ext->oid, bm_build_oid_eku))
        return read_purposes(ext->value, to);
    if (bm_bytes_equal(ext->oid, bm_build_oid_san))
        return read_names(ext->value);
    if (bm_bytes_equal(ext->oid, bm_build_oid_aki)) {
        BM_CHECK(ext->value.size > 0, BM_E_MALFORMED, "an authorityKeyIdentifier of nothing");
        to->found.authority = ext->value;
        return bm_ok();
    }
    /* These bind nobody who does not ask for a policy and does not fetch a CRL that a certificate names. */
    if (!bm_bytes_equal(ext->oid, bm_build_oid_policies) && !bm_bytes_equal(ext->oid, BM_BYTES_ARRAY(crl_points)))
        to->found.unknown_critical = to->found.unknown_critical || ext->critical;
    return bm_ok();
}

BM_RESULT bm_ekc_extensions_read(bm_bytes content, bm_ekc_extensions *extensions)
{
    bm_cursor at = bm_cursor_of(content);
    reading to = {.count = 0};

    for (; at.rest.size > 0; to.count++) {
        bm_walk_ext ext;

        BM_CHECK(to.count < EXTENSIONS_MAX, BM_E_MALFORMED, "more than 64 extensions");
        BM_TRY(bm_walk_extension(&at, &ext));
        for (size_t i = 0; i < to.count; i++)
            BM_CHECK(!bm_bytes_equal(to.oids[i], ext.oid), BM_E_MALFORMED, "an extension twice");
        to.oids[to.count] = ext.oid;
        BM_TRY(read_one(&ext, &to));
    }
    if (!to.has_basic && to.has_key_usage)
        to.found.is_ca = (to.found.key_usage & BM_BUILD_KEY_CERT_SIGN) != 0;
    if (!to.has_key_usage)
        to.found.key_usage = 0xFF;
    *extensions = to.found;
    return bm_ok();
}
