#include "x509/profile.h"

#include "x509/name.h"

/* The digits of the EK's hash that %e stands for: 160 bits. */
#define EK_DIGITS 40

const char *bm_profile_attribute_name(bm_subject_attribute_type type)
{
    return (unsigned)type < BM_ATTR_COUNT ? bm_name_label(type) : "unknown";
}

static bm_bytes trim(bm_bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bm_bytes_slice(text, 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text = bm_bytes_slice(text, 0, text.size - 1);
    return text;
}

/* The part before the first `mark`, and what is behind it; all of it and nothing when there is no mark. */
static bool split(bm_bytes text, uint8_t mark, bm_bytes *before, bm_bytes *behind)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == mark) {
            *before = bm_bytes_slice(text, 0, i);
            *behind = bm_bytes_slice(text, i + 1, text.size - i - 1);
            return true;
        }
    *before = text;
    *behind = bm_bytes_of(NULL, 0);
    return false;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static BM_RESULT find_type(bm_bytes name, bm_subject_attribute_type *type)
{
    for (unsigned i = 0; i < BM_ATTR_COUNT; i++)
        if (bm_bytes_equal(name, bm_bytes_str(bm_name_label((bm_subject_attribute_type)i)))) {
            *type = (bm_subject_attribute_type)i;
            return bm_ok();
        }
    return bm_fail(BM_E_CONFIG_INVALID, "a subject has the attributes CN, serialNumber, C, ST, L, O and OU");
}

/* Checks a value; `names` is set when it names the device (%i or %e). */
static BM_RESULT check_value(bm_subject_attribute_type type, bm_bytes value, bool *names)
{
    BM_CHECK(value.size >= 1 && value.size <= BM_SUBJECT_TEXT_MAX, BM_E_CONFIG_INVALID,
             "an attribute of the subject has 1 to 64 characters");
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];

        BM_CHECK(c >= 0x20 && c <= 0x7E && c != '=', BM_E_CONFIG_INVALID,
                 "an attribute of the subject has printable ASCII characters but ',' and '='");
        if (c != '%')
            continue;
        i++;
        BM_CHECK(i < value.size && (value.data[i] == 'i' || value.data[i] == 'e' || value.data[i] == 'p' ||
                                    value.data[i] == '%'),
                 BM_E_CONFIG_INVALID, "behind '%' in a subject stands i, e, p or %");
        *names = *names || value.data[i] == 'i' || value.data[i] == 'e';
    }
    BM_CHECK(type != BM_ATTR_C || (value.size == 2 && is_letter(value.data[0]) && is_letter(value.data[1])),
             BM_E_CONFIG_INVALID, "C is a country's two letters");
    return bm_ok();
}

static BM_RESULT parse_attribute(bm_bytes part, const bm_profile *profile, bm_subject_attribute *attribute, bool *names)
{
    bm_subject_attribute parsed = {0};
    bm_bytes name;
    bm_bytes value;

    BM_CHECK(split(part, '=', &name, &value), BM_E_CONFIG_INVALID,
             "a subject is a list of NAME=TEXT with commas between them");
    value = trim(value);
    BM_TRY(find_type(trim(name), &parsed.type));
    for (size_t i = 0; i < profile->subject_count; i++)
        BM_CHECK(profile->subject[i].type != parsed.type || parsed.type == BM_ATTR_OU, BM_E_CONFIG_INVALID,
                 "only OU may stand in a subject twice");
    BM_TRY(check_value(parsed.type, value, names));
    BM_TRY(bm_bytes_copy_exact(value, (uint8_t *)parsed.text, value.size));
    *attribute = parsed;
    return bm_ok();
}

BM_RESULT bm_profile_parse_subject(bm_bytes text, bm_profile *profile)
{
    bm_profile parsed = *profile;
    bm_bytes rest = text;
    bool names = false;
    bool more = true;

    parsed.subject_count = 0;
    while (more) {
        bm_bytes part;

        more = split(rest, ',', &part, &rest);
        BM_CHECK(parsed.subject_count < BM_SUBJECT_ATTRIBUTES_MAX, BM_E_CONFIG_INVALID,
                 "a subject has at most 8 attributes");
        BM_TRY(parse_attribute(part, &parsed, &parsed.subject[parsed.subject_count], &names));
        parsed.subject_count++;
    }
    BM_CHECK(names, BM_E_CONFIG_INVALID, "a subject names the device: %i or %e must stand in one attribute");
    *profile = parsed;
    return bm_ok();
}

/* Appends what a template's text says of this device. */
static BM_RESULT expand(bm_buf *out, const bm_profile *profile, const char *text, const char *identity, const char *ek)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '%') {
            BM_TRY(bm_buf_put_u8(out, (uint8_t)*at));
            continue;
        }
        at++;
        switch (*at) {
        case 'i': BM_TRY(bm_buf_put_str(out, identity)); break;
        case 'e': BM_TRY(bm_buf_put_str(out, ek)); break;
        case 'p': BM_TRY(bm_buf_put_str(out, profile->name)); break;
        case '%': BM_TRY(bm_buf_put_u8(out, '%')); break;
        default: return bm_fail(BM_E_INTERNAL, "a subject template that was not parsed");
        }
    }
    return bm_ok();
}

BM_RESULT bm_profile_put_subject(bm_buf *out, const bm_profile *profile, const char *identity,
                                 const uint8_t ek_sha256[BM_SHA256_SIZE])
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;
    char ek[2 * BM_SHA256_SIZE + 1];

    BM_CHECK(bm_text_is_identity(bm_bytes_str(identity)), BM_E_IDENTITY_INVALID, NULL);
    bm_text_hex(bm_bytes_of(ek_sha256, BM_SHA256_SIZE), ek);
    ek[EK_DIGITS] = '\0';
    for (size_t i = 0; i < profile->subject_count; i++) {
        BM_AUTO_BUF text = BM_BUF_EMPTY;

        BM_TRY(expand(&text, profile, profile->subject[i].text, identity, ek));
        BM_CHECK(text.size <= BM_NAME_VALUE_MAX, BM_E_IDENTITY_INVALID,
                 "with this serial number an attribute of the subject becomes longer than 64 characters");
        BM_TRY(bm_result_as(bm_name_put_rdn(&rdns, profile->subject[i].type, bm_buf_view(&text)), BM_E_INTERNAL));
    }
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&rdns));
}
