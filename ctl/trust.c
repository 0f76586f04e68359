#include "crypto/der.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "ctl/state.h"
#include "x509/anchors.h"
#include "x509/ca.h"

#include <stdio.h>
#include <stdlib.h>

#define TRUST_FILE_MAX (1024 * 1024)
#define PREFIX_MIN 8

/* An anchor that was read, before it is in the database. Owns its DER. */
typedef struct {
    bm_buf der;
    bm_store_anchor row;
    const char *did; /* what became of it */
} candidate;

typedef struct {
    candidate *all;
    size_t count;
    bm_anchors *scratch; /* checks that each is a CA's certificate */
    bm_tpm_class class;
    int64_t now;
} bundle;

static void bundle_fini(bundle *b)
{
    for (size_t i = 0; i < b->count; i++)
        bm_buf_fini(&b->all[i].der);
    free(b->all);
    bm_anchors_free(b->scratch);
}

/* Room for one more. */
static BM_RESULT grow(bundle *b)
{
    candidate *all = realloc(b->all, (b->count + 1) * sizeof(*all));

    BM_CHECK(all != NULL, BM_E_NO_MEMORY, NULL);
    b->all = all;
    all[b->count] = (candidate){.row = {.class = b->class, .added = b->now}};
    return bm_ok();
}

/* The subject in one line, where the certificate's key is of a type that we know; a name is not worth a refusal. */
static void describe(bm_bytes der, bm_store_anchor *row)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *certificate = NULL;
    bm_ekc_info info;

    if (bm_ekc_parse(der, &certificate).code == BM_OK && bm_ekc_describe(certificate, &info).code == BM_OK)
        (void)snprintf(row->subject, sizeof(row->subject), "%s", info.subject);
}

/* The certificate with this number in its file, from 1 on. */
static BM_RESULT take(bundle *b, const char *file, size_t number, bm_bytes der)
{
    bm_result result = bm_anchors_add(b->scratch, der, b->class);
    candidate *fresh;

    if (result.code == BM_E_EKC_USAGE)
        return bm_failf(BM_E_MALFORMED, "%s: not the certificate of a CA: %s", file, result.detail == NULL ? "" : result.detail);
    if (result.code == BM_E_EKC_MALFORMED)
        return bm_failf(BM_E_MALFORMED, "%s: not a certificate: %s", file, result.detail == NULL ? "" : result.detail);
    BM_TRY(result);
    result = bm_anchors_check_key(der);
    if (result.code == BM_E_EKC_UNTRUSTED)
        return bm_failf(BM_E_MALFORMED, "%s: certificate %zu: %s: no EK certificate would be accepted below it: leave it out", file, number,
                        result.detail);
    BM_TRY(result);
    BM_TRY(grow(b));
    fresh = &b->all[b->count++];
    BM_TRY(bm_hash_sha256(der, fresh->row.sha256));
    describe(der, &fresh->row);
    BM_TRY(bm_buf_put(&fresh->der, der));
    fresh->row.der = bm_buf_view(&fresh->der);
    return bm_ok();
}

static BM_RESULT read_file(bundle *b, const char *file)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    size_t before = b->count;
    bm_bytes rest;
    bool found = true;

    BM_TRY(bm_ctl_files_read(file, TRUST_FILE_MAX, &bytes));
    rest = bm_buf_view(&bytes);
    if (rest.size > 0 && rest.data[0] == BM_DER_SEQUENCE)
        return take(b, file, 1, rest);
    while (found) {
        bm_result result = bm_ca_next_pem(&rest, "CERTIFICATE", &der, &found);

        if (result.code == BM_E_MALFORMED)
            return bm_failf(BM_E_MALFORMED, "%s: not PEM: %s", file, result.detail == NULL ? "" : result.detail);
        BM_TRY(result);
        if (found)
            BM_TRY(take(b, file, b->count - before + 1, bm_buf_view(&der)));
    }
    if (b->count == before)
        return bm_failf(BM_E_MALFORMED, "%s: there is no certificate in it, neither PEM nor DER", file);
    return bm_ok();
}

/* Which class the anchor has in the database. */
typedef struct {
    const uint8_t *sha256;
    bool found;
    bm_tpm_class class;
} search;

static BM_RESULT match_anchor(void *context, const bm_store_anchor *row)
{
    search *s = context;

    if (bm_bytes_equal(BM_BYTES_ARRAY(row->sha256), bm_bytes_of(s->sha256, BM_SHA256_SIZE))) {
        s->found = true;
        s->class = row->class;
    }
    return bm_ok();
}

static BM_RESULT add_all(bm_store *store, void *context)
{
    bundle *b = context;

    for (size_t i = 0; i < b->count; i++) {
        search s = {.sha256 = b->all[i].row.sha256};

        BM_TRY(bm_store_anchor_list(store, match_anchor, &s));
        BM_TRY(bm_store_anchor_add(store, &b->all[i].row));
        b->all[i].did = !s.found ? "added" : s.class == b->class ? "unchanged" : "changed";
    }
    return bm_ok();
}

static void print_line(const char *did, const bm_store_anchor *row)
{
    char hex[2 * BM_SHA256_SIZE + 1];

    bm_text_hex(BM_BYTES_ARRAY(row->sha256), hex);
    printf("%-9s %-8s %.16s  %s\n", did, bm_anchors_class_name(row->class), hex, row->subject);
}

BM_RESULT bm_ctl_trust_add(const bm_ctl *ctl)
{
    BM_AUTO(bundle_fini) bundle b = {.now = ctl->now};
    const char *class = ctl->values[BM_OPTION_CLASS];

    if (bm_anchors_class_by_name(bm_bytes_str(class), &b.class).code != BM_OK)
        return bm_failf(BM_E_USAGE, "'%s' is no class: it is discrete, firmware or virtual", class);
    BM_TRY(bm_anchors_new(&b.scratch));
    for (size_t i = 0; i < ctl->argument_count; i++)
        BM_TRY(read_file(&b, ctl->arguments[i]));
    BM_TRY(bm_ctl_state_change(ctl, add_all, &b));
    for (size_t i = 0; i < b.count; i++)
        print_line(b.all[i].did, &b.all[i].row);
    return bm_ctl_output_flush();
}

static BM_RESULT print_anchor(void *context, const bm_store_anchor *row)
{
    bm_ctl_output *output = context;

    bm_ctl_output_hex(output, BM_BYTES_ARRAY(row->sha256), 16);
    bm_ctl_output_text(output, bm_anchors_class_name(row->class));
    bm_ctl_output_time(output, row->added);
    bm_ctl_output_text(output, row->subject);
    return bm_ok();
}

BM_RESULT bm_ctl_trust_list(const bm_ctl *ctl)
{
    static const bm_ctl_column columns[] = {{"sha256", 16, BM_COLUMN_TEXT},
                                            {"class", 8, BM_COLUMN_TEXT},
                                            {"added", 20, BM_COLUMN_TEXT},
                                            {"subject", 1, BM_COLUMN_TEXT}};
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    bm_ctl_output output;

    BM_TRY(bm_ctl_state_open(ctl, &store));
    bm_ctl_output_begin(&output, columns, sizeof(columns) / sizeof(columns[0]), ctl->values[BM_OPTION_JSON] != NULL);
    BM_TRY(bm_store_anchor_list(store, print_anchor, &output));
    return bm_ctl_output_end(&output);
}

/* The anchors whose hash begins so. */
typedef struct {
    bm_bytes prefix;
    size_t count;
    bm_store_anchor row; /* its DER is gone */
    int64_t now;
} choice;

static BM_RESULT match_prefix(void *context, const bm_store_anchor *row)
{
    choice *c = context;

    if (!bm_ctl_state_begins(row->sha256, c->prefix))
        return bm_ok();
    c->row = *row;
    c->count++;
    return bm_ok();
}

static BM_RESULT remove_chosen(bm_store *store, void *context)
{
    choice *c = context;

    BM_TRY(bm_store_anchor_list(store, match_prefix, c));
    BM_CHECK(c->count > 0, BM_E_STORE_NOT_FOUND, "there is no trust anchor with this SHA-256: see birthmarkctl trust list");
    BM_CHECK(c->count == 1, BM_E_STORE_CONFLICT, "more than one trust anchor begins so: give more digits of its SHA-256");
    return bm_store_anchor_remove(store, c->row.sha256, c->now);
}

BM_RESULT bm_ctl_trust_remove(const bm_ctl *ctl)
{
    choice c = {.prefix = bm_bytes_str(ctl->arguments[0]), .now = ctl->now};

    BM_CHECK(c.prefix.size >= PREFIX_MIN && c.prefix.size <= (size_t)2 * BM_SHA256_SIZE, BM_E_USAGE,
             "give 8 digits or more of the anchor's SHA-256");
    BM_TRY(bm_ctl_state_change(ctl, remove_chosen, &c));
    print_line("removed", &c.row);
    return bm_ctl_output_flush();
}
