#include "ctl/ek.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "ctl/state.h"

#include <stdio.h>

static const char *status_name(const bm_device *device)
{
    return device->status == BM_DEVICE_ACTIVE ? "active" : "retired";
}

/* A device that is to be added. */
typedef struct {
    const char *serial;
    uint8_t ek[BM_SHA256_SIZE];
    int64_t now;
    bool changed;
} addition;

static BM_RESULT read_ek(const bm_ctl *ctl, uint8_t *sha256)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    const char *certificate = ctl->values[BM_OPTION_EK_CERT];
    const char *public_area = ctl->values[BM_OPTION_EK_PUBLIC];
    const char *hash = ctl->values[BM_OPTION_EK_SHA256];
    const char *file = certificate != NULL ? certificate : public_area;
    bm_result result;

    BM_CHECK((certificate != NULL) + (public_area != NULL) + (hash != NULL) == 1, BM_E_USAGE,
             "give exactly one of --ek-cert, --ek-public, --ek-sha256");
    if (hash != NULL) {
        result = bm_ctl_ek_of_hex(bm_bytes_str(hash), sha256);
        return result.code == BM_E_MALFORMED ? bm_failf(BM_E_USAGE, "--ek-sha256: %s", result.detail) : result;
    }
    BM_TRY(bm_ctl_files_read(file, BM_EK_FILE_MAX, &bytes));
    result = certificate != NULL ? bm_ctl_ek_of_certificate(bm_buf_view(&bytes), sha256)
                                 : bm_ctl_ek_of_public(bm_buf_view(&bytes), sha256);
    return result.code == BM_E_MALFORMED ? bm_failf(BM_E_MALFORMED, "%s: %s", file, result.detail) : result;
}

static BM_RESULT add(bm_store *store, void *context)
{
    addition *a = context;

    return bm_store_device_add(store, a->ek, a->serial, a->now, &a->changed);
}

BM_RESULT bm_ctl_device_add(const bm_ctl *ctl)
{
    const char *serial = ctl->values[BM_OPTION_SERIAL];
    addition a = {.serial = serial == NULL ? "" : serial, .now = ctl->now};
    char hex[2 * BM_SHA256_SIZE + 1];

    BM_TRY(read_ek(ctl, a.ek));
    BM_TRY(bm_ctl_state_change(ctl, add, &a));
    bm_text_hex(BM_BYTES_ARRAY(a.ek), hex);
    printf("%s %s, EK %s\n", a.changed ? "added" : "unchanged", a.serial[0] == 0 ? "(no serial)" : a.serial, hex);
    return bm_ctl_output_flush();
}

static BM_RESULT print_device(void *context, const bm_device *device)
{
    bm_ctl_output *output = context;

    bm_ctl_output_text(output, device->identity);
    bm_ctl_output_text(output, status_name(device));
    bm_ctl_output_bool(output, device->in_inventory);
    bm_ctl_output_time(output, device->created);
    bm_ctl_output_time(output, device->changed);
    bm_ctl_output_hex(output, BM_BYTES_ARRAY(device->ek_sha256), 16);
    return bm_ok();
}

BM_RESULT bm_ctl_device_list(const bm_ctl *ctl)
{
    static const bm_ctl_column columns[] = {{"serial", 24, BM_COLUMN_TEXT},  {"status", 7, BM_COLUMN_TEXT},
                                            {"inventory", 9, BM_COLUMN_BOOL}, {"created", 20, BM_COLUMN_TEXT},
                                            {"changed", 20, BM_COLUMN_TEXT},  {"ek_sha256", 16, BM_COLUMN_TEXT}};
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    bm_ctl_output output;

    BM_TRY(bm_ctl_state_open(ctl, &store));
    bm_ctl_output_begin(&output, columns, sizeof(columns) / sizeof(columns[0]), ctl->values[BM_OPTION_JSON] != NULL);
    BM_TRY(bm_store_device_list(store, print_device, &output));
    return bm_ctl_output_end(&output);
}

static BM_RESULT find(bm_store *store, const char *name, bm_device *device)
{
    bm_result result = bm_store_device_find(store, name, device);

    if (result.code == BM_E_STORE_NOT_FOUND)
        return bm_failf(BM_E_STORE_NOT_FOUND, "there is no device '%s': see birthmarkctl device list", name);
    return result;
}

/* The certificates of one EK among those of an identity. */
typedef struct {
    const bm_device *device;
    size_t count;
} holder;

static BM_RESULT print_certificate(void *context, const bm_store_certificate *row)
{
    holder *h = context;
    char serial[2 * BM_SERIAL_SIZE + 1];
    char from[BM_TIME_TEXT_SIZE];
    char until[BM_TIME_TEXT_SIZE];

    if (!bm_bytes_equal(BM_BYTES_ARRAY(row->ek_sha256), BM_BYTES_ARRAY(h->device->ek_sha256)))
        return bm_ok();
    bm_text_hex(BM_BYTES_ARRAY(row->serial), serial);
    bm_text_time(row->not_before, from);
    bm_text_time(row->not_after, until);
    printf("%-15s %s  %s to %s  %s\n", h->count++ == 0 ? "certificates" : "", serial, from, until, row->profile);
    return bm_ok();
}

BM_RESULT bm_ctl_device_show(const bm_ctl *ctl)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    bm_device device;
    holder h = {.device = &device};

    BM_TRY(bm_ctl_state_open(ctl, &store));
    BM_TRY(find(store, ctl->arguments[0], &device));
    bm_ctl_output_field("serial", device.identity);
    bm_ctl_output_field_hex("EK SHA-256", BM_BYTES_ARRAY(device.ek_sha256));
    bm_ctl_output_field("status", status_name(&device));
    bm_ctl_output_field("in inventory", device.in_inventory ? "yes" : "no: it came by a claim");
    bm_ctl_output_field_time("created", device.created);
    bm_ctl_output_field_time("changed", device.changed);
    if (device.identity[0] != 0)
        BM_TRY(bm_store_certificate_list(store, device.identity, print_certificate, &h));
    if (h.count == 0)
        bm_ctl_output_field("certificates", "none");
    return bm_ctl_output_flush();
}

/* A device that is to be retired, or let in. */
typedef struct {
    const char *name;
    int64_t now;
    bm_device device;
    int64_t last_expiry;
} named_act;

static BM_RESULT retire(bm_store *store, void *context)
{
    named_act *r = context;

    BM_TRY(find(store, r->name, &r->device));
    return bm_store_device_retire(store, r->device.id, r->now);
}

BM_RESULT bm_ctl_device_retire(const bm_ctl *ctl)
{
    named_act r = {.name = ctl->arguments[0], .now = ctl->now};
    char hex[2 * BM_SHA256_SIZE + 1];

    BM_TRY(bm_ctl_state_change(ctl, retire, &r));
    bm_text_hex(BM_BYTES_ARRAY(r.device.ek_sha256), hex);
    printf("%s %s, EK %s\n", r.device.status == BM_DEVICE_RETIRED ? "retired before" : "retired",
           r.device.identity[0] == 0 ? "(no serial)" : r.device.identity, hex);
    return bm_ctl_output_flush();
}

static BM_RESULT admit(bm_store *store, void *context)
{
    named_act *a = context;
    bm_store_lookup found;

    BM_TRY(find(store, a->name, &a->device));
    BM_TRY(bm_store_look_up(store, a->device.ek_sha256, "", &found));
    a->last_expiry = found.last_expiry;
    /* Its last certificate is its admission. */
    return a->last_expiry > a->now && a->device.status == BM_DEVICE_ACTIVE ? bm_ok() : bm_store_device_admit(store, a->device.id, a->now);
}

BM_RESULT bm_ctl_device_admit(const bm_ctl *ctl)
{
    named_act a = {.name = ctl->arguments[0], .now = ctl->now};
    char hex[2 * BM_SHA256_SIZE + 1];
    char until[BM_TIME_TEXT_SIZE];

    BM_TRY(bm_ctl_state_change(ctl, admit, &a));
    bm_text_hex(BM_BYTES_ARRAY(a.device.ek_sha256), hex);
    bm_text_time(a.last_expiry, until);
    printf("%s %s, EK %s", a.last_expiry > a.now ? "unchanged" : "admitted", a.device.identity[0] == 0 ? "(no serial)" : a.device.identity, hex);
    if (a.last_expiry > a.now)
        printf(": its last certificate is good until %s, and it may renew until then", until);
    printf("\n");
    return bm_ctl_output_flush();
}
