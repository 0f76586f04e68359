#include "protocol/request.h"

#include "protocol/json.h"
#include "protocol/ticket.h"
#include "tpm/public.h"
#include "x509/csr.h"

/* A binary member of a request: where it goes, its limits, and the calls that have it. */
typedef struct {
    const char *name;
    size_t offset;
    size_t min;
    size_t max;
    bool required;
    bool certificate_only;
} member;

#define AT(field) offsetof(bm_request, field)

static const member members[] = {
    {"csr", AT(csr), 1, BM_CSR_MAX, true, false},
    {"ik_public", AT(ik_public), 1, BM_TPM_PUBLIC_MAX, true, false},
    {"ek_public", AT(ek_public), 1, BM_TPM_PUBLIC_MAX, true, false},
    {"ek_certificate", AT(ek_certificate), 1, BM_EKC_MAX, false, false},
    {"challenge", AT(challenge), BM_TICKET_CHALLENGE_SIZE, BM_TICKET_CHALLENGE_SIZE, true, true},
    {"ticket", AT(ticket), BM_TICKET_SIZE, BM_TICKET_SIZE, true, true},
};
#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

/* Those of a file alone first, those of getCertificate alone last. */
static const char *const names[] = {"birthmark", "call",     "csr",     "ik_public", "ek_public", "ek_certificate",
                                    "ek_chain",  "profile", "challenge", "ticket"};
#define NAMES_FILE 2
#define NAMES_CERTIFICATE 8
#define NAMES_CHALLENGE 6

#define FILE_KIND "request 1" /* with the version of the format */
static const char *const calls[] = {[BM_CALL_CHALLENGE] = "getChallenge", [BM_CALL_CERTIFICATE] = "getCertificate"};

static bm_buf *buffer_of(bm_request *request, const member *m)
{
    return (bm_buf *)(void *)((uint8_t *)request + m->offset);
}

void bm_request_fini(bm_request *request)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        bm_buf_fini(buffer_of(request, &members[i]));
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        bm_buf_fini(&request->ek_chain[i]);
    *request = (bm_request){0};
}

/* base64 of min to max bytes; the detail names the member. */
static BM_RESULT decode(const char *name, bm_bytes text, size_t min, size_t max, bm_buf *out)
{
    bm_result result;

    if (text.size > (max + 2) / 3 * 4)
        return bm_failf(BM_E_FIELD_INVALID, "%s is larger than %zu bytes", name, max);
    result = bm_text_from_base64(text, out);
    if (result.code == BM_E_MALFORMED)
        return bm_failf(BM_E_FIELD_INVALID, "%s: %s", name, result.detail);
    BM_TRY(result);
    if (out->size < min || out->size > max)
        return bm_failf(BM_E_FIELD_INVALID, "%s has a size that it cannot have", name);
    return bm_ok();
}

static BM_RESULT read_member(bm_json *json, bm_call call, const member *m, bm_request *request)
{
    bm_bytes text;
    bool found;

    if (m->certificate_only && call == BM_CALL_CHALLENGE)
        return bm_ok();
    BM_TRY(bm_json_string(json, m->name, &text, &found));
    if (!found && m->required)
        return bm_failf(BM_E_FIELD_MISSING, "%s is missing", m->name);
    if (!found)
        return bm_ok();
    return decode(m->name, text, m->min, m->max, buffer_of(request, m));
}

static BM_RESULT read_chain(bm_json *json, bm_request *request)
{
    bm_bytes texts[BM_EKC_CHAIN_MAX];
    size_t count;

    BM_TRY(bm_json_strings(json, "ek_chain", texts, BM_EKC_CHAIN_MAX, &count));
    for (size_t i = 0; i < count; i++)
        BM_TRY(decode("ek_chain", texts[i], 1, BM_EKC_MAX, &request->ek_chain[i]));
    request->ek_chain_count = count;
    return bm_ok();
}

static BM_RESULT read_profile(bm_json *json, bm_request *request)
{
    bm_bytes text;
    bool found;

    BM_TRY(bm_json_string(json, "profile", &text, &found));
    if (!found)
        text = bm_bytes_str("default");
    BM_CHECK(bm_text_is_profile_name(text), BM_E_FIELD_INVALID, "profile is not the name of a profile");
    BM_TRY(bm_bytes_copy_exact(text, (uint8_t *)request->profile, text.size));
    request->profile[text.size] = 0;
    return bm_ok();
}

static BM_RESULT read_request(bm_call call, bm_json *json, bm_request *request)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        BM_TRY(read_member(json, call, &members[i], request));
    BM_TRY(read_chain(json, request));
    return read_profile(json, request);
}

BM_RESULT bm_request_parse(bm_call call, bm_bytes body, bm_request *request)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;
    bm_result result;

    BM_CHECK(body.size <= BM_REQUEST_BODY_MAX, BM_E_BODY_TOO_LARGE, NULL);
    BM_TRY(bm_json_parse(body, &json));
    BM_TRY(bm_json_check_names(json, names + NAMES_FILE, call == BM_CALL_CHALLENGE ? NAMES_CHALLENGE : NAMES_CERTIFICATE));
    result = read_request(call, json, request);
    if (result.code != BM_OK)
        bm_request_fini(request);
    return result;
}

/* The two members that say what a file is. */
static BM_RESULT read_kind(bm_json *json, bm_call *call)
{
    bm_bytes text;
    bool found;

    BM_TRY(bm_json_string(json, names[0], &text, &found));
    BM_CHECK(found, BM_E_FIELD_MISSING, "birthmark is missing: this is no request file");
    BM_CHECK(bm_bytes_equal(text, bm_bytes_str(FILE_KIND)), BM_E_FIELD_INVALID, "birthmark says that this is no request file of version 1");
    BM_TRY(bm_json_string(json, names[1], &text, &found));
    BM_CHECK(found, BM_E_FIELD_MISSING, "call is missing");
    for (bm_call i = BM_CALL_CHALLENGE; i <= BM_CALL_CERTIFICATE; i++)
        if (bm_bytes_equal(text, bm_bytes_str(calls[i]))) {
            *call = i;
            return bm_ok();
        }
    return bm_fail(BM_E_FIELD_INVALID, "call is neither getChallenge nor getCertificate");
}

BM_RESULT bm_request_parse_file(bm_bytes text, bm_call *call, bm_request *request)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;
    bm_result result;

    BM_CHECK(text.size <= BM_REQUEST_FILE_MAX, BM_E_BODY_TOO_LARGE, NULL);
    BM_TRY(bm_json_parse(text, &json));
    BM_TRY(read_kind(json, call));
    BM_TRY(bm_json_check_names(json, names, NAMES_FILE + (*call == BM_CALL_CHALLENGE ? NAMES_CHALLENGE : NAMES_CERTIFICATE)));
    result = read_request(*call, json, request);
    if (result.code != BM_OK)
        bm_request_fini(request);
    return result;
}

static BM_RESULT put_chain(bm_json *json, const bm_request *request)
{
    bm_buf texts[BM_EKC_CHAIN_MAX] = {0};
    bm_result result = bm_ok();

    if (request->ek_chain_count == 0)
        return bm_ok();
    for (size_t i = 0; i < request->ek_chain_count && result.code == BM_OK; i++)
        result = bm_text_put_base64(&texts[i], bm_buf_view(&request->ek_chain[i]));
    if (result.code == BM_OK)
        result = bm_json_add_strings(json, "ek_chain", texts, request->ek_chain_count);
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        bm_buf_fini(&texts[i]);
    return result;
}

static BM_RESULT put_members(bm_call call, const bm_request *request, bm_json *json)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const bm_buf *buf = (const bm_buf *)(const void *)((const uint8_t *)request + members[i].offset);

        if (buf->size > 0 && !(members[i].certificate_only && call == BM_CALL_CHALLENGE))
            BM_TRY(bm_json_add_base64(json, members[i].name, bm_buf_view(buf)));
    }
    BM_TRY(put_chain(json, request));
    if (request->profile[0] != 0)
        BM_TRY(bm_json_add_string(json, "profile", bm_bytes_str(request->profile)));
    return bm_ok();
}

BM_RESULT bm_request_put(bm_call call, const bm_request *request, bm_buf *body)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;

    BM_TRY(bm_json_new(&json));
    BM_TRY(put_members(call, request, json));
    return bm_json_put(json, body);
}

BM_RESULT bm_request_put_file(bm_call call, const bm_request *request, bm_buf *text)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;

    BM_TRY(bm_json_new(&json));
    BM_TRY(bm_json_add_string(json, names[0], bm_bytes_str(FILE_KIND)));
    BM_TRY(bm_json_add_string(json, names[1], bm_bytes_str(calls[call])));
    BM_TRY(put_members(call, request, json));
    return bm_json_put(json, text);
}
