#include "swarm_check.h"

#include "crypto/hash.h"
#include "store/store.h"
#include "x509/issue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A certificate of the database: what must not be there twice, and what tells it from others. */
typedef struct {
    uint8_t der[BM_SHA256_SIZE]; /* its hash */
    uint8_t serial[BM_SERIAL_SIZE];
    uint8_t request_id[BM_SHA256_SIZE];
    uint8_t ek[BM_SHA256_SIZE];
    char identity[BM_IDENTITY_MAX + 1];
} recorded;

typedef struct {
    recorded *rows;
    size_t count;
    bm_device *devices;
    size_t device_count;
} database;

static BM_RESULT grow(void **rows, size_t count, size_t size)
{
    void *more = (count & (count - 1)) == 0 ? realloc(*rows, (count == 0 ? 1 : 2 * count) * size) : *rows;

    BM_CHECK(more != NULL, BM_E_NO_MEMORY, NULL);
    *rows = more;
    return bm_ok();
}

static BM_RESULT on_certificate(void *context, const bm_store_certificate *certificate)
{
    database *all = context;
    recorded *row;

    BM_TRY(grow((void **)&all->rows, all->count, sizeof(*row)));
    row = &all->rows[all->count++];
    BM_TRY(bm_hash_sha256(certificate->der, row->der));
    memcpy(row->serial, certificate->serial, sizeof(row->serial));
    memcpy(row->request_id, certificate->request_id, sizeof(row->request_id));
    memcpy(row->ek, certificate->ek_sha256, sizeof(row->ek));
    memcpy(row->identity, certificate->identity, sizeof(row->identity));
    return bm_ok();
}

static BM_RESULT on_device(void *context, const bm_device *device)
{
    database *all = context;

    if (device->status != BM_DEVICE_ACTIVE || device->identity[0] == 0)
        return bm_ok();
    BM_TRY(grow((void **)&all->devices, all->device_count, sizeof(*device)));
    all->devices[all->device_count++] = *device;
    return bm_ok();
}

static int by_serial(const void *a, const void *b)
{
    return memcmp(((const recorded *)a)->serial, ((const recorded *)b)->serial, BM_SERIAL_SIZE);
}

static int by_request(const void *a, const void *b)
{
    return memcmp(((const recorded *)a)->request_id, ((const recorded *)b)->request_id, BM_SHA256_SIZE);
}

static int by_der(const void *a, const void *b)
{
    return memcmp(((const recorded *)a)->der, ((const recorded *)b)->der, BM_SHA256_SIZE);
}

static int by_ek(const void *a, const void *b)
{
    return memcmp(((const bm_device *)a)->ek_sha256, ((const bm_device *)b)->ek_sha256, BM_SHA256_SIZE);
}

static int by_identity(const void *a, const void *b)
{
    return strcasecmp(((const bm_device *)a)->identity, ((const bm_device *)b)->identity);
}

/* Sorts; are two that stand beside each other the same? */
static bool has_twins(void *rows, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count > 0)
        qsort(rows, count, size, compare);
    for (size_t i = 1; i < count; i++)
        if (compare((char *)rows + (i - 1) * size, (char *)rows + i * size) == 0)
            return true;
    return false;
}

static BM_RESULT check_unique(database *all)
{
    BM_CHECK(!has_twins(all->rows, all->count, sizeof(recorded), by_serial), BM_E_STORE, "a serial is there twice");
    BM_CHECK(!has_twins(all->rows, all->count, sizeof(recorded), by_request), BM_E_STORE, "a request is there twice");
    BM_CHECK(!has_twins(all->devices, all->device_count, sizeof(bm_device), by_ek), BM_E_STORE, "an EK is two devices");
    BM_CHECK(!has_twins(all->devices, all->device_count, sizeof(bm_device), by_identity), BM_E_STORE, "an identity has two EKs");
    return bm_ok();
}

/* A line of hex: is this certificate in the database, and does its row say what it says? */
static BM_RESULT check_held(const database *all, char *line)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    recorded wanted = {0};
    const recorded *row;
    bm_issued issued;

    line[strcspn(line, "\n")] = 0;
    for (size_t i = 0; line[i] != 0 && line[i + 1] != 0; i += 2) {
        const char pair[3] = {line[i], line[i + 1], 0};

        BM_TRY(bm_buf_put_u8(&der, (uint8_t)strtoul(pair, NULL, 16)));
    }
    BM_TRY(bm_issue_parse(bm_buf_view(&der), &issued));
    BM_TRY(bm_hash_sha256(bm_buf_view(&der), wanted.der));
    row = bsearch(&wanted, all->rows, all->count, sizeof(recorded), by_der);
    BM_CHECK(row != NULL, BM_E_STORE, "a device holds a certificate that is not in the database");
    BM_CHECK(memmem(der.data, der.size, row->identity, strlen(row->identity)) != NULL, BM_E_STORE,
             "a certificate is in the database under another name");
    return bm_ok();
}

static BM_RESULT check_file(const database *all, const char *path, unsigned long *held)
{
    FILE *file = fopen(path, "r");
    bm_result result = bm_ok();
    char *line = NULL;
    size_t size = 0;

    if (file == NULL)
        return bm_failf(BM_E_IO, "%s: %s", path, strerror(errno));
    while (result.code == BM_OK && getline(&line, &size, file) > 0) {
        result = check_held(all, line);
        (*held)++;
    }
    free(line);
    (void)fclose(file);
    return result;
}

static BM_RESULT check_all(const char *path, char **files, int count, database *all)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    unsigned long held = 0;
    uint64_t entries;

    BM_TRY(bm_store_open(path, false, &store));
    BM_TRY(bm_store_log_verify(store, &entries));
    BM_TRY(bm_store_certificate_list(store, NULL, on_certificate, all));
    BM_TRY(bm_store_device_list(store, on_device, all));
    BM_TRY(check_unique(all));
    if (all->count > 0)
        qsort(all->rows, all->count, sizeof(recorded), by_der);
    for (int i = 0; i < count; i++)
        BM_TRY(check_file(all, files[i], &held));
    (void)printf("held %lu certificates; the database has %zu, of %zu devices; %llu log entries verified\n", held, all->count,
                 all->device_count, (unsigned long long)entries);
    return bm_ok();
}

BM_RESULT swarm_check(const char *path, char **files, int count)
{
    database all = {0};
    bm_result result = check_all(path, files, count, &all);

    free(all.rows);
    free(all.devices);
    return result;
}

BM_RESULT swarm_held(int fd, bm_bytes der)
{
    BM_AUTO_BUF line = BM_BUF_EMPTY;

    for (size_t i = 0; i < der.size; i++)
        BM_TRY(bm_buf_putf(&line, "%02x", der.data[i]));
    BM_TRY(bm_buf_put_u8(&line, '\n'));
    BM_CHECK(write(fd, line.data, line.size) == (ssize_t)line.size, BM_E_IO, "a certificate cannot be kept");
    return bm_ok();
}
