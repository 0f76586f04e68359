#include "ctl/output.h"
#include "ctl/state.h"
#include "x509/ca.h"
#include "x509/issue.h"

#include <stdio.h>

static BM_RESULT print_row(void *context, const bm_store_certificate *row)
{
    bm_ctl_output *output = context;

    bm_ctl_output_hex(output, BM_BYTES_ARRAY(row->serial), (size_t)2 * BM_SERIAL_SIZE);
    bm_ctl_output_text(output, row->identity);
    bm_ctl_output_text(output, row->profile);
    bm_ctl_output_time(output, row->issued);
    bm_ctl_output_time(output, row->not_after);
    bm_ctl_output_hex(output, BM_BYTES_ARRAY(row->ek_sha256), 16);
    return bm_ok();
}

BM_RESULT bm_ctl_cert_list(const bm_ctl *ctl)
{
    static const bm_ctl_column columns[] = {{"certificate", 40, BM_COLUMN_TEXT}, {"device", 24, BM_COLUMN_TEXT},
                                            {"profile", 10, BM_COLUMN_TEXT},     {"issued", 20, BM_COLUMN_TEXT},
                                            {"not_after", 20, BM_COLUMN_TEXT},   {"ek_sha256", 0, BM_COLUMN_TEXT}};
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    bm_ctl_output output;

    BM_TRY(bm_ctl_state_open(ctl, &store));
    bm_ctl_output_begin(&output, columns, sizeof(columns) / sizeof(columns[0]), ctl->values[BM_OPTION_JSON] != NULL);
    BM_TRY(bm_store_certificate_list(store, ctl->argument_count > 0 ? ctl->arguments[0] : NULL, print_row, &output));
    return bm_ctl_output_end(&output);
}

static BM_RESULT show_pem(void *context, const bm_store_certificate *row)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    (void)context;
    BM_TRY(bm_ca_put_pem(&pem, "CERTIFICATE", row->der));
    (void)fwrite(pem.data, 1, pem.size, stdout);
    return bm_ok();
}

static BM_RESULT show_text(void *context, const bm_store_certificate *row)
{
    uint8_t digest[BM_SHA256_SIZE];
    bm_issued issued;

    (void)context;
    BM_TRY(bm_hash_sha256(row->der, digest));
    bm_ctl_output_field_hex("certificate", BM_BYTES_ARRAY(row->serial));
    bm_ctl_output_field("device", row->identity);
    if (bm_issue_parse(row->der, &issued).code == BM_OK) {
        bm_ctl_output_field("subject", issued.subject);
        bm_ctl_output_field("key", bm_pubkey_type_name(issued.key.type));
    }
    bm_ctl_output_field("profile", row->profile);
    bm_ctl_output_field_time("issued", row->issued);
    bm_ctl_output_field_time("not before", row->not_before);
    bm_ctl_output_field_time("not after", row->not_after);
    bm_ctl_output_field_hex("EK SHA-256", BM_BYTES_ARRAY(row->ek_sha256));
    bm_ctl_output_field_hex("IK SHA-256", BM_BYTES_ARRAY(row->ik_spki_sha256));
    bm_ctl_output_field_hex("DER SHA-256", BM_BYTES_ARRAY(digest));
    return bm_ok();
}

/* A serial as people have it: with colons between the bytes, or without. */
static BM_RESULT plain_hex(const char *text, bm_buf *hex)
{
    for (const char *at = text; *at != 0; at++)
        if (*at != ':')
            BM_TRY(bm_buf_put_u8(hex, (uint8_t)*at));
    return bm_ok();
}

BM_RESULT bm_ctl_cert_show(const bm_ctl *ctl)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    BM_AUTO_BUF serial = BM_BUF_EMPTY;
    bm_result result;

    BM_TRY(plain_hex(ctl->arguments[0], &serial));
    BM_TRY(bm_ctl_state_open(ctl, &store));
    result = bm_store_certificate_find(store, bm_buf_view(&serial), ctl->values[BM_OPTION_PEM] != NULL ? show_pem : show_text, NULL);
    if (result.code == BM_E_STORE_NOT_FOUND)
        return bm_failf(BM_E_STORE_NOT_FOUND, "%s: see birthmarkctl cert list", result.detail);
    BM_TRY(result);
    return bm_ctl_output_flush();
}
