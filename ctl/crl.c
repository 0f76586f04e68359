#include "crypto/der.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "ctl/state.h"
#include "x509/ca.h"
#include "x509/crl.h"

#include <stdio.h>
#include <stdlib.h>

#define CRL_FILE_MAX (BM_CRL_MAX * 3 / 2) /* as PEM */
#define ISSUER_FILE_MAX (64 * 1024)
#define PREFIX_MIN 8
#define ISSUER_TEXT_SIZE 128
#define FUTURE_MAX 3600 /* seconds that a vendor's clock may be ahead of ours */
#define DAY 86400

/* A CRL that was read, before it is in the database. Owns its bytes. */
typedef struct {
    const char *file;
    bm_buf der;
    bm_buf ids;
    char issuer[ISSUER_TEXT_SIZE];
    bm_crl crl;
    bm_store_crl row;
    const char *did; /* what became of it */
} candidate;

typedef struct {
    candidate *all;
    size_t count;
    bm_anchors *anchors;
    bm_buf chain[BM_EKC_CHAIN_MAX]; /* what --issuer brought */
    size_t chain_count;
    int64_t now;
} bundle;

static void bundle_fini(bundle *b)
{
    for (size_t i = 0; i < b->count; i++) {
        bm_buf_fini(&b->all[i].der);
        bm_buf_fini(&b->all[i].ids);
    }
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        bm_buf_fini(&b->chain[i]);
    free(b->all);
    bm_anchors_free(b->anchors);
}

/* What to do with each of a file's blocks. */
typedef BM_RESULT (*block_taker)(bundle *b, const char *file, bm_bytes der);

/* The same failure, with the file's name before its words. */
static bm_result about(const char *file, bm_result result)
{
    if (result.code == BM_OK || result.code == BM_E_NO_MEMORY || result.code == BM_E_INTERNAL)
        return result;
    return bm_failf(BM_E_MALFORMED, "%s: %s", file, result.detail == NULL ? bm_code_advice(result.code) : result.detail);
}

/* Reads a file that is DER, or PEM with blocks of this label. */
static BM_RESULT read_file(bundle *b, const char *file, size_t max, const char *label, block_taker take)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_bytes rest;
    bool found = true;
    size_t taken = 0;

    BM_TRY(bm_ctl_files_read(file, max, &bytes));
    rest = bm_buf_view(&bytes);
    if (rest.size > 0 && rest.data[0] == BM_DER_SEQUENCE)
        return take(b, file, rest);
    for (; found; taken += found) {
        bm_result result = bm_ca_next_pem(&rest, label, &der, &found);

        if (result.code == BM_E_MALFORMED)
            return bm_failf(BM_E_MALFORMED, "%s: not PEM: %s", file, result.detail == NULL ? "" : result.detail);
        BM_TRY(result);
        if (found)
            BM_TRY(take(b, file, bm_buf_view(&der)));
    }
    if (taken == 0)
        return bm_failf(BM_E_MALFORMED, "%s: there is no %s in it, neither PEM nor DER", file, label);
    return bm_ok();
}

static BM_RESULT take_certificate(bundle *b, const char *file, bm_bytes der)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *scratch = NULL;

    BM_TRY(bm_anchors_new(&scratch));
    BM_TRY(about(file, bm_anchors_add(scratch, der, BM_CLASS_DISCRETE)));
    if (b->chain_count == BM_EKC_CHAIN_MAX)
        return bm_failf(BM_E_MALFORMED, "%s: more than 4 certificates", file);
    return bm_buf_put(&b->chain[b->chain_count++], der);
}

static BM_RESULT take_crl(bundle *b, const char *file, bm_bytes der)
{
    candidate *all = realloc(b->all, (b->count + 1) * sizeof(*all));
    candidate *fresh;

    BM_CHECK(all != NULL, BM_E_NO_MEMORY, NULL);
    b->all = all;
    fresh = &all[b->count++];
    *fresh = (candidate){.file = file};
    BM_TRY(bm_buf_put(&fresh->der, der));
    return about(file, bm_crl_parse(bm_buf_view(&fresh->der), &fresh->crl));
}

static BM_RESULT keep_anchor(void *context, const bm_store_anchor *row)
{
    bundle *b = context;
    bm_result result = bm_anchors_add(b->anchors, row->der, row->class);

    /* One that is no good is as one that is not there. */
    return result.code == BM_E_NO_MEMORY ? result : bm_ok();
}

static BM_RESULT load_anchors(const bm_ctl *ctl, bundle *b)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;

    BM_TRY(bm_ctl_state_open(ctl, &store));
    BM_TRY(bm_anchors_new(&b->anchors));
    return bm_store_anchor_list(store, keep_anchor, b);
}

/* Who signed it, and what the database is to have of it. */
static BM_RESULT judge(bundle *b, candidate *fresh)
{
    bm_bytes chain[BM_EKC_CHAIN_MAX];
    uint8_t issuer[BM_SHA256_SIZE];
    const bm_crl *crl = &fresh->crl;
    bm_result result;

    for (size_t i = 0; i < b->chain_count; i++)
        chain[i] = bm_buf_view(&b->chain[i]);
    BM_TRY(bm_crl_issuer_name(crl, fresh->issuer, sizeof(fresh->issuer)));
    BM_CHECK(crl->this_update <= b->now + FUTURE_MAX, BM_E_MALFORMED, "it is from the future: look at this machine's clock");
    result = bm_crl_issuer(crl, b->anchors, chain, b->chain_count, b->now, issuer);
    if (result.code == BM_E_EKC_UNTRUSTED)
        return bm_failf(BM_E_MALFORMED, "%s (%s): add that CA with 'birthmarkctl trust add', or name its certificate with --issuer",
                        result.detail, fresh->issuer);
    BM_TRY(result);
    BM_TRY(bm_crl_put_ids(crl, issuer, &fresh->ids));
    BM_TRY(bm_crl_scope(crl, issuer, fresh->row.scope));
    BM_TRY(bm_hash_sha256(bm_buf_view(&fresh->der), fresh->row.sha256));
    return bm_ok();
}

static void fill_row(const bundle *b, candidate *fresh)
{
    fresh->row.issuer = fresh->issuer;
    fresh->row.number = fresh->crl.number;
    fresh->row.this_update = fresh->crl.this_update;
    fresh->row.next_update = fresh->crl.next_update;
    fresh->row.added = b->now;
    fresh->row.ids = bm_buf_view(&fresh->ids);
    fresh->row.count = fresh->row.ids.size / BM_REVOKED_ID_SIZE;
    fresh->row.der = bm_buf_view(&fresh->der);
}

/* A CRL against those of the database. */
typedef struct {
    const candidate *fresh;
    uint64_t others; /* certificates that the others revoke */
    bool found;      /* one of the same issuer */
    bool same;
    bool newer;
} comparison;

static BM_RESULT compare_row(void *context, const bm_store_crl *row)
{
    comparison *c = context;
    const bm_store_crl *fresh = &c->fresh->row;

    if (!bm_bytes_equal(BM_BYTES_ARRAY(row->scope), BM_BYTES_ARRAY(fresh->scope))) {
        c->others += row->count;
        return bm_ok();
    }
    c->found = true;
    c->same = bm_bytes_equal(BM_BYTES_ARRAY(row->sha256), BM_BYTES_ARRAY(fresh->sha256));
    c->newer = bm_crl_is_newer(&(bm_crl_age){.number = fresh->number, .this_update = fresh->this_update},
                               &(bm_crl_age){.number = row->number, .this_update = row->this_update});
    return bm_ok();
}

static BM_RESULT add_all(bm_store *store, void *context)
{
    bundle *b = context;

    for (size_t i = 0; i < b->count; i++) {
        candidate *fresh = &b->all[i];
        comparison c = {.fresh = fresh};

        BM_TRY(bm_store_crl_list(store, compare_row, &c));
        fresh->did = !c.found ? "added" : c.same ? "unchanged" : "replaced";
        if (c.same)
            continue;
        if (c.found && !c.newer)
            return bm_failf(BM_E_STORE_CONFLICT, "%s: it is not newer than the CRL of this CA that is loaded (by number and date); if you want "
                            "it all the same, remove that one first", fresh->file);
        if (c.others + fresh->row.count > BM_REVOKED_MAX)
            return bm_failf(BM_E_STORE_CONFLICT, "%s: all CRLs together would revoke more than %zu certificates, which is more than a server "
                            "keeps", fresh->file, BM_REVOKED_MAX);
        BM_TRY(bm_store_crl_add(store, &fresh->row));
    }
    return bm_ok();
}

static bool is_overdue(const bm_store_crl *row, int64_t now)
{
    return row->next_update != 0 && row->next_update < now;
}

/* A vendor that is late must not stop a fleet; the operator is to know. */
static void warn(const char *what, const bm_store_crl *row)
{
    char due[BM_TIME_TEXT_SIZE];

    bm_text_time(row->next_update, due);
    (void)fflush(stdout);
    fprintf(stderr, "birthmarkctl: %s: the next CRL was due on %s; what this one lists is refused all the same: load the new one\n", what, due);
}

static void print_line(const char *did, const bm_store_crl *row, const char *issuer)
{
    char hex[2 * BM_SHA256_SIZE + 1];

    bm_text_hex(BM_BYTES_ARRAY(row->sha256), hex);
    printf("%-9s %.16s  revokes %llu  %s\n", did, hex, (unsigned long long)row->count, issuer);
}

BM_RESULT bm_ctl_crl_add(const bm_ctl *ctl)
{
    BM_AUTO(bundle_fini) bundle b = {.now = ctl->now};

    if (ctl->values[BM_OPTION_ISSUER] != NULL)
        BM_TRY(read_file(&b, ctl->values[BM_OPTION_ISSUER], ISSUER_FILE_MAX, "CERTIFICATE", take_certificate));
    for (size_t i = 0; i < ctl->argument_count; i++)
        BM_TRY(read_file(&b, ctl->arguments[i], CRL_FILE_MAX, "X509 CRL", take_crl));
    BM_TRY(load_anchors(ctl, &b));
    for (size_t i = 0; i < b.count; i++) {
        BM_TRY(about(b.all[i].file, judge(&b, &b.all[i])));
        fill_row(&b, &b.all[i]);
    }
    BM_TRY(bm_ctl_state_change(ctl, add_all, &b));
    for (size_t i = 0; i < b.count; i++) {
        print_line(b.all[i].did, &b.all[i].row, b.all[i].issuer);
        if (is_overdue(&b.all[i].row, b.now))
            warn(b.all[i].file, &b.all[i].row);
    }
    return bm_ctl_output_flush();
}

typedef struct {
    bm_ctl_output output;
    int64_t now;
} listing;

static BM_RESULT print_crl(void *context, const bm_store_crl *row)
{
    listing *l = context;
    int64_t age = l->now > row->this_update ? (l->now - row->this_update) / DAY : 0;

    bm_ctl_output_hex(&l->output, BM_BYTES_ARRAY(row->sha256), 16);
    bm_ctl_output_number(&l->output, row->count);
    bm_ctl_output_hex(&l->output, row->number, (size_t)2 * BM_CRL_NUMBER_MAX);
    bm_ctl_output_time(&l->output, row->this_update);
    if (row->next_update != 0)
        bm_ctl_output_time(&l->output, row->next_update);
    else
        bm_ctl_output_text(&l->output, "");
    bm_ctl_output_number(&l->output, (uint64_t)age);
    bm_ctl_output_bool(&l->output, is_overdue(row, l->now));
    bm_ctl_output_time(&l->output, row->added);
    bm_ctl_output_text(&l->output, row->issuer);
    return bm_ok();
}

static BM_RESULT warn_row(void *context, const bm_store_crl *row)
{
    const listing *l = context;

    if (is_overdue(row, l->now))
        warn(row->issuer, row);
    return bm_ok();
}

BM_RESULT bm_ctl_crl_list(const bm_ctl *ctl)
{
    static const bm_ctl_column columns[] = {
        {"sha256", 16, BM_COLUMN_TEXT},      {"revokes", 8, BM_COLUMN_NUMBER},  {"number", 0, BM_COLUMN_TEXT},
        {"this_update", 20, BM_COLUMN_TEXT}, {"next_update", 20, BM_COLUMN_TEXT}, {"age_days", 8, BM_COLUMN_NUMBER},
        {"overdue", 7, BM_COLUMN_BOOL},      {"added", 0, BM_COLUMN_TEXT},      {"issuer", 1, BM_COLUMN_TEXT}};
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    listing l = {.now = ctl->now};

    BM_TRY(bm_ctl_state_open(ctl, &store));
    bm_ctl_output_begin(&l.output, columns, sizeof(columns) / sizeof(columns[0]), ctl->values[BM_OPTION_JSON] != NULL);
    BM_TRY(bm_store_crl_list(store, print_crl, &l));
    BM_TRY(bm_ctl_output_end(&l.output));
    return bm_store_crl_list(store, warn_row, &l);
}

/* The CRLs whose hash begins so. */
typedef struct {
    bm_bytes prefix;
    size_t count;
    bm_store_crl row; /* its views are gone */
    char issuer[ISSUER_TEXT_SIZE];
    int64_t now;
} choice;

static BM_RESULT match_prefix(void *context, const bm_store_crl *row)
{
    choice *c = context;

    if (!bm_ctl_state_begins(row->sha256, c->prefix))
        return bm_ok();
    c->row = *row;
    (void)snprintf(c->issuer, sizeof(c->issuer), "%s", row->issuer);
    c->count++;
    return bm_ok();
}

static BM_RESULT remove_chosen(bm_store *store, void *context)
{
    choice *c = context;

    BM_TRY(bm_store_crl_list(store, match_prefix, c));
    BM_CHECK(c->count > 0, BM_E_STORE_NOT_FOUND, "there is no CRL with this SHA-256: see birthmarkctl trust crl list");
    BM_CHECK(c->count == 1, BM_E_STORE_CONFLICT, "more than one CRL begins so: give more digits of its SHA-256");
    return bm_store_crl_remove(store, c->row.sha256, c->now);
}

BM_RESULT bm_ctl_crl_remove(const bm_ctl *ctl)
{
    choice c = {.prefix = bm_bytes_str(ctl->arguments[0]), .now = ctl->now};

    BM_CHECK(c.prefix.size >= PREFIX_MIN && c.prefix.size <= (size_t)2 * BM_SHA256_SIZE, BM_E_USAGE,
             "give 8 digits or more of the CRL's SHA-256");
    BM_TRY(bm_ctl_state_change(ctl, remove_chosen, &c));
    print_line("removed", &c.row, c.issuer);
    return bm_ctl_output_flush();
}
