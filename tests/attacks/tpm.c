#include "tpm.h"

#include "base/text.h"
#include "crypto/evp.h"
#include "tpm/credential.h"

#include <stdlib.h>
#include <string.h>

static const char *const field_names[ATK_FIELD_COUNT] = {
    [ATK_CSR] = "csr",
    [ATK_IK_PUBLIC] = "ik_public",
    [ATK_EK_PUBLIC] = "ek_public",
    [ATK_EK_CERTIFICATE] = "ek_certificate",
    [ATK_CHALLENGE] = "challenge",
    [ATK_TICKET] = "ticket",
    [ATK_CREDENTIAL_BLOB] = "credential_blob",
    [ATK_ENCRYPTED_SECRET] = "encrypted_secret",
};

void atk_tpm_fini(atk_tpm *tpm)
{
    atk_key_fini(&tpm->ek);
    atk_key_fini(&tpm->ik);
    for (size_t i = 0; i < ATK_FIELD_COUNT; i++)
        bm_buf_fini(&tpm->field[i]);
    for (size_t i = 0; i < ATK_CHAIN_MAX; i++)
        bm_buf_fini(&tpm->chain[i]);
    for (size_t i = 0; i < ATK_EDITS_MAX; i++)
        bm_buf_fini(&tpm->edits[i].raw);
    bm_buf_fini(&tpm->body);
    bm_buf_fini(&tpm->issued);
}

bm_ek_template_id atk_tpm_template(const atk_line *line, const char *label)
{
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++)
        if (strcmp(bm_template_ek((bm_ek_template_id)i)->label, label) == 0)
            return (bm_ek_template_id)i;
    atk_wrong(line, "no such EK template", label);
}

const char *atk_tpm_template_kind(bm_ek_template_id id)
{
    return bm_pubkey_type_name(bm_template_ek(id)->key_type);
}

bm_buf *atk_tpm_field(const atk_line *line, atk_tpm *tpm, const char *name)
{
    for (size_t i = 0; i < ATK_FIELD_COUNT; i++)
        if (strcmp(field_names[i], name) == 0)
            return &tpm->field[i];
    if (strncmp(name, "ek_chain.", 9) == 0) {
        long at = strtol(name + 9, NULL, 10);

        if (at < 0 || at >= ATK_CHAIN_MAX)
            atk_wrong(line, "the chain is not so long", name);
        if ((size_t)at >= tpm->chain_count)
            tpm->chain_count = (size_t)at + 1;
        return &tpm->chain[at];
    }
    atk_wrong(line, "no such field", name);
}

static void put_base64(bm_buf *out, const bm_buf *bytes)
{
    atk_need(bm_buf_put_u8(out, '"'), "JSON");
    atk_need(bm_text_put_base64(out, bm_buf_view(bytes)), "JSON");
    atk_need(bm_buf_put_u8(out, '"'), "JSON");
}

/* One member, as the edits want it: `raw` is its usual value. */
static void put_member(const atk_tpm *tpm, const char *name, const bm_buf *raw, bool usual, bm_buf *out)
{
    for (size_t i = 0; i < tpm->edit_count; i++) {
        const atk_edit *edit = &tpm->edits[i];

        if (strcmp(edit->name, name) != 0 || edit->kind == ATK_EDIT_AGAIN)
            continue;
        usual = false;
        raw = &edit->raw;
        if (edit->kind == ATK_EDIT_DROP)
            return;
    }
    if (raw == NULL || (usual && raw->size == 0))
        return;
    atk_need(bm_buf_putf(out, "%s\"%s\":", out->size > 1 ? "," : "", name), "JSON");
    atk_need(bm_buf_put(out, bm_buf_view(raw)), "JSON");
}

static void put_field(const atk_tpm *tpm, atk_field field, bm_buf *out)
{
    BM_AUTO_BUF raw = BM_BUF_EMPTY;

    if (tpm->field[field].size > 0)
        put_base64(&raw, &tpm->field[field]);
    put_member(tpm, field_names[field], &raw, true, out);
}

static void put_chain(const atk_tpm *tpm, bm_buf *out)
{
    BM_AUTO_BUF raw = BM_BUF_EMPTY;

    for (size_t i = 0; i < tpm->chain_count; i++) {
        atk_need(bm_buf_put_u8(&raw, i == 0 ? '[' : ','), "JSON");
        put_base64(&raw, &tpm->chain[i]);
    }
    if (tpm->chain_count > 0)
        atk_need(bm_buf_put_u8(&raw, ']'), "JSON");
    put_member(tpm, "ek_chain", &raw, true, out);
}

/* Was the member written in its place already? */
static bool is_usual(const char *name, bm_call call)
{
    static const char *const others[] = {"ek_chain", "profile"};

    for (size_t i = 0; i < (call == BM_CALL_CERTIFICATE ? ATK_CREDENTIAL_BLOB : ATK_CHALLENGE); i++)
        if (strcmp(field_names[i], name) == 0)
            return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(others[i], name) == 0)
            return true;
    return false;
}

void atk_tpm_body(const atk_tpm *tpm, bm_call call, bm_buf *out)
{
    BM_AUTO_BUF profile = BM_BUF_EMPTY;

    bm_buf_clear(out);
    if (tpm->body.size > 0) {
        atk_need(bm_buf_put(out, bm_buf_view(&tpm->body)), "a body");
        return;
    }
    atk_need(bm_buf_put_u8(out, '{'), "JSON");
    put_field(tpm, ATK_CSR, out);
    put_field(tpm, ATK_IK_PUBLIC, out);
    put_field(tpm, ATK_EK_PUBLIC, out);
    put_field(tpm, ATK_EK_CERTIFICATE, out);
    put_chain(tpm, out);
    if (tpm->profile[0] != 0)
        atk_need(bm_buf_putf(&profile, "\"%s\"", tpm->profile), "JSON");
    put_member(tpm, "profile", &profile, true, out);
    if (call == BM_CALL_CERTIFICATE) {
        put_field(tpm, ATK_CHALLENGE, out);
        put_field(tpm, ATK_TICKET, out);
    }
    for (size_t i = 0; i < tpm->edit_count; i++)
        if (tpm->edits[i].kind == ATK_EDIT_AGAIN || (tpm->edits[i].kind == ATK_EDIT_SET && !is_usual(tpm->edits[i].name, call))) {
            atk_need(bm_buf_putf(out, ",\"%s\":", tpm->edits[i].name), "JSON");
            atk_need(bm_buf_put(out, bm_buf_view(&tpm->edits[i].raw)), "JSON");
        }
    atk_need(bm_buf_put_u8(out, '}'), "JSON");
}

/* The EK and the Name of the IK as this TPM itself has them, whatever it sends. */
bool atk_tpm_open(const atk_tpm *by, atk_tpm *tpm)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *ek = atk_key_private(&by->ek);
    BM_AUTO_BUF secret = BM_BUF_EMPTY;
    bm_tpm_public ek_public;
    bm_tpm_public ik_public;
    bm_tpm_name name;

    atk_need(bm_tpm_public_parse(bm_buf_view(&by->field[ATK_EK_PUBLIC]), &ek_public), "the EK of the TPM that opens");
    atk_need(bm_tpm_public_parse(bm_buf_view(&by->field[ATK_IK_PUBLIC]), &ik_public), "the IK of the TPM that opens");
    atk_need(bm_tpm_public_name(&ik_public, &name), "a Name");
    if (bm_credential_open(&ek_public, ek, bm_tpm_public_name_view(&name), bm_buf_view(&tpm->field[ATK_CREDENTIAL_BLOB]),
                           bm_buf_view(&tpm->field[ATK_ENCRYPTED_SECRET]), &secret)
            .code != BM_OK)
        return false;
    bm_buf_move(&tpm->field[ATK_TICKET], &secret);
    return true;
}
