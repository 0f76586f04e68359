#include "x509/ca.h"

#include "base/address.h"
#include "base/text.h"
#include "x509/build.h"
#include "x509/name.h"
#include "x509/walk.h"

#include <openssl/x509v3.h>

#define TAG_SAN_DNS 0x82
#define TAG_SAN_IP 0x87
#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63
#define PEM_COLUMNS 64

void bm_ca_fini(bm_ca *ca)
{
    bm_buf_fini(&ca->der);
    bm_buf_fini(&ca->subject);
    bm_buf_fini(&ca->key_id);
    *ca = (bm_ca){0};
}

/* The content of an extension that a CA's certificate must have, as the one element that it is. */
static BM_RESULT take_extension(bm_bytes extensions, bm_bytes oid, uint8_t tag, bm_bytes *content)
{
    bm_walk_ext ext;
    bm_cursor at;
    bool found;

    BM_TRY(bm_walk_find(extensions, oid, &ext, &found));
    BM_CHECK(found, BM_E_MALFORMED,
             "a CA certificate has basicConstraints, keyUsage and subjectKeyIdentifier; one of them is not there");
    at = bm_cursor_of(ext.value);
    BM_TRY(bm_der_take(&at, tag, content));
    return bm_cursor_end(&at);
}

/* basicConstraints and keyUsage (RFC 5280, 4.2.1.9 and 4.2.1.3): may it sign certificates? */
static BM_RESULT check_signs(bm_bytes extensions)
{
    bm_cursor basic;
    bm_bytes content;
    bm_bytes flag;
    bm_bytes usage;

    BM_TRY(take_extension(extensions, bm_build_oid_basic, BM_DER_SEQUENCE, &content));
    basic = bm_cursor_of(content);
    BM_CHECK(bm_der_peek(&basic, BM_DER_BOOLEAN), BM_E_MALFORMED, "the certificate is not a CA's (basicConstraints)");
    BM_TRY(bm_der_take(&basic, BM_DER_BOOLEAN, &flag));
    BM_CHECK(flag.size == 1 && flag.data[0] == 0xFF, BM_E_MALFORMED, "the certificate is not a CA's (basicConstraints)");
    if (basic.rest.size > 0)
        BM_TRY(bm_der_unsigned(&basic, &content));
    BM_TRY(bm_cursor_end(&basic));
    BM_TRY(take_extension(extensions, bm_build_oid_key_usage, BM_DER_BIT_STRING, &usage));
    BM_CHECK(usage.size >= 2 && usage.data[0] <= 7, BM_E_MALFORMED, "a key usage that cannot be read");
    BM_CHECK((usage.data[1] & BM_BUILD_KEY_CERT_SIGN) != 0, BM_E_MALFORMED,
             "the certificate's key may not sign certificates (keyUsage)");
    return bm_ok();
}

static BM_RESULT fill(bm_ca *parsed, bm_bytes der)
{
    bm_walk_cert cert;
    bm_bytes key_id;

    BM_TRY(bm_walk_certificate(der, &cert));
    BM_CHECK(cert.fields.version == 3, BM_E_MALFORMED, "a CA certificate of another version than 3");
    BM_CHECK(bm_bytes_equal(cert.alg, cert.fields.alg), BM_E_MALFORMED, "a certificate with two signature algorithms");
    BM_TRY(check_signs(cert.fields.extensions));
    BM_TRY(take_extension(cert.fields.extensions, bm_build_oid_ski, BM_DER_OCTET_STRING, &key_id));
    BM_CHECK(key_id.size >= 1 && key_id.size <= BM_HASH_MAX, BM_E_MALFORMED, "a key identifier of an odd size");
    BM_TRY(bm_walk_validity(cert.fields.validity, &parsed->not_before, &parsed->not_after));
    BM_TRY(bm_pubkey_parse_spki(cert.fields.spki, &parsed->key));
    BM_CHECK(cert.fields.subject.size > 2, BM_E_MALFORMED, "a CA certificate without a subject");
    BM_TRY(bm_buf_put(&parsed->der, der));
    BM_TRY(bm_buf_put(&parsed->subject, cert.fields.subject));
    BM_TRY(bm_buf_put(&parsed->key_id, key_id));
    return bm_ok();
}

BM_RESULT bm_ca_parse(bm_bytes der, bm_ca *ca)
{
    bm_ca parsed = {0};
    bm_result result = fill(&parsed, der);

    if (result.code == BM_OK)
        *ca = parsed;
    else
        bm_ca_fini(&parsed);
    return result;
}

/* Appends a Name of a CN alone. */
static BM_RESULT put_common_name(bm_buf *out, const char *common_name)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;

    BM_TRY(bm_name_put_rdn(&rdns, BM_ATTR_CN, bm_bytes_str(common_name)));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&rdns));
}

/* Builds, signs and appends a certificate. */
static BM_RESULT put_signed(bm_buf *out, const bm_build_fields *fields, const bm_pkey *key)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    BM_TRY(bm_build_put_tbs(&tbs, fields));
    BM_TRY(bm_pkey_sign(key, fields->alg, bm_buf_view(&tbs), &signature));
    return bm_build_put_certificate(out, bm_buf_view(&tbs), fields->alg, bm_buf_view(&signature));
}

BM_RESULT bm_ca_self_signed(const bm_pkey *key, const bm_ca_options *options, bm_buf *der)
{
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    BM_AUTO_BUF extensions = BM_BUF_EMPTY;
    uint8_t id[BM_BUILD_KEY_ID_SIZE];
    bm_build_fields fields;
    bm_pubkey public_key;

    BM_TRY(bm_result_as(put_common_name(&name, options->common_name), BM_E_USAGE));
    BM_TRY(bm_pkey_public(key, &public_key));
    BM_TRY(bm_build_key_id(&public_key, id));
    BM_TRY(bm_build_put_basic(&extensions, true));
    BM_TRY(bm_build_put_key_usage(&extensions, BM_BUILD_KEY_CERT_SIGN | BM_BUILD_CRL_SIGN));
    BM_TRY(bm_build_put_key_ids(&extensions, BM_BYTES_ARRAY(id), BM_BYTES_ARRAY(id)));
    fields = (bm_build_fields){.serial = BM_BYTES_ARRAY(options->serial),
                               .alg = bm_pkey_default_sig(public_key.type),
                               .issuer = bm_buf_view(&name),
                               .not_before = options->not_before,
                               .not_after = options->not_after,
                               .subject = bm_buf_view(&name),
                               .key = &public_key,
                               .extensions = bm_buf_view(&extensions)};
    return put_signed(der, &fields, key);
}

/* A label of a DNS name (RFC 1035, 2.3.1, and RFC 1123, 2.1), or '*' as the first of several (RFC 6125, 6.4.3). */
static bool is_dns_label(bm_bytes label, bool may_be_star)
{
    if (may_be_star && bm_bytes_equal(label, bm_bytes_str("*")))
        return true;
    if (label.size == 0 || label.size > DNS_LABEL_MAX || label.data[0] == '-' || label.data[label.size - 1] == '-')
        return false;
    for (size_t i = 0; i < label.size; i++) {
        uint8_t c = label.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

static bool is_number(bm_bytes text)
{
    uint64_t value;

    return bm_text_parse_u64(text, UINT64_MAX, &value).code == BM_OK;
}

/* A host name whose last label is no number: such a name would be an address (RFC 3696, section 2). */
static bool is_dns_name(bm_bytes name)
{
    size_t begin = 0;

    if (name.size == 0 || name.size > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i <= name.size; i++) {
        bool last = i == name.size;
        bm_bytes label = bm_bytes_slice(name, begin, i - begin);

        if (!last && name.data[i] != '.')
            continue;
        if (!is_dns_label(label, begin == 0 && !last) || (last && is_number(label)))
            return false;
        begin = i + 1;
    }
    return true;
}

/* Nothing but what an address is made of: OpenSSL's reader is more generous. */
static bool looks_like_address(bm_bytes name)
{
    bool colon = false;
    size_t dots = 0;

    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool hex = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

        if (!hex && !(c >= '0' && c <= '9') && c != ':' && c != '.')
            return false;
        colon = colon || c == ':';
        dots += c == '.';
    }
    return colon || dots == 3;
}

/* Appends one GeneralName; BM_E_USAGE. */
static BM_RESULT put_alternative(bm_buf *out, const char *name)
{
    bm_bytes text = bm_bytes_str(name);
    ASN1_OCTET_STRING *address = NULL;
    bm_result result;

    if (is_dns_name(text))
        return bm_der_put(out, TAG_SAN_DNS, text);
    if (looks_like_address(text))
        address = a2i_IPADDRESS(name);
    BM_CHECK(address != NULL, BM_E_USAGE, "a server's name is a DNS name or an IP address");
    result = bm_der_put(out, TAG_SAN_IP,
                        bm_bytes_of(ASN1_STRING_get0_data(address), (size_t)ASN1_STRING_length(address)));
    ASN1_OCTET_STRING_free(address);
    return result;
}

static BM_RESULT put_tls_extensions(bm_buf *out, const bm_ca *ca, const bm_pubkey *tls_key,
                                    const bm_ca_tls_options *options, bool named_elsewhere)
{
    BM_AUTO_BUF names = BM_BUF_EMPTY;
    BM_AUTO_BUF san = BM_BUF_EMPTY;
    uint8_t id[BM_BUILD_KEY_ID_SIZE];

    for (size_t i = 0; i < options->name_count; i++)
        BM_TRY(put_alternative(&names, options->names[i]));
    BM_TRY(bm_der_put(&san, BM_DER_SEQUENCE, bm_buf_view(&names)));
    BM_TRY(bm_build_key_id(tls_key, id));
    BM_TRY(bm_build_put_basic(out, false));
    BM_TRY(bm_build_put_key_usage(out, BM_BUILD_DIGITAL_SIGNATURE));
    BM_TRY(bm_build_put_eku(out, bm_build_oid_server_auth));
    /* Critical when the subject is empty (RFC 5280, 4.2.1.6). */
    BM_TRY(bm_build_put_extension(out, bm_build_oid_san, !named_elsewhere, bm_buf_view(&san)));
    return bm_build_put_key_ids(out, BM_BYTES_ARRAY(id), bm_buf_view(&ca->key_id));
}

BM_RESULT bm_ca_tls_certificate(const bm_ca *ca, const bm_pkey *ca_key, const bm_pubkey *tls_key,
                                const bm_ca_tls_options *options, bm_buf *der)
{
    BM_AUTO_BUF subject = BM_BUF_EMPTY;
    BM_AUTO_BUF extensions = BM_BUF_EMPTY;
    bm_build_fields fields;
    bool fits;

    BM_CHECK(options->name_count > 0, BM_E_USAGE, "a server's certificate needs a name");
    fits = bm_bytes_str(options->names[0]).size <= BM_NAME_VALUE_MAX;
    BM_TRY(put_tls_extensions(&extensions, ca, tls_key, options, fits));
    if (fits)
        BM_TRY(bm_result_as(put_common_name(&subject, options->names[0]), BM_E_USAGE));
    else
        BM_TRY(bm_der_put(&subject, BM_DER_SEQUENCE, bm_bytes_of(NULL, 0)));
    fields = (bm_build_fields){.serial = BM_BYTES_ARRAY(options->serial),
                               .alg = bm_pkey_default_sig(ca->key.type),
                               .issuer = bm_buf_view(&ca->subject),
                               .not_before = options->not_before,
                               .not_after = options->not_after,
                               .subject = bm_buf_view(&subject),
                               .key = tls_key,
                               .extensions = bm_buf_view(&extensions)};
    return put_signed(der, &fields, ca_key);
}

/* Appends the text of one GeneralName and a NUL. */
static BM_RESULT put_name_text(bm_buf *names, uint8_t tag, bm_bytes content)
{
    char text[BM_ADDRESS_TEXT_SIZE];
    bm_address address;

    if (tag == TAG_SAN_IP) {
        BM_TRY(bm_address_of(content, &address));
        bm_address_text(&address, text);
        /* As many bytes as it had: four of IPv4 are another name than the sixteen that stand for them. */
        if (content.size == 16 && bm_address_is_v4(&address))
            BM_TRY(bm_buf_put_str(names, "::ffff:"));
        BM_TRY(bm_buf_put_str(names, text));
    } else {
        BM_CHECK(tag == TAG_SAN_DNS && is_dns_name(content), BM_E_MALFORMED,
                 "it has a name that is neither a DNS name nor an IP address");
        BM_TRY(bm_buf_put(names, content));
    }
    return bm_buf_put_u8(names, 0);
}

BM_RESULT bm_ca_tls_names(bm_bytes der, bm_buf *names, size_t *count)
{
    BM_AUTO_BUF texts = BM_BUF_EMPTY;
    bm_cursor at, each;
    bm_walk_cert cert;
    bm_walk_ext san;
    size_t taken = 0;
    bool found;

    BM_TRY(bm_walk_certificate(der, &cert));
    BM_TRY(bm_walk_find(cert.fields.extensions, bm_build_oid_san, &san, &found));
    BM_CHECK(found, BM_E_MALFORMED, "it has no names (subjectAltName)");
    at = bm_cursor_of(san.value);
    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &each));
    BM_TRY(bm_cursor_end(&at));
    BM_CHECK(each.rest.size > 0, BM_E_MALFORMED, "it has no names (subjectAltName)");
    for (; each.rest.size > 0; taken++) {
        bm_bytes content;
        uint8_t tag;

        BM_TRY(bm_der_any(&each, &tag, &content, NULL));
        BM_TRY(put_name_text(&texts, tag, content));
    }
    BM_TRY(bm_buf_put(names, bm_buf_view(&texts)));
    *count = taken;
    return bm_ok();
}

BM_RESULT bm_ca_put_pem(bm_buf *out, const char *label, bm_bytes der)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    BM_TRY(bm_text_put_base64(&text, der));
    BM_TRY(bm_buf_putf(out, "-----BEGIN %s-----\n", label));
    for (size_t at = 0; at < text.size; at += PEM_COLUMNS) {
        size_t left = text.size - at;

        BM_TRY(bm_buf_put(out, bm_bytes_slice(bm_buf_view(&text), at, left < PEM_COLUMNS ? left : PEM_COLUMNS)));
        BM_TRY(bm_buf_put_u8(out, '\n'));
    }
    return bm_buf_putf(out, "-----END %s-----\n", label);
}

/* Cuts the next line off, without its end and the white space before that; false at the end of the text. */
static bool next_line(bm_bytes *rest, bm_bytes *line)
{
    size_t end = 0;
    size_t used;

    if (rest->size == 0)
        return false;
    while (end < rest->size && rest->data[end] != '\n')
        end++;
    used = end;
    while (used > 0 && (rest->data[used - 1] == '\r' || rest->data[used - 1] == ' ' || rest->data[used - 1] == '\t'))
        used--;
    *line = bm_bytes_slice(*rest, 0, used);
    *rest = end == rest->size ? bm_bytes_of(NULL, 0) : bm_bytes_slice(*rest, end + 1, rest->size - end - 1);
    return true;
}

BM_RESULT bm_ca_next_pem(bm_bytes *rest, const char *label, bm_buf *der, bool *found)
{
    BM_AUTO_BUF begin = BM_BUF_EMPTY;
    BM_AUTO_BUF end = BM_BUF_EMPTY;
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    bm_bytes at = *rest;
    bm_bytes line = {0};
    bool inside = false;

    bm_buf_clear(der);
    BM_TRY(bm_buf_putf(&begin, "-----BEGIN %s-----", label));
    BM_TRY(bm_buf_putf(&end, "-----END %s-----", label));
    while (next_line(&at, &line)) {
        if (!inside) {
            inside = bm_bytes_equal(line, bm_buf_view(&begin));
        } else if (bm_bytes_equal(line, bm_buf_view(&end))) {
            BM_TRY(bm_text_from_base64(bm_buf_view(&text), der));
            BM_CHECK(der->size > 0, BM_E_MALFORMED, "an empty PEM block");
            *rest = at;
            *found = true;
            return bm_ok();
        } else {
            BM_TRY(bm_buf_put(&text, line));
        }
    }
    BM_CHECK(!inside, BM_E_MALFORMED, "a PEM block that is not closed");
    *rest = at;
    *found = false;
    return bm_ok();
}
