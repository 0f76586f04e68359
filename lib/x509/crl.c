#include "x509/crl.h"

#include "x509/name.h"
#include "x509/walk.h"

#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18
#define TAG_ENUMERATED 0x0A
#define TAG_INDIRECT 0x84         /* issuingDistributionPoint: indirectCRL [4] IMPLICIT BOOLEAN */
#define TAG_ONLY_ATTRIBUTES 0x85  /* onlyContainsAttributeCerts [5] IMPLICIT BOOLEAN */
#define REASON_REMOVE_FROM_CRL 8
#define EXTENSIONS_MAX 64

/* id-ce (2.5.29) and one number more. */
#define ID_CE_SIZE 3
enum {
    CE_CRL_NUMBER = 20,
    CE_REASON_CODE = 21,
    CE_INSTRUCTION_CODE = 23,
    CE_INVALIDITY_DATE = 24,
    CE_DELTA_CRL = 27,
    CE_ISSUING_DISTRIBUTION_POINT = 28,
    CE_CERTIFICATE_ISSUER = 29,
    CE_AUTHORITY_KEY = 35,
};

/* The number behind 2.5.29 of an extension; 0 for all others. */
static uint8_t ce_number(bm_bytes oid)
{
    static const uint8_t id_ce[] = {0x55, 0x1D};

    return oid.size == ID_CE_SIZE && bm_bytes_equal(bm_bytes_slice(oid, 0, 2), BM_BYTES_ARRAY(id_ce)) ? oid.data[2] : 0;
}

static bool at_time(const bm_cursor *at)
{
    return bm_der_peek(at, TAG_UTC_TIME) || bm_der_peek(at, TAG_GENERALIZED_TIME);
}

static BM_RESULT take_number(bm_bytes value, bm_bytes *number)
{
    bm_cursor at = bm_cursor_of(value);

    BM_CHECK(number->size == 0, BM_E_MALFORMED, "it has two CRL numbers");
    BM_TRY(bm_der_unsigned(&at, number));
    BM_CHECK(number->size <= BM_CRL_NUMBER_MAX, BM_E_MALFORMED, "its CRL number is longer than 20 bytes");
    return bm_cursor_end(&at);
}

/* The issuing distribution point says which part of the issuer's certificates it is about; what it lists is revoked in any case. */
static BM_RESULT take_scope(bm_bytes value, bm_bytes *scope)
{
    bm_cursor at = bm_cursor_of(value);
    bm_cursor inner;

    BM_CHECK(scope->size == 0, BM_E_MALFORMED, "it has two issuing distribution points");
    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_cursor_end(&at));
    while (inner.rest.size > 0) {
        uint8_t tag;
        bm_bytes content;
        bool yes;

        BM_TRY(bm_der_any(&inner, &tag, &content, NULL));
        yes = content.size != 1 || content.data[0] != 0;
        BM_CHECK(tag != TAG_INDIRECT || !yes, BM_E_MALFORMED,
                 "it is an indirect CRL (it may revoke certificates of other CAs): load each CA's own CRL");
        BM_CHECK(tag != TAG_ONLY_ATTRIBUTES || !yes, BM_E_MALFORMED,
                 "it is about attribute certificates alone, and EK certificates are none: load the CRL of the CA's certificates");
    }
    *scope = value;
    return bm_ok();
}

static BM_RESULT take_extension(const bm_walk_ext *ext, bm_crl *crl)
{
    switch (ce_number(ext->oid)) {
    case CE_CRL_NUMBER: return take_number(ext->value, &crl->number);
    case CE_ISSUING_DISTRIBUTION_POINT: return take_scope(ext->value, &crl->scope);
    case CE_DELTA_CRL:
        return bm_fail(BM_E_MALFORMED, "it is a delta CRL (only what changed since another): load the complete one");
    case CE_AUTHORITY_KEY: return bm_ok();
    default: break;
    }
    BM_CHECK(!ext->critical, BM_E_MALFORMED, "it has a critical extension that is not known, and must not be used (RFC 5280, 5.2)");
    return bm_ok();
}

static BM_RESULT take_extensions(bm_cursor *tbs, bm_crl *crl)
{
    bm_cursor explicit_tag;
    bm_cursor at;

    if (!bm_der_peek(tbs, BM_DER_CONTEXT(0)))
        return bm_ok();
    BM_TRY(bm_der_enter(tbs, BM_DER_CONTEXT(0), &explicit_tag));
    BM_TRY(bm_der_enter(&explicit_tag, BM_DER_SEQUENCE, &at));
    BM_TRY(bm_cursor_end(&explicit_tag));
    for (size_t count = 0; at.rest.size > 0; count++) {
        bm_walk_ext ext;

        BM_CHECK(count < EXTENSIONS_MAX, BM_E_MALFORMED, "it has more than 64 extensions");
        BM_TRY(bm_walk_extension(&at, &ext));
        BM_TRY(take_extension(&ext, crl));
    }
    return bm_ok();
}

/* CRLReason (RFC 5280, 5.3.1) */
static BM_RESULT take_reason(bm_bytes value, bool *revokes)
{
    bm_cursor at = bm_cursor_of(value);
    bm_bytes reason;

    BM_TRY(bm_der_take(&at, TAG_ENUMERATED, &reason));
    BM_TRY(bm_cursor_end(&at));
    BM_CHECK(reason.size == 1, BM_E_MALFORMED, "an entry has a reason that is none");
    *revokes = reason.data[0] != REASON_REMOVE_FROM_CRL;
    return bm_ok();
}

static BM_RESULT take_entry_extensions(bm_cursor *entry, bool *revokes)
{
    bm_cursor at;

    BM_TRY(bm_der_enter(entry, BM_DER_SEQUENCE, &at));
    while (at.rest.size > 0) {
        bm_walk_ext ext;
        uint8_t number;

        BM_TRY(bm_walk_extension(&at, &ext));
        number = ce_number(ext.oid);
        BM_CHECK(number != CE_CERTIFICATE_ISSUER, BM_E_MALFORMED,
                 "an entry is about another CA's certificate: it is an indirect CRL; load each CA's own CRL");
        if (number == CE_REASON_CODE)
            BM_TRY(take_reason(ext.value, revokes));
        BM_CHECK(!ext.critical || number == CE_REASON_CODE || number == CE_INSTRUCTION_CODE || number == CE_INVALIDITY_DATE, BM_E_MALFORMED,
                 "an entry has a critical extension that is not known, so that the list must not be used (RFC 5280, 5.3)");
    }
    return bm_ok();
}

static BM_RESULT take_entry(bm_cursor *entries, bm_bytes *serial, bool *revokes)
{
    bm_cursor entry;
    int64_t date;

    *revokes = true;
    BM_TRY(bm_der_enter(entries, BM_DER_SEQUENCE, &entry));
    BM_TRY(bm_der_take(&entry, BM_DER_INTEGER, serial));
    BM_CHECK(serial->size > 0, BM_E_MALFORMED, "an entry has an empty serial number");
    BM_TRY(bm_walk_time(&entry, &date));
    if (entry.rest.size > 0)
        BM_TRY(take_entry_extensions(&entry, revokes));
    return bm_cursor_end(&entry);
}

static BM_RESULT count_entries(bm_crl *crl)
{
    bm_cursor at = bm_cursor_of(crl->entries);

    while (at.rest.size > 0) {
        bm_bytes serial;
        bool revokes;

        BM_TRY(take_entry(&at, &serial, &revokes));
        crl->count += revokes;
    }
    BM_CHECK(crl->count <= BM_REVOKED_MAX, BM_E_MALFORMED, "it has more than 1048576 entries, which is more than a server keeps");
    return bm_ok();
}

/* TBSCertList (RFC 5280, 5.1.2) */
static BM_RESULT walk_tbs(bm_bytes tbs, bm_bytes *alg, bm_crl *crl)
{
    bm_cursor outer = bm_cursor_of(tbs);
    bm_cursor at;
    bm_bytes version = bm_bytes_of(NULL, 0);

    BM_TRY(bm_der_enter(&outer, BM_DER_SEQUENCE, &at));
    if (bm_der_peek(&at, BM_DER_INTEGER))
        BM_TRY(bm_der_take(&at, BM_DER_INTEGER, &version));
    BM_CHECK(version.size == 0 || (version.size == 1 && version.data[0] == 1), BM_E_MALFORMED, "a CRL of a version that is not known");
    BM_TRY(bm_der_take_whole(&at, BM_DER_SEQUENCE, alg));
    BM_TRY(bm_der_take_whole(&at, BM_DER_SEQUENCE, &crl->issuer));
    BM_TRY(bm_walk_time(&at, &crl->this_update));
    if (at_time(&at))
        BM_TRY(bm_walk_time(&at, &crl->next_update));
    if (bm_der_peek(&at, BM_DER_SEQUENCE))
        BM_TRY(bm_der_take(&at, BM_DER_SEQUENCE, &crl->entries));
    BM_TRY(take_extensions(&at, crl));
    BM_TRY(bm_cursor_end(&at));
    return count_entries(crl);
}

BM_RESULT bm_crl_parse(bm_bytes der, bm_crl *crl)
{
    bm_crl found = {0};
    bm_cursor outer = bm_cursor_of(der);
    bm_cursor at;
    bm_bytes alg;
    bm_bytes inner_alg;

    BM_CHECK(der.size <= BM_CRL_MAX, BM_E_MALFORMED, "it is larger than 16 MiB");
    BM_TRY(bm_der_enter(&outer, BM_DER_SEQUENCE, &at));
    BM_TRY(bm_cursor_end(&outer));
    BM_TRY(bm_der_take_whole(&at, BM_DER_SEQUENCE, &found.tbs));
    BM_TRY(bm_der_take_whole(&at, BM_DER_SEQUENCE, &alg));
    BM_TRY(bm_der_bits(&at, &found.signature));
    BM_TRY(bm_cursor_end(&at));
    BM_TRY(walk_tbs(found.tbs, &inner_alg, &found));
    BM_CHECK(bm_bytes_equal(alg, inner_alg), BM_E_MALFORMED, "it names two signature algorithms");
    found.alg = bm_pkey_parse_sig_algorithm(alg);
    BM_CHECK(found.alg != BM_SIG_NONE, BM_E_MALFORMED,
             "it is not signed with SHA-256, SHA-384 or SHA-512 (RSA or ECDSA): ask the vendor for one that is");
    *crl = found;
    return bm_ok();
}

BM_RESULT bm_crl_issuer_name(const bm_crl *crl, char *out, size_t size)
{
    return bm_name_text(crl->issuer, out, size);
}

BM_RESULT bm_crl_put_ids(const bm_crl *crl, const uint8_t issuer[BM_SHA256_SIZE], bm_buf *ids)
{
    bm_cursor at = bm_cursor_of(crl->entries);

    BM_TRY(bm_buf_reserve(ids, crl->count * BM_REVOKED_ID_SIZE));
    while (at.rest.size > 0) {
        uint8_t id[BM_REVOKED_ID_SIZE];
        bm_bytes serial;
        bool revokes;

        BM_TRY(take_entry(&at, &serial, &revokes));
        if (!revokes)
            continue;
        BM_TRY(bm_revoked_id(issuer, serial, id));
        BM_TRY(bm_buf_put(ids, BM_BYTES_ARRAY(id)));
    }
    bm_revoked_sort(ids);
    return bm_ok();
}

BM_RESULT bm_crl_scope(const bm_crl *crl, const uint8_t issuer[BM_SHA256_SIZE], uint8_t scope[BM_SHA256_SIZE])
{
    bm_bytes pieces[] = {bm_bytes_of(issuer, BM_SHA256_SIZE), crl->scope};
    bm_digest digest;

    BM_TRY(bm_hash_pieces(BM_HASH_SHA256, pieces, 2, &digest));
    return bm_bytes_copy_exact(bm_hash_view(&digest), scope, BM_SHA256_SIZE);
}

/* -1, 0 or 1, as numbers are. */
static int compare_numbers(bm_bytes a, bm_bytes b)
{
    bm_bytes x = bm_bytes_strip_zeros(a);
    bm_bytes y = bm_bytes_strip_zeros(b);

    if (x.size != y.size)
        return x.size < y.size ? -1 : 1;
    return bm_bytes_compare(x, y);
}

bool bm_crl_is_newer(const bm_crl_age *fresh, const bm_crl_age *old)
{
    int number = fresh->number.size == 0 || old->number.size == 0 ? 0 : compare_numbers(fresh->number, old->number);

    return number >= 0 && fresh->this_update >= old->this_update && (number > 0 || fresh->this_update > old->this_update);
}
