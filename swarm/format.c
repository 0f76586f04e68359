#include "swarm/format.h"

#define PART_MAX 4096

static const char magic[] = "BMSWARM\n";
#define MAGIC bm_bytes_of(magic, sizeof(magic) - 1)

bool bm_swarm_format_is_ek(bm_key_type type)
{
    return type == BM_KEY_RSA2048 || type == BM_KEY_ECC256 || type == BM_KEY_ECC384;
}

bool bm_swarm_format_is_ik(bm_key_type type)
{
    return bm_swarm_format_is_ek(type) || type == BM_KEY_RSA3072;
}

bool bm_swarm_format_is_prefix(bm_bytes prefix)
{
    return prefix.size <= BM_SWARM_PREFIX_MAX && bm_text_is_identity(prefix);
}

BM_RESULT bm_swarm_format_put_header(bm_buf *out, uint32_t devices, uint64_t size)
{
    BM_TRY(bm_buf_put(out, MAGIC));
    BM_TRY(bm_buf_put_u32(out, BM_SWARM_FORMAT_VERSION));
    BM_TRY(bm_buf_put_u32(out, devices));
    return bm_buf_put_u64(out, size);
}

BM_RESULT bm_swarm_format_put_vendor(bm_buf *out, const bm_swarm_contents *contents)
{
    BM_CHECK(contents->primes.size == BM_SWARM_PRIMES_SIZE, BM_E_MALFORMED, "not as many primes as there must be");
    BM_TRY(bm_buf_put_sized16(out, contents->prefix));
    BM_TRY(bm_buf_put_sized16(out, contents->vendor_key));
    BM_TRY(bm_buf_put_sized16(out, contents->vendor_certificate));
    return bm_buf_put(out, contents->primes);
}

/* How long the secret of an EK is. */
static size_t secret_size(bm_key_type ek)
{
    return bm_pubkey_is_rsa(ek) ? 0 : bm_pubkey_field_size(ek);
}

BM_RESULT bm_swarm_format_put_record(bm_buf *out, const bm_swarm_record *record)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_u8(&body, (uint8_t)record->ek));
    BM_TRY(bm_buf_put_u8(&body, (uint8_t)record->ik));
    BM_TRY(bm_buf_put_sized16(&body, record->secret));
    BM_TRY(bm_buf_put_sized16(&body, record->certificate));
    BM_TRY(bm_buf_put_sized16(&body, record->csr));
    BM_CHECK(body.size <= BM_SWARM_RECORD_MAX, BM_E_MALFORMED, "a device that is too large");
    return bm_buf_put_sized32(out, bm_buf_view(&body));
}

static BM_RESULT parse_header(bm_bytes file, bm_swarm_contents *contents)
{
    bm_cursor at = bm_cursor_of(file);
    bm_bytes begin;
    uint32_t version;

    BM_CHECK(bm_cursor_take(&at, MAGIC.size, &begin).code == BM_OK && bm_bytes_equal(begin, MAGIC), BM_E_MALFORMED, "it is no fleet file");
    BM_TRY(bm_cursor_u32(&at, &version));
    if (version != BM_SWARM_FORMAT_VERSION)
        return bm_failf(BM_E_MALFORMED, "it is a fleet file of version %u, and this program knows version %d", version, BM_SWARM_FORMAT_VERSION);
    BM_TRY(bm_cursor_u32(&at, &contents->devices));
    BM_TRY(bm_cursor_u64(&at, &contents->size));
    BM_CHECK(contents->devices <= BM_SWARM_DEVICES_MAX, BM_E_MALFORMED, "it says that it has more devices than a fleet can have");
    BM_CHECK(contents->size <= file.size, BM_E_MALFORMED, "it is shorter than it says: a part of it is missing");
    BM_CHECK(contents->size >= BM_SWARM_HEADER_SIZE, BM_E_MALFORMED, "its header says an impossible size");
    return bm_ok();
}

BM_RESULT bm_swarm_format_parse(bm_bytes file, bm_swarm_contents *contents)
{
    bm_swarm_contents found = {0};
    bm_cursor at;

    BM_TRY(parse_header(file, &found));
    at = bm_cursor_of(bm_bytes_slice(file, BM_SWARM_HEADER_SIZE, (size_t)found.size - BM_SWARM_HEADER_SIZE));
    BM_TRY(bm_cursor_sized16(&at, PART_MAX, &found.prefix));
    BM_TRY(bm_cursor_sized16(&at, PART_MAX, &found.vendor_key));
    BM_TRY(bm_cursor_sized16(&at, PART_MAX, &found.vendor_certificate));
    BM_TRY(bm_cursor_take(&at, BM_SWARM_PRIMES_SIZE, &found.primes));
    BM_CHECK(bm_swarm_format_is_prefix(found.prefix), BM_E_MALFORMED, "the prefix of its serials is none");
    BM_CHECK(found.vendor_key.size > 0 && found.vendor_certificate.size > 0, BM_E_MALFORMED, "the vendor's key or certificate is missing");
    found.records = at.rest;
    *contents = found;
    return bm_ok();
}

static BM_RESULT parse_record(bm_bytes body, bm_swarm_record *record)
{
    bm_cursor at = bm_cursor_of(body);
    uint8_t ek, ik;

    BM_TRY(bm_cursor_u8(&at, &ek));
    BM_TRY(bm_cursor_u8(&at, &ik));
    BM_CHECK(bm_swarm_format_is_ek((bm_key_type)ek) && bm_swarm_format_is_ik((bm_key_type)ik), BM_E_MALFORMED,
             "a device has keys of a type that no device has");
    record->ek = (bm_key_type)ek;
    record->ik = (bm_key_type)ik;
    BM_TRY(bm_cursor_sized16(&at, PART_MAX, &record->secret));
    BM_TRY(bm_cursor_sized16(&at, PART_MAX, &record->certificate));
    BM_TRY(bm_cursor_sized16(&at, PART_MAX, &record->csr));
    BM_CHECK(record->secret.size == secret_size(record->ek), BM_E_MALFORMED, "the secret of an EK has the wrong size");
    BM_CHECK(record->certificate.size > 0 && record->csr.size > 0, BM_E_MALFORMED, "a device has no EK certificate or no CSR");
    return bm_cursor_end(&at);
}

BM_RESULT bm_swarm_format_next(bm_cursor *records, bm_swarm_record *record)
{
    bm_cursor at = *records;
    bm_swarm_record found = {0};
    bm_bytes body;

    BM_TRY(bm_cursor_sized32(&at, BM_SWARM_RECORD_MAX, &body));
    BM_TRY(parse_record(body, &found));
    *records = at;
    *record = found;
    return bm_ok();
}
