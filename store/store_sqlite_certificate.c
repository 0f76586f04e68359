#include "store/store_log.h"
#include "store/store_sqlite.h"

/* The certificate of a request: its DER, and that it is this EK's where `ek_sha256` is given. */
static BM_RESULT find_request(bm_query_pool *pool, const uint8_t *request_id, const uint8_t *ek_sha256, bool *found, bm_buf *der)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_REQUEST);

    bm_query_blob(&query, bm_bytes_of(request_id, BM_SHA256_SIZE));
    BM_TRY(bm_query_row(&query, found));
    if (!*found)
        return bm_ok();
    BM_CHECK(ek_sha256 == NULL || bm_bytes_equal(bm_query_get_blob(&query, 1), bm_bytes_of(ek_sha256, BM_SHA256_SIZE)),
             BM_E_STORE_CONFLICT, "another EK made this request");
    return bm_buf_put(der, bm_query_get_blob(&query, 0));
}

BM_RESULT bm_store_sqlite_certificate_request(bm_store *store, const uint8_t *request_id, bm_buf *der)
{
    bool found;

    BM_TRY(find_request(bm_store_sqlite_pool(store), request_id, NULL, &found, der));
    BM_CHECK(found, BM_E_STORE_NOT_FOUND, "there is no certificate of this request");
    return bm_ok();
}

static BM_RESULT check_serial_is_new(bm_query_pool *pool, const bm_store_certificate *certificate)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_SERIAL_EXISTS);
    bool found;

    bm_query_blob(&query, BM_BYTES_ARRAY(certificate->serial));
    BM_TRY(bm_query_row(&query, &found));
    BM_CHECK(!found, BM_E_STORE_CONFLICT, "there is a certificate with this serial");
    return bm_ok();
}

/* The device for this certificate: a known one (its identity bound if it has none), or a new one. */
static BM_RESULT bind_device(bm_query_pool *pool, const bm_store_certificate *certificate, bool known, const bm_device *device,
                             int64_t *id)
{
    bm_device made = {.created = certificate->issued};
    bm_bytes identity = bm_bytes_str(certificate->identity);

    if (known) {
        *id = device->id;
        return device->identity[0] != 0
                   ? bm_ok()
                   : bm_store_sqlite_device_bind(pool, device->id, certificate->identity, certificate->issued);
    }
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(certificate->ek_sha256), made.ek_sha256, sizeof(made.ek_sha256)));
    BM_TRY(bm_bytes_copy_exact(identity, (uint8_t *)made.identity, identity.size));
    return bm_store_sqlite_device_insert(pool, &made, id);
}

/* Whether this EK may have this identity. An identity that was never this EK's must be free, of retired devices as well. */
static BM_RESULT check_binding(bm_query_pool *pool, const bm_store_certificate *certificate, bool known, const bm_device *device)
{
    bool any;
    bool active;

    if (known) {
        BM_CHECK(device->status == BM_DEVICE_ACTIVE, BM_E_DEVICE_RETIRED, NULL);
        if (device->identity[0] != 0) {
            BM_CHECK(bm_bytes_equal(bm_bytes_str(device->identity), bm_bytes_str(certificate->identity)),
                     BM_E_IDENTITY_MISMATCH, NULL);
            return bm_ok();
        }
    }
    BM_TRY(bm_store_sqlite_device_others(pool, certificate->identity, certificate->ek_sha256, &any, &active));
    BM_CHECK(!any, BM_E_IDENTITY_TAKEN, NULL);
    return bm_ok();
}

static BM_RESULT log_issue(bm_query_pool *pool, const bm_store_certificate *certificate, uint64_t *seq)
{
    BM_AUTO_BUF evidence = BM_BUF_EMPTY;
    bm_store_log_entry entry = {
        .time = certificate->issued, .kind = BM_LOG_ISSUE, .subject = certificate->identity, .text = "issued"};

    BM_TRY(bm_store_log_put_issue(&evidence, certificate));
    entry.evidence = bm_buf_view(&evidence);
    return bm_store_sqlite_log_append(pool, &entry, seq);
}

static BM_RESULT insert_certificate(bm_query_pool *pool, const bm_store_certificate *certificate, int64_t device_id, uint64_t log_seq)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_CERTIFICATE_INSERT);

    bm_query_blob(&query, BM_BYTES_ARRAY(certificate->serial));
    bm_query_blob(&query, BM_BYTES_ARRAY(certificate->request_id));
    bm_query_int(&query, device_id);
    bm_query_int(&query, (int64_t)log_seq);
    bm_query_blob(&query, BM_BYTES_ARRAY(certificate->ik_spki_sha256));
    bm_query_text(&query, certificate->profile);
    bm_query_int(&query, certificate->issued);
    bm_query_int(&query, certificate->not_before);
    bm_query_int(&query, certificate->not_after);
    bm_query_blob(&query, certificate->der);
    return bm_query_run(&query);
}

static BM_RESULT write_issue(bm_query_pool *pool, const bm_store_certificate *certificate, bool known, const bm_device *device)
{
    int64_t device_id;
    uint64_t seq;

    BM_TRY(bind_device(pool, certificate, known, device, &device_id));
    BM_TRY(log_issue(pool, certificate, &seq));
    return insert_certificate(pool, certificate, device_id, seq);
}

/* Writes inside a savepoint: what fails half-way leaves nothing behind in the caller's transaction. */
static BM_RESULT write_all_or_nothing(bm_query_pool *pool, const bm_store_certificate *certificate, bool known, const bm_device *device)
{
    bm_result result;

    BM_TRY(bm_query_simple(pool, BM_SQL_SAVEPOINT));
    result = write_issue(pool, certificate, known, device);
    if (result.code == BM_OK)
        return bm_query_simple(pool, BM_SQL_RELEASE);
    bm_result_ignore(bm_query_simple(pool, BM_SQL_ROLLBACK_TO));
    bm_result_ignore(bm_query_simple(pool, BM_SQL_RELEASE));
    return result;
}

BM_RESULT bm_store_sqlite_certificate_record(bm_store *store, const bm_store_certificate *certificate, bm_buf *der)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bm_device device = {0};
    bool known;
    bool found;

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(bm_store_sqlite_device_by_ek(pool, certificate->ek_sha256, &known, &device));
    BM_TRY(check_binding(pool, certificate, known, &device));
    BM_TRY(find_request(pool, certificate->request_id, certificate->ek_sha256, &found, der));
    if (found)
        return bm_ok();
    BM_TRY(check_serial_is_new(pool, certificate));
    BM_TRY(bm_buf_reserve(der, certificate->der.size));
    BM_TRY(write_all_or_nothing(pool, certificate, known, &device));
    return bm_buf_put(der, certificate->der);
}

static BM_RESULT read_certificate(const bm_query *query, bm_store_certificate *certificate)
{
    bm_store_certificate row = {.issued = bm_query_get_int(query, 6),
                                .not_before = bm_query_get_int(query, 7),
                                .not_after = bm_query_get_int(query, 8),
                                .der = bm_query_get_blob(query, 9),
                                .evidence = bm_query_get_blob(query, 10)};

    BM_TRY(bm_query_copy_blob(query, 0, row.serial, sizeof(row.serial)));
    BM_TRY(bm_query_copy_blob(query, 1, row.request_id, sizeof(row.request_id)));
    BM_TRY(bm_query_copy_blob(query, 2, row.ek_sha256, sizeof(row.ek_sha256)));
    BM_TRY(bm_query_copy_blob(query, 3, row.ik_spki_sha256, sizeof(row.ik_spki_sha256)));
    BM_TRY(bm_query_copy_text(query, 4, row.identity, sizeof(row.identity)));
    BM_TRY(bm_query_copy_text(query, 5, row.profile, sizeof(row.profile)));
    *certificate = row;
    return bm_ok();
}

static BM_RESULT each_certificate(bm_query *query, bm_store_certificate_row row, void *context)
{
    bm_store_certificate certificate;
    bool found;

    for (;;) {
        BM_TRY(bm_query_row(query, &found));
        if (!found)
            return bm_ok();
        BM_TRY(read_certificate(query, &certificate));
        BM_TRY(row(context, &certificate));
    }
}

BM_RESULT bm_store_sqlite_certificate_list(bm_store *store, const char *identity, bm_store_certificate_row row, void *context)
{
    BM_AUTO_QUERY query =
        bm_query_begin(bm_store_sqlite_pool(store), identity == NULL ? BM_SQL_CERTIFICATE_LIST : BM_SQL_CERTIFICATE_BY_IDENTITY);

    if (identity != NULL)
        bm_query_text(&query, identity);
    return each_certificate(&query, row, context);
}

/* BM_OK when exactly one serial is in the range. */
static BM_RESULT check_is_one(bm_query_pool *pool, bm_bytes low, bm_bytes high)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_CERTIFICATE_BY_PREFIX);
    bool found;

    bm_query_blob(&query, low);
    bm_query_blob(&query, high);
    BM_TRY(bm_query_row(&query, &found));
    BM_CHECK(found, BM_E_STORE_NOT_FOUND, "there is no certificate with this serial");
    BM_TRY(bm_query_row(&query, &found));
    BM_CHECK(!found, BM_E_STORE_CONFLICT, "more than one serial begins so; give more digits");
    return bm_ok();
}

BM_RESULT bm_store_sqlite_certificate_find(bm_store *store, bm_bytes serial, bm_store_certificate_row row, void *context)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    uint8_t low[BM_SERIAL_SIZE];
    uint8_t high[BM_SERIAL_SIZE];

    BM_CHECK(bm_query_prefix(serial, sizeof(low), low, high), BM_E_STORE_NOT_FOUND,
             "a certificate's serial is given in hex, 8 digits or more");
    BM_TRY(check_is_one(pool, BM_BYTES_ARRAY(low), BM_BYTES_ARRAY(high)));

    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_CERTIFICATE_BY_PREFIX);
    bm_query_blob(&query, BM_BYTES_ARRAY(low));
    bm_query_blob(&query, BM_BYTES_ARRAY(high));
    return each_certificate(&query, row, context);
}
