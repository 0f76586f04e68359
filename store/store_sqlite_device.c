#include "store/store_sqlite.h"

static BM_RESULT read_device(const bm_query *query, bm_device *device)
{
    bm_device row = {.id = bm_query_get_int(query, 0),
                     .in_inventory = bm_query_get_int(query, 3) != 0,
                     .status = bm_query_get_int(query, 4) == BM_DEVICE_ACTIVE ? BM_DEVICE_ACTIVE : BM_DEVICE_RETIRED,
                     .created = bm_query_get_int(query, 5),
                     .changed = bm_query_get_int(query, 6),
                     .admitted = bm_query_get_int(query, 7)};

    BM_TRY(bm_query_copy_blob(query, 1, row.ek_sha256, sizeof(row.ek_sha256)));
    BM_TRY(bm_query_copy_text(query, 2, row.identity, sizeof(row.identity)));
    *device = row;
    return bm_ok();
}

/* Steps a query of device rows. */
static BM_RESULT next_device(bm_query *query, bool *found, bm_device *device)
{
    BM_TRY(bm_query_row(query, found));
    return *found ? read_device(query, device) : bm_ok();
}

BM_RESULT bm_store_sqlite_device_by_ek(bm_query_pool *pool, const uint8_t *ek_sha256, bool *found, bm_device *device)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_BY_EK);

    bm_query_blob(&query, bm_bytes_of(ek_sha256, BM_SHA256_SIZE));
    return next_device(&query, found, device);
}

BM_RESULT bm_store_sqlite_device_others(bm_query_pool *pool, const char *identity, const uint8_t *ek_sha256, bool *any, bool *active)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_OTHERS);
    bool found;

    bm_query_text(&query, identity);
    bm_query_blob(&query, bm_bytes_of(ek_sha256, BM_SHA256_SIZE));
    BM_TRY(bm_query_row(&query, &found));
    *any = found;
    *active = found && bm_query_get_int(&query, 0) == BM_DEVICE_ACTIVE;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_device_insert(bm_query_pool *pool, const bm_device *device, int64_t *id)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_INSERT);

    bm_query_blob(&query, BM_BYTES_ARRAY(device->ek_sha256));
    bm_query_text(&query, device->identity);
    bm_query_int(&query, device->in_inventory);
    bm_query_int(&query, device->created);
    BM_TRY(bm_query_run(&query));
    *id = sqlite3_last_insert_rowid(pool->db);
    return bm_ok();
}

BM_RESULT bm_store_sqlite_device_bind(bm_query_pool *pool, int64_t id, const char *identity, int64_t now)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_BIND);

    bm_query_int(&query, id);
    bm_query_text(&query, identity);
    bm_query_int(&query, now);
    return bm_query_run(&query);
}

/* Runs a statement of (id, time). */
static BM_RESULT touch(bm_query_pool *pool, bm_sql sql, int64_t id, int64_t now)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, sql);

    bm_query_int(&query, id);
    bm_query_int(&query, now);
    return bm_query_run(&query);
}

/* Whose is the identity, as this EK sees it? */
static BM_RESULT claim_of(bm_query_pool *pool, const bm_store_lookup *found, const uint8_t *ek_sha256, const char *identity,
                          bm_claim *claim)
{
    bool any;
    bool active;

    *claim = BM_CLAIM_FREE;
    if (identity[0] == 0)
        return bm_ok();
    if (found->known && bm_bytes_equal(bm_bytes_str(found->device.identity), bm_bytes_str(identity))) {
        *claim = BM_CLAIM_MINE;
        return bm_ok();
    }
    BM_TRY(bm_store_sqlite_device_others(pool, identity, ek_sha256, &any, &active));
    if (any)
        *claim = BM_CLAIM_TAKEN;
    return bm_ok();
}

/* When the last certificate of the device that was found ends. */
static BM_RESULT last_expiry_of(bm_query_pool *pool, const bm_store_lookup *found, int64_t *last_expiry)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_LAST_EXPIRY);
    bool any;

    bm_query_int(&query, found->device.id);
    BM_TRY(bm_query_row(&query, &any));
    *last_expiry = any ? bm_query_get_int(&query, 0) : 0;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_device_look_up(bm_store *store, const uint8_t *ek_sha256, const char *identity, bm_store_lookup *found)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bm_store_lookup answer = {0};

    BM_TRY(bm_store_sqlite_device_by_ek(pool, ek_sha256, &answer.known, &answer.device));
    BM_TRY(claim_of(pool, &answer, ek_sha256, identity, &answer.claim));
    if (answer.known)
        BM_TRY(last_expiry_of(pool, &answer, &answer.last_expiry));
    BM_TRY(bm_store_sqlite_anchor_epoch(store, &answer.anchors_epoch));
    *found = answer;
    return bm_ok();
}

/* The log's entry about an operator's act on a device. */
static BM_RESULT log_act(bm_query_pool *pool, const char *act, const bm_device *device, int64_t now)
{
    char ek[2 * BM_SHA256_SIZE + 1];
    bm_store_log_entry entry = {.time = now,
                                .kind = BM_LOG_OPERATOR,
                                .subject = device->identity,
                                .text = act,
                                .evidence = BM_BYTES_ARRAY(device->ek_sha256)};
    uint64_t seq;

    if (device->identity[0] == 0) {
        bm_text_hex(BM_BYTES_ARRAY(device->ek_sha256), ek);
        entry.subject = ek;
    }
    return bm_store_sqlite_log_append(pool, &entry, &seq);
}

/* BM_E_IDENTITY_TAKEN when an active device with another EK has it. */
static BM_RESULT check_not_active_elsewhere(bm_query_pool *pool, const char *identity, const uint8_t *ek_sha256)
{
    bool any;
    bool active;

    BM_TRY(bm_store_sqlite_device_others(pool, identity, ek_sha256, &any, &active));
    if (active)
        return bm_failf(BM_E_IDENTITY_TAKEN, "another active device has the serial %s", identity);
    return bm_ok();
}

static BM_RESULT add_new(bm_query_pool *pool, const uint8_t *ek_sha256, const char *identity, int64_t now)
{
    bm_device device = {.in_inventory = true, .created = now};

    BM_TRY(bm_bytes_copy_exact(bm_bytes_of(ek_sha256, BM_SHA256_SIZE), device.ek_sha256, sizeof(device.ek_sha256)));
    BM_TRY(bm_bytes_copy_exact(bm_bytes_str(identity), (uint8_t *)device.identity, bm_bytes_str(identity).size));
    BM_TRY(bm_store_sqlite_device_insert(pool, &device, &device.id));
    return log_act(pool, "add device", &device, now);
}

static BM_RESULT add_again(bm_query_pool *pool, bm_device *device, const char *identity, int64_t now, bool *changed)
{
    bool bind = identity[0] != 0 && device->identity[0] == 0;

    BM_CHECK(device->status == BM_DEVICE_ACTIVE, BM_E_DEVICE_RETIRED, "the device with this EK was retired");
    if (identity[0] != 0 && !bind && !bm_bytes_equal(bm_bytes_str(device->identity), bm_bytes_str(identity)))
        return bm_failf(BM_E_IDENTITY_MISMATCH, "the device with this EK has the serial %s", device->identity);
    if (!bind && device->in_inventory) {
        *changed = false;
        return bm_ok();
    }
    if (bind) {
        BM_TRY(bm_store_sqlite_device_bind(pool, device->id, identity, now));
        BM_TRY(bm_bytes_copy_exact(bm_bytes_str(identity), (uint8_t *)device->identity, bm_bytes_str(identity).size));
    }
    BM_TRY(touch(pool, BM_SQL_DEVICE_STOCK, device->id, now));
    BM_TRY(log_act(pool, "add device", device, now));
    *changed = true;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_device_add(bm_store *store, const uint8_t *ek_sha256, const char *identity, int64_t now, bool *changed)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bm_device device = {0};
    bool known;

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(bm_store_sqlite_device_by_ek(pool, ek_sha256, &known, &device));
    if (identity[0] != 0)
        BM_TRY(check_not_active_elsewhere(pool, identity, ek_sha256));
    if (known)
        return add_again(pool, &device, identity, now, changed);
    BM_TRY(add_new(pool, ek_sha256, identity, now));
    *changed = true;
    return bm_ok();
}

static BM_RESULT device_by_id(bm_query_pool *pool, int64_t id, bm_device *device)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_BY_ID);
    bool found;

    bm_query_int(&query, id);
    BM_TRY(next_device(&query, &found, device));
    BM_CHECK(found, BM_E_STORE_NOT_FOUND, "there is no such device");
    return bm_ok();
}

BM_RESULT bm_store_sqlite_device_retire(bm_store *store, int64_t id, int64_t now)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bm_device device = {0};

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(device_by_id(pool, id, &device));
    if (device.status == BM_DEVICE_RETIRED)
        return bm_ok();
    BM_TRY(touch(pool, BM_SQL_DEVICE_RETIRE, id, now));
    return log_act(pool, "retire device", &device, now);
}

BM_RESULT bm_store_sqlite_device_admit(bm_store *store, int64_t id, int64_t now)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bm_device device = {0};

    BM_TRY(bm_store_sqlite_in_transaction(pool));
    BM_TRY(device_by_id(pool, id, &device));
    BM_CHECK(device.status == BM_DEVICE_ACTIVE, BM_E_DEVICE_RETIRED, "a retired device stays so: its EK gets nothing any more");
    BM_TRY(touch(pool, BM_SQL_DEVICE_ADMIT, id, now));
    return log_act(pool, "admit device", &device, now);
}

static BM_RESULT find_by_identity(bm_query_pool *pool, const char *name, bool *found, bm_device *device)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_BY_IDENTITY);

    bm_query_text(&query, name);
    return next_device(&query, found, device);
}

static BM_RESULT find_by_prefix(bm_query_pool *pool, const char *name, bm_device *device)
{
    BM_AUTO_QUERY query = bm_query_begin(pool, BM_SQL_DEVICE_BY_PREFIX);
    uint8_t low[BM_SHA256_SIZE];
    uint8_t high[BM_SHA256_SIZE];
    bm_device second;
    bool found;
    bool more;

    if (!bm_query_prefix(bm_bytes_str(name), sizeof(low), low, high))
        return bm_failf(BM_E_STORE_NOT_FOUND, "there is no device %s", name);
    bm_query_blob(&query, BM_BYTES_ARRAY(low));
    bm_query_blob(&query, BM_BYTES_ARRAY(high));
    BM_TRY(next_device(&query, &found, device));
    if (!found)
        return bm_failf(BM_E_STORE_NOT_FOUND, "there is no device %s", name);
    BM_TRY(next_device(&query, &more, &second));
    if (more)
        return bm_failf(BM_E_STORE_CONFLICT, "more than one EK begins with %s; give more digits", name);
    return bm_ok();
}

/*
 * A device chooses the serial that it claims, and may choose the digits of another one's EK: an operator who means that one, to retire it, must
 * not hit the other. The whole hash is the EK's; fewer digits that are a serial too are ambiguous.
 */
BM_RESULT bm_store_sqlite_device_find(bm_store *store, const char *name, bm_device *device)
{
    bm_query_pool *pool = bm_store_sqlite_pool(store);
    bool whole = bm_bytes_str(name).size == (size_t)2 * BM_SHA256_SIZE;
    bm_device named = {0};
    bm_device prefixed = {0};
    bm_result result;
    bool found;

    BM_TRY(find_by_identity(pool, name, &found, &named));
    result = find_by_prefix(pool, name, &prefixed);
    if (found && !(whole && result.code == BM_OK)) {
        if (result.code == BM_E_STORE_CONFLICT || (result.code == BM_OK && prefixed.id != named.id))
            return bm_failf(BM_E_STORE_CONFLICT, "%s is the serial of one device, and begins the EK of another: give its EK's 64 digits", name);
        BM_CHECK(result.code == BM_OK || result.code == BM_E_STORE_NOT_FOUND, result.code, result.detail);
        *device = named;
        return bm_ok();
    }
    BM_TRY(result);
    *device = prefixed;
    return bm_ok();
}

BM_RESULT bm_store_sqlite_device_list(bm_store *store, bm_store_device_row row, void *context)
{
    BM_AUTO_QUERY query = bm_query_begin(bm_store_sqlite_pool(store), BM_SQL_DEVICE_LIST);
    bm_device device;
    bool found;

    for (;;) {
        BM_TRY(next_device(&query, &found, &device));
        if (!found)
            return bm_ok();
        BM_TRY(row(context, &device));
    }
}
